"""Messages that a member sends to itself, to find out whether its queues are reached."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from dripline.amqp.content import Delivery
from dripline.errors import NoRoute, ReplyTimeout
from dripline.runtime.link import MeshLink
from dripline.runtime.pings import PROBE
from dripline.transport.connection import Connection
from dripline.wire.enums import op_t
from dripline.wire.message import MsgRequest

_REMEMBERED = 1000


class Unreached(NamedTuple):
    """Routing keys whose probes did not arrive.

    Attributes:
        unrouted: the broker returned the probe: no queue is bound; or there is no exchange.
        silent: the probe did not arrive in time.
    """

    unrouted: list[str]
    silent: list[str]


class Probes:
    """Sends pings, and takes them out of the queues before any handler sees them.

    They arrive while handlers are busy. A reply can only come from elsewhere, from a member whose endpoint has the
    same name.

    Args:
        link: where they are sent.
        on_reply: called on the I/O thread with the key of a probe and a reply to it.
    """

    def __init__(self, link: MeshLink, on_reply: Callable[[str, Delivery], object]) -> None:
        self._link = link
        self._on_reply = on_reply
        self._sent: dict[str | None, str] = {}  # keys by correlation id, the oldest first; also of late probes

    def feeder(self, connection: Connection, feed: Callable[[Delivery], None]) -> Callable[[Delivery], None]:
        """Return what passes all deliveries on but the probes; for the I/O thread."""

        def take(delivery: Delivery) -> None:
            if self._arrived(delivery):
                connection.ack(delivery)
            else:
                feed(delivery)

        return take

    def send(self, keys: Iterable[str], patience_s: float) -> Unreached:
        """Send a probe to each key, and wait until they have arrived.

        Args:
            keys: routing keys.
            patience_s: how long the probes may take together when the broker has them, in seconds.

        Raises:
            BrokerError: the connection is gone, or the broker takes no messages for now.
        """
        self._link.observe_replies(self._sent, self._replied)
        found = Unreached([], [])
        while len(self._sent) > _REMEMBERED:
            del self._sent[next(iter(self._sent))]
        probes = [MsgRequest.create(PROBE, op_t.cmd, key, "ping") for key in keys]
        self._sent.update((probe.correlation_id, probe.routing_key) for probe in probes)
        sent = self._link.send_probes(probes) if probes else []
        deadline = time.monotonic() + patience_s
        for pending in sent:
            key = pending.request.routing_key
            try:
                pending.wait(max(0.0, deadline - time.monotonic()))
            except _Arrived:
                continue
            except NoRoute:
                found.unrouted.append(key)
            except ReplyTimeout:
                found.silent.append(key)
        return found

    def _replied(self, delivery: Delivery) -> None:
        key = self._sent.get(delivery.properties.correlation_id)
        if key is not None:
            self._on_reply(key, delivery)

    def _arrived(self, delivery: Delivery) -> bool:
        correlation_id = delivery.properties.correlation_id or ""
        if correlation_id not in self._sent:
            return False
        self._link.end_wait(correlation_id, _Arrived())
        return True


class _Arrived(Exception):
    """A probe has arrived."""
