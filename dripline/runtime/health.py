"""Self-check of a service: sends itself a probe through the broker, and restores what is missing."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from dripline.errors import DriplineError
from dripline.runtime.outage import Outage
from dripline.runtime.rate_limited_log import Boundary, RateLimitedLogger
from dripline.runtime.request_router import HandlerTimeout
from dripline.runtime.service_link import ServiceLink
from dripline.transport.connection import Connection
from dripline.wire.enums import op_t
from dripline.wire.message import MsgRequest

logger = logging.getLogger("dripline.service")

#: Specifier of a get that returns the health of a service.
HEALTH = "health"

_PATIENCE_S = 5.0
_SOON_S = 0.1
_PAUSE_S = 1.0  # between attempts to restore bindings
_REST = 4  # pause between probes of many names, as a multiple of the time that they took
_ANSWER_S = 0.3  # for other services with the same names to answer
_ATTEMPTS = 3  # to restore them on a connection, before another connection is made


class Health:
    """Knows whether a service can be reached: it sends requests to itself, through the broker.

    It does so on each new connection, and again at the mesh's `self_check_interval_s`. What an operator has
    deleted meanwhile, exchanges, queues or bindings, is declared and bound again.

    Args:
        link: of the service.
        handler_timeout: of its handlers.
    """

    def __init__(self, link: ServiceLink, handler_timeout: HandlerTimeout) -> None:
        self._link = link
        self._handler_timeout = handler_timeout
        self._started_s = time.monotonic()
        self._reached: Connection | None = None
        self._reached_s = 0.0
        self._doubted: Connection | None = None  # a check failed on this one
        self._attempts = 0
        self._problem = ""
        self._outage = Outage(logger)
        self._limited_log = RateLimitedLogger(logger)
        self._wake = threading.Event()
        self._stopped = False
        self._thread: threading.Thread | None = None

    def connected(self, _connection: Connection) -> None:
        """Begin to find out, on a separate thread, whether requests arrive over a new connection."""
        self._stopped = False
        self._wake.set()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="dripline-self-check", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Check no more; a check that is under way ends with the connection."""
        self._stopped = True
        self._problem, self._outage = "", Outage(logger)
        self._wake.set()

    @property
    def is_ready(self) -> bool:
        """Whether the service has reached itself over the current connection, in its last check."""
        return self._reached is not None and self._link.connection_now is self._reached

    def report(self) -> dict[str, Any]:
        """All that is known, as ``get <service> -s health`` shows it."""
        now, ready = time.monotonic(), self.is_ready
        return {
            "ready": ready,
            **({"problem": self._problem} if self._problem else {}),
            "connected_s": round(now - self._reached_s, 3) if ready else 0,
            "uptime_s": round(now - self._started_s, 3),
            "busy_s": round(self._handler_timeout.busy_s, 3),
            "handler_timeouts": self._handler_timeout.timeouts,
            **self._link.counts(),
        }

    def _run(self) -> None:
        while not self._stopped:
            self._wake.clear()
            pause_s: float | None = _PAUSE_S
            name = self._link.name
            # Restoring calls `bind_keys`, and a laboratory's may raise anything.
            with Boundary(self._limited_log, "%s: the bindings could not be checked; trying again", name):
                try:
                    pause_s = self._look()
                except (DriplineError, TimeoutError) as error:  # no proof: the connection may be lost, or slow
                    logger.debug("%s: did not reach itself: %s", name, error)
                    if not self.is_ready and self._doubted is None:
                        pause_s = _SOON_S
            if not self._stopped:
                self._wake.wait(pause_s)

    def _look(self) -> float | None:
        """Do the check that is due; returns the seconds until the next one, None to wait for a connection."""
        connection = self._link.connection_now
        if connection is None:
            return None
        if self._doubted is not None and self._doubted is connection:
            return self._restore(connection)
        self._doubted = None
        if self._reached is not connection:
            ping = MsgRequest.create(None, op_t.cmd, self._link.name, "ping")
            self._link.ask(ping, _PATIENCE_S)
            self._link.routes.watch(connection)
            self._succeeded(connection)
            self._look_for_others(connection)
            return self._interval_s
        if not self._interval_s:
            return None
        problem = self._link.routes.check(connection)
        if problem:
            self._reached, self._doubted, self._attempts = None, connection, 0
            self._problem = problem
            text = "%s: %s; declaring and binding everything again"
            self._outage.tell("", text, self._link.name, problem)
            return 0.0
        return self._interval_s - self._report_shared()

    def _look_for_others(self, connection: Connection) -> None:
        """See whether other services answer to the names of this one; most of the time is left to requests."""
        routes = self._link.routes
        routes.shared.forget()
        begin = time.monotonic()
        for _ in routes.probe_all():
            if self._stopped or self._link.connection_now is not connection:
                return
            self._wake.wait(_REST * (time.monotonic() - begin))
            begin = time.monotonic()
        self._report_shared()

    def _report_shared(self) -> float:
        """Log which names other services answer to, when they had time to; returns that time, in seconds."""
        wait_s = min(_ANSWER_S, self._interval_s or _ANSWER_S)
        self._wake.wait(wait_s)
        for line in self._link.routes.shared.report():
            logger.warning("%s: %s", self._link.name, line)
        return wait_s

    def _restore(self, connection: Connection) -> float | None:
        """Declare and bind everything again, and see whether it helped."""
        self._attempts += 1
        if self._stopped:
            return None
        if self._attempts > _ATTEMPTS:  # the broker may have lost the consumer
            self._doubted = None
            connection.report_lost(f"{self._link.name} could not be reached over the connection: {self._problem}")
            return _PAUSE_S
        self._link.routes.restore()
        problem = self._link.routes.unreached()
        if not problem:
            return self._succeeded(connection)
        self._problem = problem
        return _PAUSE_S

    def _succeeded(self, connection: Connection) -> float | None:
        self._reached_s = time.monotonic()
        self._reached, self._doubted = connection, None
        self._problem = ""
        self._outage.end("%s: can be reached again", self._link.name)
        return self._interval_s

    @property
    def _interval_s(self) -> float | None:
        return self._link.mesh.self_check_interval_s or None
