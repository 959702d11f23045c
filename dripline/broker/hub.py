"""What all connections of one running broker share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dripline.broker.vhost import VirtualHost

if TYPE_CHECKING:
    from dripline.broker.connection import Connection
    from dripline.broker.outbox import Outbox


@dataclass(frozen=True)
class Settings:
    """How a broker was set up.

    Attributes:
        heartbeat_s: heartbeat interval offered to clients, in seconds; 0 for none.
        max_body_size: longest message body accepted, in bytes.
    """

    username: str
    password: str
    virtual_host: str
    heartbeat_s: int
    max_body_size: int

    def __repr__(self) -> str:
        return f"Settings({self.username!r}, {self.virtual_host!r})"  # never the password


class Hub:
    """The virtual host, the connections, and those of them that have something to send."""

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        self.settings = settings
        self.loop = loop
        self.vhost = VirtualHost(settings.virtual_host, self._later)
        self.connections: set[Connection] = set()
        self.to_flush: list[Outbox] = []

    def flush(self) -> None:
        """Write what was gathered: one write per connection for all that one event caused."""
        while self.to_flush:
            self.to_flush.pop().flush()

    def _later(self, function: Callable[[], None]) -> None:
        self.loop.call_soon(self._run_and_flush, function)

    def _run_and_flush(self, function: Callable[[], None]) -> None:
        function()
        self.flush()
