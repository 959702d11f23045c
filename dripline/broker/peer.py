"""A client's connection, as its channels and its handshake know it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from dripline.broker.compatibility import FRAME_MAX
from dripline.broker.errors import ConnectionFault
from dripline.broker.heartbeat import Heartbeat
from dripline.broker.state import State
from dripline.broker.vhost import VirtualHost

CHANNEL_MAX: Final = 2047


class Peer:
    """What was agreed on with a client, and the way to it.

    Attributes:
        congested: the client does not read fast enough; nothing is delivered to it until it does.
        certified_name: the name in the certificate that the client has proved to have; empty without one.
        client_name: what the client calls itself (its property ``connection_name``).
        confirm_later: calls a function with the next flush, to confirm what a channel published.
        frame_max: longest frame the client takes, in bytes.
        publishes: the client has published something.
        send: gathers bytes; they go out with the next flush.
    """

    vhost: VirtualHost
    heartbeat: Heartbeat
    send: Callable[[bytes], None]
    confirm_later: Callable[[Callable[[], None]], None]

    def __init__(self, state: State[Any]) -> None:
        self.state = state
        self.max_body_size = state.settings.max_body_size
        self.frame_max = FRAME_MAX
        self.channel_max = CHANNEL_MAX
        self.wants_cancel_notifications = False
        self.wants_blocked_notifications = False
        self.closes_on_refused_login = False
        self.certified_name = ""
        self.client_name = ""
        self.publishes = False
        self.congested = False
        self._unfinished = 0  # bytes of messages that have begun

    def count_unfinished(self, size: int) -> None:
        """A piece of a message came whose other pieces are still to come; a negative size takes it off again.

        Raises:
            ConnectionFault: 506 when all of them together are longer than one message may be.
        """
        self._unfinished += size
        if self._unfinished > self.max_body_size:
            raise ConnectionFault(506, f"unfinished messages take more than {self.max_body_size} bytes")
