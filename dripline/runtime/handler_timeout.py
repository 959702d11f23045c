"""How long handlers take, and what is done about those that take too long."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType

from dripline.runtime.boundary import Boundary
from dripline.runtime.rate_limited_log import RateLimitedLogger
from dripline.wire.message import Message, MsgRequest

logger = logging.getLogger("dripline.service")


class HandlerTimeout:
    """Times the handlers on all threads of a service, and answers for one that takes too long.

    Args:
        timeout_s: how long a handler may take before its request is answered without it; 0 for no limit.
        on_timeout: called once with a request that takes longer, on a thread of its own.

    Attributes:
        timeouts: how many requests took too long.
    """

    def __init__(self, timeout_s: float, on_timeout: Callable[[MsgRequest], None]) -> None:
        self.timeout_s = timeout_s
        self.timeouts = 0
        self._on_timeout = on_timeout
        self._limited_log = RateLimitedLogger(logger)
        self._in_flight: dict[int, _Handling] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    @property
    def busy_s(self) -> float:
        """How long the oldest message has been in hand, in seconds; 0 when there is none."""
        try:
            oldest = min((handling.start for handling in list(self._in_flight.values())), default=None)
        except RuntimeError:  # it changed meanwhile
            return 0.0
        return 0.0 if oldest is None else time.monotonic() - oldest

    def over(self, message: Message) -> _Handling:
        """Time the block that handles a message."""
        if self.timeout_s > 0 and self._thread is None:
            self._start()
        return _Handling(self._in_flight, message)

    def message_here(self) -> Message | None:
        """Return the message that the calling thread is handling, if there is one."""
        handling = self._in_flight.get(threading.get_ident())
        return None if handling is None else handling.message

    def stop(self) -> None:
        """Stop."""
        self._stopped.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._stopped.clear()
                self._thread = threading.Thread(target=self._run, name="dripline-handler-timeout", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(self.timeout_s / 8):
            now = time.monotonic()
            for handling in list(self._in_flight.values()):
                late = now - handling.start > self.timeout_s and not handling.told
                if late and isinstance(handling.message, MsgRequest):
                    handling.told = True
                    self.timeouts += 1
                    self._tell(handling.message)

    def _tell(self, request: MsgRequest) -> None:
        with Boundary(self._limited_log, "the request for %r could not be given up", request.routing_key):
            self._on_timeout(request)


class _Handling:
    """A block in which a message is handled.

    Attributes:
        message: The message.
        start: When it began, in seconds of the monotonic clock.
        told: Whether it was told that it takes too long.
    """

    __slots__ = ("_in_flight", "_outer", "message", "start", "told")

    def __init__(self, in_flight: dict[int, _Handling], message: Message) -> None:
        self._in_flight = in_flight
        self.message = message
        self.told = False

    def __enter__(self) -> None:
        thread = threading.get_ident()
        self._outer = self._in_flight.get(thread)
        self.start = time.monotonic()
        self._in_flight[thread] = self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        thread = threading.get_ident()
        if self._outer is None:
            self._in_flight.pop(thread, None)
        else:
            self._in_flight[thread] = self._outer
