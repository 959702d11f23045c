"""`Setting`: attributes that are checked whenever they are set, by a configuration or a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Generic, TypeVar, overload

from dripline.wire.return_codes import ThrowReply

T = TypeVar("T")

_NO_TIME = timedelta(0)
_LONGEST_FIRST_WORD = 150


class Setting(Generic[T]):
    """An attribute with a check.

    Args:
        check: makes of a value the one that is kept; what it cannot use it refuses with a ValueError or TypeError,
            which becomes a `ThrowReply` with code 304. `dl check` asks it about the argument of the same name.
        doc: what the attribute means.
    """

    def __init__(self, check: Callable[[Any], T], doc: str) -> None:
        self.__doc__ = doc
        self.check = check

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name
        self._key = f"_{name}"

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> Setting[T] | T:
        if instance is None:
            return self
        try:
            value: T = vars(instance)[self._key]
        except KeyError:
            raise AttributeError(f"{self._name!r} was not set yet") from None
        return value

    def __set__(self, instance: object, value: Any) -> None:
        vars(instance)[self._key] = checked(instance, self._name, self.check, value)


def checked(endpoint: object, name: str, check: Callable[[Any], T], value: Any) -> T:
    """Check a value of a setting.

    Raises:
        ThrowReply: 304, with a text that names endpoint, setting and what is wanted.
    """
    try:
        return check(value)
    except (ValueError, TypeError, OverflowError) as error:
        who = getattr(endpoint, "name", type(endpoint).__name__)
        raise ThrowReply("service_error_invalid_value", f"{who}: {name} {error}") from None


def switch(value: Any) -> bool:
    """Take a bool, 0, 1 or None."""
    if value is None or value in (False, True):
        return bool(value)
    raise ValueError(f"is true or false, not {value!r}")


def interval(value: Any) -> timedelta:
    """Take a time span: seconds, a mapping of `timedelta`'s arguments, or a timedelta."""
    if value == 0 and type(value) is int:  # the default of ten thousand entities
        return _NO_TIME
    try:
        if isinstance(value, bool):
            raise TypeError
        if isinstance(value, Mapping):
            return timedelta(**value)
        span = value if isinstance(value, timedelta) else timedelta(seconds=float(value))
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"is a number of seconds or a map such as {{minutes: 5}}, not {value!r}") from None
    return span


def seconds(value: Any) -> float:
    """Take a time span like `interval`, as seconds."""
    return interval(value).total_seconds()


def positive_seconds(value: Any) -> float:
    """Take a time span above 0, as seconds."""
    number = seconds(value)
    if not number > 0:
        raise ValueError(f"({value!r}) must be above 0")
    return number


def threshold(value: Any) -> float:
    """Take a number that is not negative; infinity is one."""
    try:
        number = -1.0 if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        number = -1.0
    if not number >= 0:
        raise ValueError(f"is a number of 0 or more, not {value!r}")
    return number


def text(value: Any) -> str:
    """Take a text."""
    if not isinstance(value, str):
        raise ValueError(f"is a text, not {value!r}")
    return value


def sendable_text(value: Any) -> str:
    """Take a text that can be sent: half a character cannot."""
    given = text(value)
    try:
        given.encode()
    except UnicodeEncodeError:
        raise ValueError(f"is a text that can be sent, not {value!r}") from None
    return given


def first_word(value: Any) -> str:
    """Take the beginning of a routing key, which leaves room for a name."""
    word = sendable_text(value)
    length = len(word.encode())
    if length > _LONGEST_FIRST_WORD:
        raise ValueError(f"has {length} bytes; a routing key has at most 255, the endpoint's name included")
    return word
