"""Opens a connection, runs the set-ups on it, and reopens it after a loss."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

from dripline.amqp.content import Returned
from dripline.config.mesh import MeshSettings
from dripline.errors import (
    BrokerError,
    BrokerUnreachable,
    ConfigurationError,
    ConnectionLost,
    LoginRefused,
    NameTaken,
)
from dripline.runtime import forks
from dripline.runtime.opening import Caller, Life, State, raised_by
from dripline.runtime.outage import delays
from dripline.runtime.rate_limited_log import Boundary, RateLimitedLogger
from dripline.transport.address import BrokerAddress
from dripline.transport.connection import Connection
from dripline.transport.progress import CONNECTING, RESOLVING
from dripline.wire.safe_text import duration, text_of

logger = logging.getLogger("dripline.connection")

#: After an abrupt end the broker keeps an exclusive name for a moment; longer with thousands of bindings.
_NAME_PATIENCE_S = 4.0
#: A connection that lived for less is no success: the pauses between attempts go on growing.
_STEADY_S = 10.0
#: Between the first two attempts to connect, and the longest pause while a caller waits that has a time limit.
_FIRST_PAUSE_S = 0.5

Setup = Callable[[Connection], None]


class ReconnectingConnection:
    """Makes a connection, puts everything in place on it, and does so again whenever it is lost.

    Subclasses prepare each connection, and react to a loss and to returned messages.

    Args:
        address: Broker and login.
        client: Name under which the broker's management lists the connection.
        attempts: How often a first connection is tried by default.
        longest_pause_s: Longest pause between two attempts to come back.
    """

    def __init__(self, address: BrokerAddress, client: str, attempts: int, longest_pause_s: float) -> None:
        self.address = address
        self._client = client
        self._attempts = attempts
        self._longest_pause_s = longest_pause_s
        self._delays = delays(cap_s=longest_pause_s)
        self._limited_log = RateLimitedLogger(logger)
        self._since = 0.0
        self._connection: Connection | None = None  # may still be in the making
        ReconnectingConnection.after_fork(self)
        forks.register(self)

    def after_fork(self) -> None:
        """Start over, not connected; the parent's connection goes on."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.abandon()
        self._lock = threading.Lock()  # guards what follows; never held while waiting
        self._state = State.IDLE
        self._life = Life()
        self._makers: set[int] = set()  # the threads that are making a connection
        self._setups: list[Setup] = []
        self._thread: threading.Thread | None = None

    def _prepare(self, connection: Connection) -> None:
        """Prepare a new connection."""

    def _on_lost(self, error: BrokerError) -> None:
        """React to the end of a connection; `connection` raises already."""

    def _on_returned(self, connection: Connection, returned: Returned) -> None:
        """Take a message that came back unroutable, and the connection it came back on."""

    @property
    def connection(self) -> Connection:
        """The connection of this moment; within a set-up the one that is being set up.

        Raises:
            ConnectionLost: There is none; it is being made anew, or was closed.
        """
        connection = self._connection
        if connection is None:
            raise ConnectionLost(f"not connected to the broker at {self.address}")
        return connection

    @property
    def is_open(self) -> bool:
        """Whether there is a connection just now, be it one that is being set up."""
        return (connection := self._connection) is not None and connection.is_open

    @property
    def is_established(self) -> bool:
        """Whether there is a connection just now, and all set-ups are done on it."""
        return self._state is State.ESTABLISHED

    @property
    def failure(self) -> BrokerError | None:
        """Why there has been no connection yet, if a caller waits without end and an attempt has failed."""
        return self._life.failure

    def open(self, attempts: float | None = None, timeout_s: float | None = None, *, again: bool = False) -> None:
        """Wait for a connection, which a separate thread makes; that thread continues after the timeout.

        Args:
            attempts: Maximum number of attempts; None: the mesh's ``max_connection_attempts``. Within a timeout as
                many as fit in, unless it is fewer than the default. If infinite, only a refused login ends it;
                each new reason is logged once.
            timeout_s: Longest wait, in seconds. Without one a connection that was lost is not waited for, unless
                ``again`` is set.
            again: Whether to wait for a connection that was lost, for as many attempts, without a time limit.

        Raises:
            BrokerUnreachable: Nobody answered.
            LoginRefused: User, password or virtual host is wrong.
            NameTaken: A queue of ours belongs to somebody else.
            ConnectionLost: The connection was lost, and is not back yet.
        """
        # A set-up that sends something finds the connection that it is given.
        if self.is_established or threading.get_ident() in self._makers:
            return
        attempts = max(1, attempts or self._attempts)
        caller = Caller()
        with self._lock:
            if self._state is State.ESTABLISHED:
                return
            if self._state is State.CLOSED:
                raise ConnectionLost("the connection was closed")
            is_coming_back = self._state is State.RECONNECTING
            if is_coming_back and not timeout_s and not again:
                raise ConnectionLost(f"not connected to the broker at {self.address}; trying to connect again")
            life, is_first = self._life, self._state is State.IDLE
            if is_first:
                self._state = State.CONNECTING
                life.attempts, life.reason = 0, ""
            few = attempts < MeshSettings.max_connection_attempts and not is_coming_back
            if timeout_s is None or few:
                caller.last = life.attempts + attempts
            life.callers.append(caller)
        try:
            if is_first:
                self._start(self._connect_first, life, "dripline-connect")
            elif timeout_s is not None:
                life.hurry()
            if not caller.wait(timeout_s):
                raise self._late(life, timeout_s or 0.0)
        finally:
            with self._lock:
                if caller in life.callers:
                    life.callers.remove(caller)

    def close(self, timeout_s: float | None = None, *, final: bool = False) -> None:
        """End the connection and forget the set-ups; `open` makes a new beginning.

        Args:
            timeout_s: Longest wait for the broker's goodbye, in seconds; None for the usual one.
            final: Whether `open` fails from now on, until it is closed again and not finally.
        """
        with self._lock:
            self._state = State.CLOSED if final else State.IDLE
            life, self._life = self._life, Life()
            life.closed.set()
            life.end_callers(ConnectionLost("the connection was closed"))
            connection, self._connection = self._connection, None
            thread, self._thread = self._thread, None
            self._setups.clear()
        life.hurry()
        if connection is not None:
            connection.close() if timeout_s is None else connection.close(timeout_s)
        if thread is not None and thread is not threading.current_thread():
            thread.join(0.2)

    def add_setup(self, setup: Setup, timeout_s: float | None = None, *, once: bool = False) -> None:
        """Do something on this connection and on each that follows it, such as declaring a queue.

        Args:
            setup: What to do. It is forgotten when the first time fails, and when the link is closed.
            once: Whether to leave out what has been added before. It goes on when the time is up, and the next
                call joins in.
            timeout_s: Longest wait, in seconds; None for that of the broker's answers.

        Raises:
            ConnectionLost: The connection was closed or lost, or the broker did not answer in time.
        """
        life = self._life
        if timeout_s is None or threading.get_ident() in self._makers:
            self._add(life, setup, once)
            return
        with self._lock:
            known = life.adding.get(setup) if once else None
            caller = known or Caller()
            life.adding[setup] = caller
        if known is None:
            threading.Thread(
                target=self._add_for, args=(life, setup, once, caller), name="dripline-setup", daemon=True
            ).start()
        if not caller.wait(timeout_s):
            if not once:
                with self._lock:
                    life.adding.pop(setup, None)
            raise ConnectionLost(f"the broker at {self.address} did not answer within {duration(timeout_s)}")

    def do(self, action: Setup) -> None:
        """Do something once, on this connection, and not while another thread puts things in place on it.

        Raises:
            ConnectionLost: There is no connection.
        """
        with self._life.making:
            action(self.connection)

    def _leave(self, life: Life) -> None:
        """Note, with the lock held, that nobody waits for a connection any longer."""
        if life is self._life and self._state in (State.CONNECTING, State.RECONNECTING):
            self._state = State.IDLE

    def _start(self, work: Callable[[Life], None], life: Life, name: str) -> None:
        thread = threading.Thread(target=work, args=(life,), name=name, daemon=True)
        try:
            thread.start()
        except BaseException:  # no more threads, or a signal handler that raises
            with self._lock:
                self._leave(life)
            raise
        self._thread = thread

    def _late(self, life: Life, limit_s: float) -> BrokerError:
        connection = self._connection
        step = connection.missing_step if connection is not None else ""
        reason = step if step not in ("", RESOLVING, CONNECTING) else life.reason or step or CONNECTING
        if self._state is State.RECONNECTING:
            return ConnectionLost(
                f"not connected to the broker at {self.address}; trying to connect again ({reason})"
            )
        return BrokerUnreachable(
            f"no connection to the broker at {self.address} within {duration(limit_s)}: {reason}"
        )

    def _add_for(self, life: Life, setup: Setup, once: bool, caller: Caller) -> None:
        error = raised_by(lambda: self._add(life, setup, once, caller))
        with self._lock:
            if life.adding.get(setup) is caller:
                del life.adding[setup]
        caller.end(error)

    def _add(self, life: Life, setup: Setup, once: bool, caller: Caller | None = None) -> None:
        with life.making:
            if once and setup in self._setups:
                return
            if self._connection is not None and not life.closed.is_set():
                setup(self._connection)
            with self._lock:
                if life.closed.is_set():
                    raise ConnectionLost("the connection was closed")
                if caller is None or life.adding.get(setup) is caller:  # else nobody waits for it any longer
                    self._setups.append(setup)

    def _connect_first(self, life: Life) -> None:
        """Make a connection as long as somebody waits for it."""
        pauses = delays(first_s=_FIRST_PAUSE_S)
        while True:
            with self._lock:
                if not life.callers:
                    self._leave(life)
                    return
            error = raised_by(lambda: self._try(life))
            if error is None and life.failure is not None:
                life.failure = None
                logger.warning("connected to the broker at %s", self.address)
            if error is None or not self._goes_on(life, error, next(pauses)):
                return

    def _try(self, life: Life) -> None:
        with life.making:
            if not self.is_established:  # else another thread was quicker
                self._connect(life.closed)

    def _goes_on(self, life: Life, error: BaseException, pause_s: float) -> bool:
        """Report a failed attempt to those for whom it was the last, and pause; returns whether others wait."""
        with self._lock:
            endless = any(caller.last == math.inf for caller in life.callers)
            again = isinstance(error, BrokerError if endless else (BrokerUnreachable, ConnectionLost))
            again = again and not isinstance(error, LoginRefused) and not getattr(error, "is_final", False)
            final = life.closed.is_set() or not again
            said = life.reason
            waiting = life.fail_callers(error, final=final)
            if not waiting:
                self._leave(life)
            life.reason = text_of(error)
            life.failure = error if endless and isinstance(error, BrokerError) else None
        if not waiting:
            return False
        if any(caller.last is None for caller in waiting):
            pause_s = min(pause_s, _FIRST_PAUSE_S)
        last = max(caller.last or 0 for caller in waiting)
        if last == math.inf:
            pause_s = min(pause_s, self._longest_pause_s)
            if life.reason != said:
                logger.warning("%s; going on trying", error)
        elif last:
            logger.warning("%s; attempt %d of %d, next in %.1f s", error, life.attempts, last, pause_s)
        life.pause(pause_s)
        return True

    def _connect(self, closed: threading.Event) -> None:
        pauses, waited = delays(first_s=0.05, cap_s=0.5), 0.0
        while True:
            self._makers.add(threading.get_ident())
            try:
                self._connect_once(closed)
                return
            except NameTaken:
                delay = next(pauses)
                waited += delay
                if waited > _NAME_PATIENCE_S or closed.wait(delay):
                    raise
            finally:
                self._makers.discard(threading.get_ident())

    def _connect_once(self, closed: threading.Event) -> None:
        connection = Connection(
            self.address,
            client=self._client,
            on_lost=lambda error: self._lost(connection, error),
            on_returned=lambda returned: self._on_returned(connection, returned),
        )
        with self._lock:
            if closed.is_set():
                raise ConnectionLost("the connection was closed")
            self._connection = connection
        try:
            connection.open()
            self._prepare(connection)
            for setup in tuple(self._setups):
                setup(connection)
            with self._lock:
                connection.check()
                if self._connection is not connection:
                    raise ConnectionLost("the connection was closed")
                self._state = State.ESTABLISHED
                self._since = time.monotonic()
                self._life.end_callers(None)
        except BaseException:
            with self._lock:
                if self._connection is connection:
                    self._connection = None
            connection.close()
            raise

    def _lost(self, connection: Connection, error: BrokerError) -> None:
        """Take note, on the I/O thread, that an open connection has ended."""
        with self._lock:
            if self._connection is not connection:
                return  # it was closed, or given up
            self._connection = None
            again = self._state is State.ESTABLISHED
            if again:
                self._state = State.RECONNECTING
                self._life.reason = ""
            life = self._life
        self._on_lost(error)
        if again:
            logger.warning("%s; reconnecting", error)
            self._start(self._reconnect, life, "dripline-reconnect")

    def _reconnect(self, life: Life) -> None:
        said = ""
        if time.monotonic() - self._since > _STEADY_S:
            self._delays = delays(cap_s=self._longest_pause_s)
        for delay in self._delays:
            if life.closed.wait(delay):
                return
            error = raised_by(lambda: self._try(life))
            if error is None:
                logger.warning("connected again to the broker at %s", self.address)
                return
            if life.closed.is_set():
                return
            with self._lock:
                life.reason = text_of(error)
                life.fail_callers(error, final=False)
            if not isinstance(error, (BrokerError, ConfigurationError)):
                with Boundary(self._limited_log, "a set-up failed; trying to connect again"):
                    raise error
            elif life.reason != said:
                said = life.reason
                logger.warning("%s; going on trying", said)
