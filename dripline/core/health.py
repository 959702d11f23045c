"""How a service is, for programs that start, watch and restart it."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, Any

from dripline.wire.enums import op_t
from dripline.wire.errors import DriplineError
from dripline.wire.message import MsgRequest

if TYPE_CHECKING:
    from dripline.core.mailbox import Mailbox
    from dripline.runtime.handler_watch import HandlerWatch
    from dripline.transport import Connection

logger = logging.getLogger(__name__)

_PATIENCE_S = 5.0


class Health:
    """Knows whether a service can be reached: it asks itself, through the broker, on each new connection.

    Args:
        mailbox: of the service.
        watch: of its handlers.
    """

    def __init__(self, mailbox: Mailbox, watch: HandlerWatch) -> None:
        self._mailbox = mailbox
        self._watch = watch
        self._started_s = time.monotonic()
        self._reached: Connection | None = None
        self._reached_s = 0.0

    def connected(self, connection: Connection) -> None:
        """Begin to find out, on a thread of its own, whether requests arrive over a new connection."""
        threading.Thread(target=self._reach, args=(connection,), name="dripline-self-check", daemon=True).start()

    @property
    def is_ready(self) -> bool:
        """Whether the service has reached itself over the connection of this moment."""
        return self._reached is not None and self._mailbox.connection_now is self._reached

    def report(self) -> dict[str, Any]:
        """All that is known, as ``get <service> -s health`` shows it."""
        now, ready = time.monotonic(), self.is_ready
        return {
            "ready": ready,
            "connected_s": round(now - self._reached_s, 3) if ready else 0,
            "uptime_s": round(now - self._started_s, 3),
            "busy_s": round(self._watch.busy_s, 3),
            "handler_timeouts": self._watch.timeouts,
            "waiting_alerts": self._mailbox.waiting_alerts,
            "dropped_alerts": self._mailbox.dropped_alerts,
            **self._mailbox.consumed(),
        }

    def _reach(self, connection: Connection) -> None:
        ping = MsgRequest.create(None, op_t.cmd, self._mailbox.name, "ping")
        while self._mailbox.connection_now is connection:
            try:
                self._mailbox.ask(ping, _PATIENCE_S)
            except (DriplineError, TimeoutError) as error:
                logger.debug("%s: did not reach itself: %s", self._mailbox.name, error)
                if self._mailbox.is_closed:
                    return
                time.sleep(0.1)
                continue
            self._reached_s = time.monotonic()
            self._reached = connection
            return
