"""I/O thread of a connection: reads the socket, runs timers, sends AMQP heartbeats; other threads write.

Reading, timers and everything that is pika's happen on this loop's thread. While that thread sleeps, finished
frames are written straight from the thread that made them (no hand-over, no wake-up). While it is awake they are
left in a backlog, which it writes in one go before it sleeps again: under load many messages share a system call.
What the socket does not take at once stays in the same backlog.

With TLS bytes are encrypted before they are written or left in the backlog, and decrypted after they were read,
both under the same lock: OpenSSL allows one thread at a time, and what is encrypted has to travel in that order.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from dripline.amqp.content import HEARTBEAT_FRAME
from dripline.wire.safe_text import duration

if TYPE_CHECKING:
    from dripline.transport.tls import TlsEngine

_READ_SIZE = 256 * 1024
_CLOSED = "the broker closed the connection"
_MAX_BACKLOG = 8 * 1024 * 1024
_FIRST_BYTES = 64  # enough to recognize what is not a broker
_HEARTBEATS_PER_INTERVAL = 2
_LOOKS_PER_INTERVAL = 8
#: Brokers send something in every interval; two intervals are the protocol's limit, and it must be noticed within.
_SILENT_LOOKS = 14


class Timer:
    """A call that is due at a time of the monotonic clock."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], object]) -> None:
        self.callback: Callable[[], object] | None = callback


class SocketLoop:
    """Reads one socket until it is closed, and runs timers and calls from other threads in between.

    Args:
        sock: A connected socket; the loop closes it.
        on_data: Called with the bytes that were read.
        on_closed: Called once when the socket is gone: with the error, or None when it was closed on purpose.
        tls: Encrypts what is sent and decrypts what is read, after its handshake; None for neither.

    Attributes:
        bytes_received: How many bytes have come.
        first_bytes: The beginning of what the broker sent.
    """

    def __init__(
        self,
        sock: socket.socket,
        on_data: Callable[[bytes], None],
        on_closed: Callable[[Exception | None], None],
        tls: TlsEngine | None = None,
    ) -> None:
        self.bytes_received = 0
        self.first_bytes = b""
        self._socket = sock
        self._on_data = on_data
        self._on_closed = on_closed
        self._tls = tls
        self._lock = threading.Lock()  # guards backlog, awake, finished, TLS and every write
        self._room = threading.Condition(self._lock)
        self._backlog = bytearray()
        self._awake = True
        self._finished = False
        self._closing = False
        self._ending = False
        self._calls: deque[Callable[[], object]] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        sock.setblocking(False)
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self.thread = threading.Thread(target=self._run, name="dripline-io", daemon=True)

    # -- from any thread -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to read, in the loop's own thread."""
        self.thread.start()

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Run ``callback`` on the loop's thread; nothing happens when the loop has ended."""
        self._calls.append(callback)
        with self._lock:
            if not self._awake and not self._finished:
                self._wake()

    def send(self, data: bytes, timeout_s: float | None = None) -> None:
        """Write whole frames; returns when the socket or the backlog has them.

        Args:
            data: One or more whole frames.
            timeout_s: Longest wait for room when the broker takes nothing; None never waits, for small frames.

        Raises:
            ConnectionError: The connection is closed.
            TimeoutError: The broker took nothing for ``timeout_s``.
        """
        with self._lock:
            if len(self._backlog) > _MAX_BACKLOG and timeout_s is not None:
                self._wait_for_room(timeout_s)
            if self._finished or (self._closing and threading.current_thread() is not self.thread):
                raise ConnectionError("the connection is closed")
            if self._tls is not None:
                data = self._tls.encrypt(data)
            if self._awake or self._backlog:
                self._backlog += data
                return
            sent = self._write(data)
            if sent < len(data):
                self._backlog += memoryview(data)[sent:]
                self._wake()

    def abandon(self) -> None:
        """Close the descriptors without a word, in a forked process: the thread and the peer are the parent's."""
        for sock in (self._socket, self._wake_in, self._wake_out):
            sock.close()

    # -- on the loop's thread ----------------------------------------------------------------------------------

    def begin_closing(self) -> None:
        """Take no more frames from other threads: they would come behind the end of their channel."""
        with self._lock:
            self._closing = True

    def end(self) -> None:
        """End the loop after what is waiting has been sent; `on_closed` is called with None."""
        self._ending = True

    def abort(self) -> None:
        """End the loop now; what is waiting is not sent."""
        self._ending = True
        with self._lock:
            self._backlog.clear()

    def call_later(self, delay_s: float, callback: Callable[[], object]) -> Timer:
        """Run ``callback`` after ``delay_s`` seconds."""
        timer = Timer(callback)
        heapq.heappush(self._timers, (time.monotonic() + delay_s, next(self._order), timer))
        return timer

    def cancel(self, timer: Timer) -> None:
        """Forget a timer."""
        timer.callback = None

    # -- inside ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        error: Exception | None = None
        try:
            self._serve(self._socket)
        except BaseException as caught:  # noqa: BLE001 - whatever ends the loop must reach those who wait
            error = caught if isinstance(caught, Exception) else ConnectionError(type(caught).__name__)
        with self._lock:
            self._finished = True
            if self._tls is not None and not self._backlog:  # else in the middle of a record
                self._write(self._tls.goodbye())
            self._socket.close()
            self._wake_out.close()
            self._wake_in.close()
            self._room.notify_all()
        self._on_closed(error)

    def _serve(self, sock: socket.socket) -> None:
        poll = select.poll()
        poll.register(self._wake_in, select.POLLIN)
        number, was_full = sock.fileno(), False
        poll.register(number, select.POLLIN)
        while True:
            self._run_calls()
            self._run_timers()
            full = self._fall_asleep()
            if self._ending and not full:
                return
            if full != was_full:
                poll.modify(number, select.POLLIN | select.POLLOUT if full else select.POLLIN)
                was_full = full
            events = poll.poll(self._wait_ms())
            self._awake = True
            for ready, event in events:
                if ready != number:
                    self._drain_wakeups()
                elif event & ~select.POLLOUT:
                    self._read(sock)

    def _fall_asleep(self) -> bool:
        """Write the backlog; from now on senders write themselves. Tells whether some of it did not fit."""
        with self._lock:
            self._awake = False
            if not self._backlog:
                return False
            del self._backlog[: self._write(self._backlog)]
            if len(self._backlog) <= _MAX_BACKLOG:
                self._room.notify_all()
            return bool(self._backlog)

    def _write(self, data: bytes | bytearray) -> int:
        try:
            return self._socket.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            return len(data)  # the reading side finds out why, perhaps with the broker's own words

    def _wait_for_room(self, timeout_s: float) -> None:
        there_is_room = self._room.wait_for(
            lambda: len(self._backlog) <= _MAX_BACKLOG or self._finished, timeout_s
        )
        if not there_is_room:
            raise TimeoutError(f"the broker took no data for {duration(timeout_s)}")

    def _read(self, sock: socket.socket) -> None:
        try:
            data = sock.recv(_READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        if data and self._tls is None:
            self._take(data)
        elif data and self._tls is not None:
            self._read_encrypted(self._tls, data)
        else:
            raise ConnectionResetError(_CLOSED)

    def _read_encrypted(self, tls: TlsEngine, data: bytes) -> None:
        with self._lock:
            plain, answer = tls.decrypt(data)
            self._backlog += answer
        if plain:
            self._take(plain)
        if tls.ended:
            raise ConnectionResetError(_CLOSED)

    def _take(self, data: bytes) -> None:
        if self.bytes_received < _FIRST_BYTES:
            self.first_bytes = (self.first_bytes + data)[:_FIRST_BYTES]
        self.bytes_received += len(data)
        self._on_data(data)

    def _wait_ms(self) -> int | None:
        if self._calls:
            return 0
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0, int((self._timers[0][0] - time.monotonic()) * 1000) + 1)

    def _run_timers(self) -> None:
        now = time.monotonic() if self._timers else 0.0
        while self._timers and self._timers[0][0] <= now:
            callback = heapq.heappop(self._timers)[2].callback
            if callback is not None:
                callback()

    def _run_calls(self) -> None:
        while self._calls:
            self._calls.popleft()()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full: a wake-up is under way already
            self._wake_out.send(b"\0")

    def _drain_wakeups(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_in.recv(4096)


class Heartbeat:
    """Sends heartbeats twice in each interval, and gives up when nothing at all came for nearly two.

    It counts looks, not seconds: when this process itself stood still, that counts as one look only. Takes the
    place of pika's checker, which needs up to twice the interval and ten seconds.

    Args:
        interval_s: What was agreed on with the broker.
        loop: The loop of the connection; all of this happens on its thread.
        give_up: Ends the connection, with the reason.
    """

    def __init__(self, interval_s: float, loop: SocketLoop, give_up: Callable[[str], None]) -> None:
        self._interval_s = interval_s
        self._loop = loop
        self._give_up = give_up
        self._last = loop.bytes_received
        self._silent_looks = 0
        self._looks = 0
        self._timer: Timer = self._later()

    def received(self) -> None:
        """Do nothing: pika tells of each heartbeat, which is counted with all other bytes."""

    def stop(self) -> None:
        """Stop for good."""
        self._loop.cancel(self._timer)

    def _later(self) -> Timer:
        return self._loop.call_later(self._interval_s / _LOOKS_PER_INTERVAL, self._look)

    def _look(self) -> None:
        so_far = self._loop.bytes_received
        self._silent_looks = self._silent_looks + 1 if so_far == self._last else 0
        self._last = so_far
        if self._silent_looks >= _SILENT_LOOKS:
            silence_s = _SILENT_LOOKS * self._interval_s / _LOOKS_PER_INTERVAL
            self._give_up(f"nothing came from it for {duration(silence_s)}, not even heartbeats")
            return
        self._looks += 1
        if self._looks % (_LOOKS_PER_INTERVAL // _HEARTBEATS_PER_INTERVAL) == 0:
            self._loop.send(HEARTBEAT_FRAME)
        self._timer = self._later()
