"""Messages as readable text and as JSON documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dripline.wire.body import to_jsonable
from dripline.wire.enums import encoding, msg_t
from scarab.layout import to_text as payload_to_text


class Printable(Protocol):
    """What is printed of each message; `message.Message` has it. Requests and replies have more, by their type."""

    message_type: msg_t
    routing_key: str
    correlation_id: str
    message_id: str
    reply_to: str
    encoding: encoding
    timestamp: str
    sender_info: dict[str, Any]

    @property
    def specifier_text(self) -> str:
        """The specifier as it was written."""

    @property
    def plain_payload(self) -> Any:
        """The payload as plain Python."""


def to_text(message: Printable, shown: Callable[[str], str] = str) -> str:
    """Print a message as a readable block; every line ends with a line break.

    Args:
        message: The message.
        shown: Applied to all that its sender chose; `safe_text` makes a block that a terminal can show.
    """
    lines = [
        f"Routing key: {shown(message.routing_key)}",
        f"Correlation ID: {shown(message.correlation_id)}",
        f"Reply To: {shown(message.reply_to)}",
        f"Message Type: {int(message.message_type)} ({message.message_type.name})",
        f"Encoding: {message.encoding.name}",
        f"Timestamp: {shown(message.timestamp)}",
        *_sender_lines(message.sender_info, shown),
        f"Specifier: {shown(message.specifier_text)}",
        f"Payload: {payload_to_text(message.plain_payload, shown=shown)}",
        *_type_lines(message, shown),
    ]
    return "".join(f"{line}\n" for line in lines)


def to_document(message: Printable) -> dict[str, Any]:
    """Give everything about a message as a mapping that JSON can hold."""
    document = {
        "correlation_id": message.correlation_id,
        "encoding": message.encoding.value,
        "message_id": message.message_id,
        "message_type": int(message.message_type),
        "payload": to_jsonable(message.plain_payload)[0],
        "reply_to": message.reply_to,
        "routing_key": message.routing_key,
        "sender_info": message.sender_info,
        "specifier": message.specifier_text,
        "timestamp": message.timestamp,
    }
    of_its_type: Any = message
    if message.message_type is msg_t.reply:
        document.update(return_code=of_its_type.return_code, return_message=of_its_type.return_message)
    if message.message_type is msg_t.request:
        document.update(lockout_key=of_its_type.lockout_key_text, message_operation=of_its_type.raw_operation)
    return document


def to_json(message: Printable, indent: int | None = None) -> str:
    """Print a message as JSON.

    Args:
        message: the message.
        indent: spaces of each level; None puts everything on one line.
    """
    separators = (",", ":") if indent is None else (",", ": ")
    # default=str: sender_info came from the mesh and may hold any type that AMQP has.
    return json.dumps(
        to_document(message),
        indent=indent,
        separators=separators,
        sort_keys=True,
        ensure_ascii=False,
        default=str,
    )


def _type_lines(message: Any, shown: Callable[[str], str]) -> list[str]:
    if message.message_type is msg_t.reply:
        return [f"Return Code: {message.return_code}", f"Return Message: {shown(message.return_message)}"]
    if message.message_type is msg_t.request:
        return [
            f"Lockout Key: {shown(str(message.lockout_key))}",
            f"Lockout Key Valid: {int(message.lockout_key_valid)}",
            f"Message Operation: {message.raw_operation}",
        ]
    return []


def _sender_lines(sender: Mapping[str, Any], shown: Callable[[str], str]) -> list[str]:
    versions = sender.get("versions")
    parts_of_sender = ("exe", "hostname", "username", "service_name")
    lines = [
        "Sender Info:",
        *(
            f"\t{title}: {shown(str(sender.get(part, '')))}"
            for title, part in zip(("Executable", "Hostname", "Username", "Service"), parts_of_sender, strict=True)
        ),
        "\tVersions:",
    ]
    for name, version in sorted(versions.items()) if isinstance(versions, Mapping) else ():
        parts = version if isinstance(version, Mapping) else {}
        lines.append(f"\t\t{shown(str(name))}:")
        lines.extend(
            f"\t\t\t{part.capitalize()}: {shown(str(parts.get(part, '')))}"
            for part in ("version", "commit", "package")
        )
    return lines
