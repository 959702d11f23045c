"""Detects endpoint names that another service also uses: pings each name and counts the replies."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from dripline.amqp.content import Delivery
from dripline.errors import DecodingError, NameTaken, NoRoute
from dripline.runtime.link import MeshLink
from dripline.runtime.liveness import PROBE
from dripline.transport.connection import Connection
from dripline.wire.body import read_part
from dripline.wire.codec import read_message
from dripline.wire.enums import op_t
from dripline.wire.message import Message, MsgReply, MsgRequest
from dripline.wire.safe_text import safe_text

# A service that is busy and whose pings do not overtake its handler answers later than that, and is not noticed.
_PATIENCE_S = 1.0
_AT_ONCE = 200


class SharedNames:
    """Collects who answers requests that are addressed to a service.

    Args:
        service: The service's name; its own replies do not count.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._answers: deque[tuple[str, str]] = deque()
        self._known: set[tuple[str, str]] = set()

    def on_reply(self, name: str, delivery: Delivery) -> None:
        """Take a reply to a probe that was sent to ``name``; called on the I/O thread."""
        try:
            part = read_part(delivery.properties, delivery.body, delivery.routing_key)
            other = other_service(read_message(part, part.body), self._service)
        except DecodingError:
            return
        if other and (name, other) not in self._known:
            self._known.add((name, other))
            self._answers.append((name, other))

    def forget(self) -> None:
        """Report everything again: there is a new connection."""
        self._known.clear()

    def report(self) -> list[str]:
        """Describe what is new since the last call, one line for each other service."""
        names: dict[str, list[str]] = {}
        while self._answers:
            name, other = self._answers.popleft()
            names.setdefault(other, []).append(name)
        return [
            f"requests for {some(sorted(shared))} also reach {other}; names of services and endpoints must be "
            "unique on a mesh: rename them, or stop one of the services"
            for other, shared in names.items()
        ]


def declare_queue(connection: Connection, name: str) -> None:
    """Declare the queue of a service or endpoint.

    Raises:
        NameTaken: There is a queue of that name.
    """
    try:
        connection.declare_queue(name)
    except NameTaken as error:
        raise NameTaken(
            f"{name!r} is taken: another service or endpoint of that name is on the mesh at {connection.address}; "
            "stop it, or give this one another name"
        ) from error


def refuse_shared(link: MeshLink, service: str, names: Sequence[str]) -> None:
    """Make sure that nobody else answers to names that are to be bound.

    Args:
        link: A link whose replies are prepared.
        service: Name of the service that is to have these names.
        names: The names.

    Raises:
        NameTaken: Another service answers to one of them.
        BrokerError: The connection is gone, or the broker takes no messages for now.
    """
    for first in range(0, len(names), _AT_ONCE):
        pings = [MsgRequest.create(PROBE, op_t.cmd, name, "ping") for name in names[first : first + _AT_ONCE]]
        deadline = time.monotonic() + _PATIENCE_S
        sent = [link.send_request(ping, timeout_s=_PATIENCE_S, on_outcome=lambda _: None) for ping in pings]
        for pending in sent:
            try:
                reply = pending.wait(max(0.0, deadline - time.monotonic()))
            except (NoRoute, TimeoutError, DecodingError):  # in time: a monitor, or a service that has just ended
                continue
            other = other_service(reply, service)
            if other:
                raise NameTaken(
                    f"{pending.request.routing_key!r} is taken: {other} answers to it, and {service} has "
                    "'unique_endpoints: true'; rename it, or stop the other service"
                )


def other_service(reply: Message, service: str) -> str:
    """Describe who sent a reply; empty if that is ``service`` itself, as a former instance of it."""
    if not isinstance(reply, MsgReply):
        return ""
    name = str(reply.sender_info.get("service_name", ""))
    if name == service:
        return ""
    host = str(reply.sender_info.get("hostname", "")) or "an unknown host"
    return safe_text(f"service {name!r} on {host}" if name else f"a service on {host}")


def some(names: Sequence[str]) -> str:
    """List names, and only count them from the fourth one on."""
    shown = " and ".join(map(repr, names[:3]))
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
