"""Steps and time limit of opening a connection."""

from __future__ import annotations

import contextlib
import socket
import time

from dripline.transport import error_messages as failures
from dripline.transport.address import BrokerAddress

RESOLVING = "its name is not resolved yet"
CONNECTING = "nobody has answered there yet"
ENCRYPTING = "it accepts connections, but the TLS handshake is not finished"
MUTE = "it accepts connections, but does not answer as an AMQP broker; is it the right port?"
LOGGING_IN = "it began to answer, but the login is not finished; is it the right port?"
DECLARING = "the login succeeded, but the broker has not answered since"


class Progress:
    """One deadline for all the steps of an opening, which another thread can cancel.

    Args:
        address: The broker.

    Attributes:
        step: What is not done yet, for people.
    """

    def __init__(self, address: BrokerAddress) -> None:
        self.step = RESOLVING
        self._address = address
        self._deadline = time.monotonic() + address.connect_timeout_s
        self._cancelled = False
        self._socket: socket.socket | None = None

    def left_s(self) -> float:
        """Seconds left.

        Raises:
            TimeoutError: There are none.
            ConnectionLost: The opening was cancelled.
        """
        if self._cancelled:
            raise failures.closed(self._address)
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left

    def interruptible(self, sock: socket.socket) -> None:
        """Have `cancel` end what reads from or writes to a socket."""
        self._socket = sock

    def abandon(self) -> None:
        """Close the descriptor, in a forked process."""
        if self._socket is not None:
            self._socket.close()

    def cancel(self) -> None:
        """End the opening soon, from any thread."""
        self._cancelled = True
        sock = self._socket
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
