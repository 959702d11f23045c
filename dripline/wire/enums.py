"""Numbers for operations, message types and encodings."""

# ruff: noqa: N801 - lower-case class names are the reference's, scripts import them
from __future__ import annotations

from enum import Enum, IntEnum
from typing import Any, TypeVar

from dripline.errors import DriplineError

#: What stands for "no number anybody knows" on the wire (all bits of a 32-bit integer).
UNKNOWN = 0xFFFFFFFF

_T = TypeVar("_T", bound="_Number")


class _Number(IntEnum):
    """A number with a name; its text is the same in every version of Python. Other numbers are `unknown`."""

    @classmethod
    def _missing_(cls, value: object) -> Any:
        return cls["unknown"] if isinstance(value, int) else None

    def __str__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __format__(self, format_spec: str) -> str:
        return format(str(self), format_spec)


class op_t(_Number):
    """What a request asks for."""

    set = 0
    get = 1
    cmd = 9
    unknown = UNKNOWN

    def to_uint(self) -> int:
        """Give the number of an operation on the wire; TypeError for anything but an `op_t`."""
        return int(_must_be(self, op_t))

    def to_string(self) -> str:
        """Give the name of an operation; TypeError for anything but an `op_t`."""
        return str(_must_be(self, op_t).name)

    @staticmethod
    def to_op_t(value: int | str) -> op_t:
        """Find an operation by number or name.

        Raises:
            DriplineError: nobody knows an operation of that name (an unknown number gives `op_t.unknown`).
        """
        return _lookup(op_t, value)


class msg_t(_Number):
    """What kind of message this is."""

    reply = 2
    request = 3
    alert = 4
    unknown = UNKNOWN

    def to_uint(self) -> int:
        """Give the number of a kind of message on the wire; TypeError for anything but a `msg_t`."""
        return int(_must_be(self, msg_t))

    def to_string(self) -> str:
        """Give the name of a kind of message; TypeError for anything but a `msg_t`."""
        return str(_must_be(self, msg_t).name)

    @staticmethod
    def to_msg_t(value: int | str) -> msg_t:
        """Find a kind of message by number or name.

        Raises:
            DriplineError: there is no kind of that name (an unknown number gives `msg_t.unknown`).
        """
        return _lookup(msg_t, value)


class encoding(Enum):
    """How a body is written; JSON is the only way so far."""

    json = "application/json"


def _must_be(member: _T, kind: type[_T]) -> _T:
    if not isinstance(member, kind):
        raise TypeError(f"{member!r} is no {kind.__name__}")
    return member


def _lookup(kind: type[_T], value: int | str) -> _T:
    if isinstance(value, str):
        if value in kind.__members__:
            return kind[value]
        raise DriplineError(f"no {kind.__name__} is called {value!r}; known: {', '.join(kind.__members__)}")
    try:
        return kind(value)
    except ValueError:
        return kind["unknown"]
