"""Who is on a mesh: every service answers a broadcast, and those of ours say which endpoints they have."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dripline.errors import DriplineError, NoRoute, ReplyTimeout
from dripline.runtime.client import MeshClient
from dripline.wire.enums import op_t
from dripline.wire.message import Message, MsgReply, MsgRequest

#: What is asked of a service to hear about its endpoints. With a hyphen, it is no attribute's name.
LIST_ENDPOINTS = "list-endpoints"

_CONNECT_S = 1.0


@dataclass
class Present:
    """A service that answered.

    Attributes:
        name: the service.
        sender: what it said of itself.
        endpoints: ``{"name": …, "class": …}`` of each endpoint; None from a service that does not tell.
    """

    name: str
    sender: dict[str, Any]
    endpoints: list[dict[str, Any]] | None = field(default=None)


def discover_services(
    new_client: Callable[[], MeshClient],
    wait_s: float = 1.0,
    broadcast_key: str = "broadcast",
    connect_s: float | None = None,
) -> list[Present]:
    """Ask all services of a mesh to answer.

    Args:
        new_client: makes a client that nobody else uses; it is closed at the end.
        wait_s: how long to wait for answers, in seconds: nobody knows how many will come.
        broadcast_key: first word of the routing keys that address every service.
        connect_s: longest wait for a connection and the queue, in seconds; None for ``wait_s``, or 1 s if that is
            longer.

    Returns:
        The services that answered, by name.

    Raises:
        BrokerError: there is no broker.
    """
    with new_client().in_time() as client:
        limit_s = max(wait_s, _CONNECT_S) if connect_s is None else connect_s
        present = _pings(client, wait_s, broadcast_key, limit_s)
        deadline = time.monotonic() + wait_s
        requests = [MsgRequest.create(None, op_t.get, service.name, LIST_ENDPOINTS) for service in present]
        asked = [client.submit(request, wait_s) for request in requests]
        for service, pending in zip(present, asked, strict=True):
            service.endpoints = _endpoints(pending, max(0.0, deadline - time.monotonic()))
    return present


def _pings(client: MeshClient, wait_s: float, broadcast_key: str, connect_s: float) -> list[Present]:
    found: dict[str, Present] = {}

    def take(message: Message) -> None:
        if isinstance(message, MsgReply):
            name = str(message.sender_info.get("service_name", ""))
            found[name] = Present(name, dict(message.sender_info))

    address = f"roll-call-{uuid.uuid4()}"
    client.monitor([address], [], take, connect_s)
    ping = MsgRequest.create(None, op_t.cmd, broadcast_key, "ping", address)
    try:
        client.link.send_request(ping, expect_reply=False, timeout_s=wait_s).wait(wait_s)
    except ReplyTimeout:
        pass  # the replies came elsewhere, since there are many
    except NoRoute:
        return []
    return sorted(found.values(), key=lambda service: service.name)


def _endpoints(pending: Any, wait_s: float) -> list[dict[str, Any]] | None:
    try:
        reply = pending.wait(wait_s)
    except DriplineError:
        return None  # it ended meanwhile, or is at work
    payload = reply.plain_payload
    listed = payload.get("endpoints") if reply.return_code == 0 and isinstance(payload, dict) else None
    return listed if isinstance(listed, list) else None
