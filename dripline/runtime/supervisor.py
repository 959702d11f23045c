"""Keeps one connection: makes it patiently, and makes it anew when it is lost."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from dripline.runtime import backoff
from dripline.transport import BrokerAddress, Connection, Returned
from dripline.wire.errors import BrokerError, BrokerUnreachable, ConfigurationError, ConnectionLost, NameTaken

logger = logging.getLogger(__name__)

#: After an abrupt end the broker keeps an exclusive name for a moment; longer with thousands of bindings.
_NAME_PATIENCE_S = 4.0
#: A connection that lived for less is no success: the pauses between attempts go on growing.
_STEADY_S = 10.0

Setup = Callable[[Connection], None]


class Supervisor:
    """Makes a connection, puts everything in place on it, and does so again whenever it is lost.

    Args:
        address: Broker and login.
        client: Name under which the broker's management lists the connection.
        prepare: Done first on each connection.
        on_lost: Called when a connection is gone, after `connection` has ceased to give it.
        on_returned: Called with each message that came back unroutable, and the connection it came back on.
        longest_pause_s: Longest pause between two attempts to come back.
    """

    def __init__(
        self,
        address: BrokerAddress,
        client: str,
        *,
        prepare: Setup,
        on_lost: Callable[[BrokerError], None],
        on_returned: Callable[[Connection, Returned], None],
        longest_pause_s: float = 2.0,
    ) -> None:
        self.address = address
        self._client = client
        self._longest_pause_s = longest_pause_s
        self._prepare = prepare
        self._on_lost = on_lost
        self._on_returned = on_returned
        self._making = threading.RLock()  # held while a connection is made or added to
        self._maker: int | None = None  # the thread that is making one
        self._state = threading.Lock()  # guards what follows; never held while waiting
        self._setups: list[Setup] = []
        self._connection: Connection | None = None  # may still be in the making
        self._established = False
        self._reconnecting = False
        self._thread: threading.Thread | None = None
        self._since = 0.0
        self._delays = backoff.delays(cap_s=self._longest_pause_s)
        self._up = threading.Event()
        self._closed = threading.Event()  # a fresh one each time it is opened again
        self._closed.set()

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
        connection = self._connection
        return connection is not None and connection.is_open

    @property
    def is_established(self) -> bool:
        """Whether there is a connection just now, and all set-ups are done on it."""
        return self._established

    def open(self, attempts: int, patience_s: float = 0.0) -> None:
        """Connect, unless connected.

        Args:
            attempts: How often to try.
            patience_s: How long to wait for a connection that is being made anew.

        Raises:
            BrokerError: What stood in the way: `BrokerUnreachable`, `LoginRefused`, `NameTaken`; `ConnectionLost`
                when a lost connection did not come back in time.
        """
        if self._is_there():
            return
        if self._reconnecting:
            self._await(patience_s)
            return
        with self._making:
            if self._is_there():
                return
            with self._state:
                if self._closed.is_set():
                    self._closed = threading.Event()
                closed = self._closed
            self._connect_patiently(attempts, closed)

    def close(self) -> None:
        """End the connection and forget the set-ups; `open` makes a new beginning."""
        with self._state:
            self._closed.set()
            connection, self._connection = self._connection, None
            thread, self._thread = self._thread, None
            self._established = self._reconnecting = False
            self._setups.clear()
            self._up.set()
        if connection is not None:
            connection.close()
        if thread is not None and thread is not threading.current_thread():
            thread.join(0.2)

    def add_setup(self, setup: Setup, *, once: bool = False) -> None:
        """Do something on this connection and on each that follows it, such as declaring a queue.

        Args:
            setup: What to do. It is forgotten when the first time fails, and when the link is closed.
            once: Whether to leave out what has been added before.
        """
        with self._making:
            if once and setup in self._setups:
                return
            closed = self._closed
            early = closed.is_set()  # before the link was opened
            if self._connection is not None:
                setup(self._connection)
            with self._state:
                if closed.is_set() and not early:
                    raise ConnectionLost("the connection was closed")
                self._setups.append(setup)

    def do(self, action: Setup) -> None:
        """Do something once, on this connection, and not while another thread puts things in place on it.

        Raises:
            ConnectionLost: There is no connection.
        """
        with self._making:
            action(self.connection)

    # -- inside ----------------------------------------------------------------------------------------------

    def _is_there(self) -> bool:
        # A set-up that sends something finds the connection that it is given.
        return self._established or self._maker == threading.get_ident()

    def _await(self, patience_s: float) -> None:
        if not self._up.wait(patience_s) or not self._established:
            raise ConnectionLost(f"not connected to the broker at {self.address}; trying to connect again")

    def _connect_patiently(self, attempts: int, closed: threading.Event) -> None:
        delays = backoff.delays(first_s=0.5)
        for attempt in range(1, attempts + 1):
            try:
                self._connect(closed)
                return
            except (BrokerUnreachable, ConnectionLost) as error:
                if attempt == attempts or closed.is_set():
                    raise
                delay = next(delays)
                logger.warning("%s; attempt %d of %d, next in %.1f s", error, attempt, attempts, delay)
                if closed.wait(delay):
                    raise

    def _connect(self, closed: threading.Event) -> None:
        delays, waited = backoff.delays(first_s=0.05, cap_s=0.5), 0.0
        while True:
            self._maker = threading.get_ident()
            try:
                self._connect_once(closed)
                return
            except NameTaken:
                delay = next(delays)
                waited += delay
                if waited > _NAME_PATIENCE_S or closed.wait(delay):
                    raise
            finally:
                self._maker = None

    def _connect_once(self, closed: threading.Event) -> None:
        connection = Connection(
            self.address,
            client=self._client,
            on_lost=lambda error: self._lost(connection, error),
            on_returned=lambda returned: self._on_returned(connection, returned),
        )
        with self._state:
            if closed.is_set():
                raise ConnectionLost("the connection was closed")
            self._connection = connection
        try:
            connection.open()
            self._prepare(connection)
            for setup in tuple(self._setups):
                setup(connection)
            self._establish(connection)
        except BaseException:
            self._give_up(connection)
            raise

    def _establish(self, connection: Connection) -> None:
        with self._state:
            connection.check()
            if self._connection is not connection:
                raise ConnectionLost("the connection was closed")
            self._established = True
            self._reconnecting = False
            self._since = time.monotonic()
            self._up.set()

    def _give_up(self, connection: Connection) -> None:
        with self._state:
            if self._connection is connection:
                self._connection = None
        connection.close()

    def _lost(self, connection: Connection, error: BrokerError) -> None:
        """Take note, on the I/O thread, that an open connection has ended."""
        with self._state:
            if self._connection is not connection:
                return  # it was closed, or given up
            self._connection = None
            again = self._established
            if again:
                self._established = False
                self._reconnecting = True
                self._up.clear()
            closed = self._closed
        self._on_lost(error)
        if again:
            logger.warning("%s; reconnecting", error)
            thread = threading.Thread(
                target=self._reconnect, args=(closed,), name="dripline-reconnect", daemon=True
            )
            thread.start()
            self._thread = thread

    def _reconnect(self, closed: threading.Event) -> None:
        said = ""
        if time.monotonic() - self._since > _STEADY_S:
            self._delays = backoff.delays(cap_s=self._longest_pause_s)
        for delay in self._delays:
            if closed.wait(delay):
                return
            try:
                with self._making:
                    self._connect(closed)
            except (Exception, SystemExit) as error:  # a lab's set-up may raise anything
                if closed.is_set():
                    return
                if not isinstance(error, (BrokerError, ConfigurationError)):
                    logger.exception("a set-up failed; trying to connect again")
                elif str(error) != said:
                    said = str(error)
                    logger.warning("%s; going on trying", error)
                continue
            logger.warning("connected again to the broker at %s", self.address)
            return
