"""The exception hierarchy; each exception has the exit code of a command that ends with it.

::

    DriplineError(RuntimeError)                       exit code 3
      DecodingError(ValueError)                       bytes that are no dripline message
      EncodingError(ValueError)                       a message that nobody takes
      ConfigurationError(ValueError)                  exit code 2; names file, key and remedy
      BrokerError(ConnectionError)                    exit code 1, return code 101
        BrokerUnreachable                             nobody listens, or no answer
        LoginRefused                                  user, password, virtual host or a certificate refused
        NameTaken                                     another service of that name is on the mesh
        ConnectionLost                                the connection went away while something waited
          ClosedByBroker                              the broker ended it with an error code
      RequestError                                    exit code: hundreds of its return code
        NoRoute                                       102: nobody is bound for the routing key
        ReplyTimeout(TimeoutError)                    404: no reply in time
        ErrorReply                                    the service answered with a code of 100 or more
        MalformedReply(DecodingError)                 402: the reply is not a valid dripline message

Each class in the tree is also the built-in error it resembles, so that ``except TimeoutError`` works for
people who do not know dripline.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Return code of what nobody expected.
UNHANDLED_EXCEPTION = 999


class DriplineError(RuntimeError):
    """Base of every error this package raises on purpose.

    A `RuntimeError`, as in the reference: scripts write ``except RuntimeError`` around a request.

    Attributes:
        exit_code: what a command line ends with when this error ends it.
    """

    exit_code: int = 3


class DecodingError(DriplineError, ValueError):
    """Bytes from the mesh that are no dripline message; the text says what is wrong with them."""


class EncodingError(DriplineError, ValueError):
    """A message that nobody takes, since a part of it is too long; the text says which."""


class ConfigurationError(DriplineError, ValueError):
    """A setting that cannot be used; the text names where it stands and what to do."""

    exit_code = 2


class BrokerError(DriplineError, ConnectionError):
    """The broker did not do what was asked."""

    exit_code = 1
    return_code: int = 101


class BrokerUnreachable(BrokerError):
    """Nobody listens at the broker's address, or nobody answers there.

    Attributes:
        is_final: Whether trying again does not help, since something other than the broker listens there.
    """

    is_final: bool = False


class LoginRefused(BrokerError):
    """The broker knows no such user, password or virtual host, or a certificate is not accepted."""


class NameTaken(BrokerError):
    """Another service of the same name is on the mesh."""


class ConnectionLost(BrokerError):
    """The connection went away while somebody waited for something on it."""


class ClosedByBroker(ConnectionLost):
    """The broker ended a connection with an error code: something that was sent is not acceptable to it."""


class RequestError(DriplineError):
    """A request that did not come to a good end.

    Args:
        message: what happened, for people.
        return_code: the code of the reply, or the one a client gives to this failure.
        name: the code's name.
        payload: the reply's payload as plain Python, if there was a reply.
    """

    return_code: int = 400
    name: str = "client_error"

    def __init__(
        self,
        message: str = "",
        *,
        return_code: int | None = None,
        name: str | None = None,
        payload: Any = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.payload = payload
        if return_code is not None:
            self.return_code = return_code
        if name is not None:
            self.name = name
        self.exit_code = self.return_code // 100

    def __str__(self) -> str:
        return f"{self.message} [{self.return_code} {self.name}]"


class NoRoute(RequestError):
    """The broker returned the request: nobody is bound for its routing key."""

    return_code = 102
    name = "amqp_error_routingkey_notfound"


class ReplyTimeout(RequestError, TimeoutError):
    """No reply came in time."""

    return_code = 404
    name = "client_error_timeout"


class ErrorReply(RequestError):
    """The service answered, with a return code of 100 or more."""

    return_code = UNHANDLED_EXCEPTION
    name = "unhandled_exception"


class MalformedReply(RequestError, DecodingError):
    """The reply is not a valid dripline message; the text names the peer and what is wrong."""

    return_code = 402
    name = "client_error_handling_reply"


_in_command = False


@contextmanager
def for_commands() -> Iterator[None]:
    """Give advice for the command line while the block runs; the process is a dripline command."""
    global _in_command
    before, _in_command = _in_command, True
    try:
        yield
    finally:
        _in_command = before


def in_command() -> bool:
    """Whether this process is a dripline command."""
    return _in_command


def advice(command: str, script: str) -> str:
    """Choose the advice that fits this process.

    Args:
        command: For the user of a command, which has options.
        script: For the author of a script, which has arguments and settings.
    """
    return command if _in_command else script
