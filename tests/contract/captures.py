"""Messages captured from a real mesh, as bytes to send and as facts to compare with."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from .typed import decode_properties, plain, types

_FOLDER = Path(__file__).parents[1] / "golden" / "captures"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


class Message(NamedTuple):
    """One AMQP message.

    Attributes:
        routing_key: the key it was published with.
        properties: flags and property list.
        body: its bytes.
    """

    routing_key: str
    properties: bytes
    body: bytes

    @property
    def headers(self) -> dict[str, Any]:
        """The header table without types."""
        headers: dict[str, Any] = plain(decode_properties(self.properties).get("headers", {}))
        return headers

    @property
    def payload(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


class Case(NamedTuple):
    """What was captured in one case.

    Attributes:
        requests: what was sent to services.
        replies: what they answered, all chunks.
        alerts: what was sent besides.
    """

    requests: list[Message]
    replies: list[Message]
    alerts: list[Message]


@cache
def cases() -> dict[str, Case]:
    """All cases by name."""
    senders = json.loads((_FOLDER / "senders.json").read_text())
    found: dict[str, Case] = {}
    for line in (_FOLDER / "messages.jsonl").read_text().splitlines():
        record = json.loads(line)
        data = re.sub(r"\{\w+\}", lambda name: senders[name[0]], record["properties"])
        message = Message(
            record["routing_key"], bytes.fromhex(data), record["body"].encode("utf-8", "surrogateescape")
        )
        case = found.setdefault(record["case"], Case([], [], []))
        _list_for(message, case).append(message)
    return found


def _list_for(message: Message, case: Case) -> list[Message]:
    if message.routing_key.startswith("amq.gen-"):
        return case.replies
    periodic = message.routing_key.startswith(("sensor_value.", "heartbeat."))
    return case.alerts if periodic else case.requests


def facts(message: Message, service: str = "my_store") -> dict[str, Any]:
    """What two messages that mean the same have in common, field by field.

    Args:
        message: a reply or an alert of a service.
        service: the service's name, which stands in it.
    """
    properties = decode_properties(message.properties)
    headers = properties.pop("headers")
    message_id, chunk = properties.pop("message_id").split("/", 1)
    sender = headers.pop("sender_info").value
    timestamp = headers.pop("timestamp")
    # What a service of ours is written in differs from the reference's.
    versions = {name: types(version) for name, version in sender.pop("versions").value.items()}
    del versions["dripline-python"]
    versions.pop("dripline-cpp", None)
    return {
        **properties,
        "message_id is a UUID": _UUID.fullmatch(message_id) is not None,
        "chunk": chunk,
        "timestamp": (timestamp.type, _TIMESTAMP.fullmatch(timestamp.value) is not None),
        "sender": types(sender),
        "service": plain(sender["service_name"]).replace(service, "my_store"),
        "versions": versions,
        "headers": headers,
        "body": message.body,
    }
