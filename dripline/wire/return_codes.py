"""Return codes and their registry; `ThrowReply`, the exception that becomes a reply.

0 is success, 1-99 are warnings, 100-999 errors, 1000 and above belong to applications.
"""

# ruff: noqa: N801 - class names are the reference's: DL_ and the code's name in CamelCase
from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import scarab
from dripline.errors import UNHANDLED_EXCEPTION

_SERVICE_ERROR = 300
_prepared = threading.local()


class ReturnCode:
    """One return code; each is a class of its own, so that it can be named in Python.

    A subclass without class arguments, ``class Busy(ReturnCode): value = 1001``, is not registered.

    Attributes:
        value: the number on the wire.
        name: the name under which it can be thrown.
        description: what it means, for people.
    """

    value: ClassVar[int] = UNHANDLED_EXCEPTION
    name: ClassVar[str] = "unhandled_exception"
    description: ClassVar[str] = "Unhandled Exception"

    def __init_subclass__(cls, value: int | None = None, description: str = "", name: str | None = None) -> None:
        super().__init_subclass__()
        if value is None:
            return
        cls.value, cls.description = value, description
        cls.name = name if name is not None else _snake_case(cls.__name__.removeprefix("DL_"))
        _register(cls())

    def __int__(self) -> int:
        return self.value

    def __eq__(self, other: object) -> bool:
        return self.value == other.value if isinstance(other, ReturnCode) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.value} {self.name}>"


_by_value: dict[int, ReturnCode] = {}
_by_name: dict[str, ReturnCode] = {}


def _snake_case(camel: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", camel).lower()


def _camel_case(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"\W|_", name))


def _register(code: ReturnCode) -> None:
    # The reference raises RuntimeError here, and scripts catch that.
    if code.value in _by_value:
        raise RuntimeError(f"return code {code.value} is taken: {_by_value[code.value].name}")
    if code.name in _by_name:
        raise RuntimeError(f"return code name {code.name!r} is taken by {_by_name[code.name].value}")
    _by_value[code.value] = code
    _by_name[code.name] = code


def add_return_code(value: int, name: str, description: str) -> ReturnCode:
    """Make a return code of this mesh known.

    Raises:
        RuntimeError: the value or the name exists already.
    """
    bases = (ReturnCode,)
    type("DL_" + _camel_case(name), bases, {}, value=value, name=name, description=description)
    return _by_value[value]


def return_code_mistakes(entries: Iterable[Any]) -> Iterator[tuple[int, str]]:
    """Check the return codes of a mesh, as a configuration declares them.

    Args:
        entries: What should be mappings with ``name``, ``value`` and perhaps ``description``.

    Yields:
        The number of an entry and what is wrong with it.
    """
    values = {value: code.name for value, code in _by_value.items()}
    names = {name: code.value for name, code in _by_name.items()}
    for number, entry in enumerate(entries):
        value = entry.get("value") if isinstance(entry, Mapping) else None
        name = entry.get("name") if isinstance(entry, Mapping) else None
        if not isinstance(value, int) or isinstance(value, bool) or not isinstance(name, str) or not name.strip():
            yield number, f"{entry!r} must be {{name: my_code, value: 1000, description: …}}, value a whole number"
        elif values.get(value, name) != name:
            yield number, f"{name!r}: value {value} is taken by {values[value]!r}; use another one, such as 1000"
        elif names.get(name, value) != value:
            yield number, f"the name {name!r} is taken by the value {names[name]}; use another name"
        elif value < 0:
            yield number, f"{name!r}: value {value} must not be negative"
        else:
            values[value], names[name] = name, value


def get_return_code_values() -> list[int]:
    """Give every known value, in rising order."""
    return sorted(_by_value)


def get_return_codes_map() -> dict[int, ReturnCode]:
    """Give every known code by value."""
    return dict(_by_value)


def get_return_codes_dict() -> dict[str, ReturnCode]:
    """Give every known code by name."""
    return dict(_by_name)


def find_by_value(value: int) -> ReturnCode | None:
    """Find a code by its number; None when nobody declared it."""
    return _by_value.get(value)


def find_by_name(name: str) -> ReturnCode | None:
    """Find a code by its name; None when nobody declared it."""
    return _by_name.get(name)


def name_of(value: int) -> str:
    """Name a code for people; a number nobody declared is named after its hundreds."""
    code = _by_value.get(value) or _by_value.get(value // 100 * 100 if 100 <= value < 500 else -1)
    return code.name if code is not None else "unknown_return_code"


class DL_Success(ReturnCode, value=0, description="Success"):
    """Done as asked."""


class DL_WarningNoActionTaken(ReturnCode, value=1, description="No Action Taken"):
    """There was nothing to do."""


class DL_WarningDeprecatedFeature(ReturnCode, value=2, description="Deprecated Feature"):
    """Done, by a way that will go away."""


class DL_WarningDryRun(ReturnCode, value=3, description="Dry Run"):
    """Nothing was done because only a rehearsal was asked for."""


class DL_WarningOffline(ReturnCode, value=4, description="Offline"):
    """Done without the instrument."""


class DL_WarningSubService(ReturnCode, value=5, description="Sub-Service Warning"):
    """A service further on gave a warning."""


class DL_AmqpError(ReturnCode, value=100, description="Generic AMQP Error"):
    """Something between client and service failed."""


class DL_AmqpErrorBrokerConnection(ReturnCode, value=101, description="AMQP Connection Error"):
    """The broker cannot be reached or refuses the login."""


class DL_AmqpErrorRoutingkeyNotfound(ReturnCode, value=102, description="Invalid AMQP Routing Key"):
    """Nobody is bound for the routing key."""


class DL_ResourceError(ReturnCode, value=200, description="Generic Resource Error"):
    """The instrument or resource behind the service failed."""


class DL_ResourceErrorConnection(ReturnCode, value=201, description="Resource Connection Error"):
    """The resource cannot be reached."""


class DL_ResourceErrorNoResponse(ReturnCode, value=202, description="No Response Error"):
    """The resource does not answer."""


class DL_ResourceErrorSubService(ReturnCode, value=203, description="Sub-Service Error"):
    """A service further on failed."""


class DL_ServiceError(ReturnCode, value=300, description="Generic Service Error"):
    """The service failed."""


class DL_ServiceErrorNoEncoding(ReturnCode, value=301, description="Invalid Message Encoding"):
    """The body is written in an encoding the service does not read."""


class DL_ServiceErrorDecodingFail(ReturnCode, value=302, description="Decoding Failed"):
    """The message could not be read."""


class DL_ServiceErrorBadPayload(ReturnCode, value=303, description="Invalid Payload"):
    """The payload lacks what the request needs."""


class DL_ServiceErrorInvalidValue(ReturnCode, value=304, description="Invalid Value"):
    """A value cannot be used."""


class DL_ServiceErrorTimeout(ReturnCode, value=305, description="Timeout Handling Message"):
    """Handling took too long."""


class DL_ServiceErrorInvalidMethod(ReturnCode, value=306, description="Invalid Command"):
    """There is no such method, or it cannot be called."""


class DL_ServiceErrorAccessDenied(ReturnCode, value=307, description="Access Denied"):
    """The endpoint is locked and the key is not the right one."""


class DL_ServiceErrorInvalidKey(ReturnCode, value=308, description="Invalid Lockout Key"):
    """The lockout key is no UUID."""


class DL_ServiceErrorInvalidSpecifier(ReturnCode, value=310, description="Invalid Specifier"):
    """There is no such attribute."""


class DL_ClientError(ReturnCode, value=400, description="Generic Client Error"):
    """The client failed."""


class DL_ClientErrorInvalidRequest(ReturnCode, value=401, description="Invalid Request"):
    """The request makes no sense; it was not sent."""


class DL_ClientErrorHandlingReply(ReturnCode, value=402, description="Error Handling Reply"):
    """The reply came and could not be used."""


class DL_ClientErrorUnableToSend(ReturnCode, value=403, description="Unable to Send"):
    """The request could not be sent."""


class DL_ClientErrorTimeout(ReturnCode, value=404, description="Client Timeout"):
    """No reply came in time."""


class DL_UnhandledException(ReturnCode, value=UNHANDLED_EXCEPTION, description="Unhandled Exception"):
    """A handler raised something nobody expected."""


def set_reply_cache(return_code: ReturnCode | str, return_message: str, payload: Any = None) -> None:
    """Prepare what a `ThrowReply` without arguments, raised next on this thread, will say."""
    _prepared.reply = (return_code, return_message, payload)


class ThrowReply(Exception):
    """Raised anywhere under a handler it becomes the reply, and the service goes on.

    Args:
        return_code: A return code, its name, or its number. A name nobody declared means ``service_error``; when
            it is the only argument it is taken for the message.
        message: What happened, for people; an exception stands for its text.
        payload: Payload of the reply; a scarab value or plain Python.

    Attributes:
        return_code: The code, with ``value``, ``name`` and ``description``.
        return_message: The message.
        payload: The payload as plain Python.
    """

    def __init__(
        self,
        return_code: ReturnCode | str | int | None = None,
        message: object = None,
        payload: Any = None,
    ) -> None:
        if return_code is None and message is None and payload is None:
            return_code, message, payload = vars(_prepared).pop("reply", (None, None, None))
        code, text = _resolve(return_code, message)
        super().__init__(text)
        self.return_code = code
        self.return_message = text
        self.payload = scarab.to_python(payload) if isinstance(payload, scarab.Param) else payload


def _resolve(given: ReturnCode | str | int | None, message: object) -> tuple[ReturnCode, str]:
    code = _known(given)
    if code is not None:
        return code, "Success" if message is None else str(message)
    return _by_value[_SERVICE_ERROR], str(given if message is None else message)


def _known(given: Any) -> ReturnCode | None:
    if isinstance(given, ReturnCode):
        return given
    if isinstance(given, type) and issubclass(given, ReturnCode):
        return given()
    if isinstance(given, str):
        return find_by_name(given)
    return find_by_value(0 if given is None else given)
