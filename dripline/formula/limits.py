"""What a formula may use up, and operators that keep to it."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable
from typing import Any

#: Steps that a formula may take: one for each part of it that is evaluated, and for each item that is handled.
STEPS = 200_000
#: Most items of a list, and of all lists in it.
ITEMS = 100_000
#: Most items of an array of numpy, two of which can make one with the product of their sizes.
ARRAY = 2_000
#: Longest text, in characters.
TEXT = 100_000
#: Largest whole number, in bits.
BITS = 20_000

_CHARACTERS_PER_STEP = 100
_WIDTH = re.compile(r"\d{4}|\*")
#: What counts as text.
TEXTS = (str, bytes, bytearray)
_LISTS = (list, tuple, set, frozenset, dict)


class Several(list[Any]):
    """Several numbers in one answer of a device."""


class Unusable(ValueError):
    """What a hole means if the raw value does not suit it; it is raised where the formula uses the hole."""


class TooMuch(ValueError):
    """A formula wants more time or memory than it may have."""


def cost_of(value: Any) -> int:
    """Give the steps that handling a value costs: its items, those of lists in lists included.

    Raises:
        TooMuch: it is larger than a formula may make.
    """
    if type(value) is float:
        return 0
    if isinstance(value, int):
        if value.bit_length() > BITS:
            raise TooMuch(f"a number of more than {BITS} bits")
        return 0
    if isinstance(value, TEXTS):
        return limited(len(value), TEXT, "characters") // _CHARACTERS_PER_STEP
    if isinstance(value, _LISTS):
        return _items_of(value)
    if isinstance(value, range):
        return limited(len(value), ITEMS, "items")
    size = getattr(type(value), "size", None) and getattr(value, "size", 0)  # an array of numpy
    return limited(size, ARRAY, "items of an array") if isinstance(size, int) else 0


def _items_of(value: Any) -> int:
    count, waiting = 0, [value]
    while waiting:
        found = waiting.pop()
        count += limited(len(found), ITEMS, "items")
        for item in found.values() if isinstance(found, dict) else found:
            if isinstance(item, _LISTS):
                waiting.append(item)
            elif isinstance(item, TEXTS):
                count += len(item) // _CHARACTERS_PER_STEP
        limited(count, ITEMS, "items")
    return count


def limited(size: int, limit: int, what: str) -> int:
    """Give a size back.

    Raises:
        TooMuch: it is over the limit.
    """
    if size > limit:
        raise TooMuch(f"more than {limit} {what}")
    return size


# -- operators -----------------------------------------------------------------------------------------------


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, (*TEXTS, list, tuple)) and isinstance(right, type(left)):
        room(left, len(left) + len(right))
    return left + right


def _multiply(left: Any, right: Any) -> Any:
    for repeated, times in ((left, right), (right, left)):
        if isinstance(repeated, (*TEXTS, list, tuple)) and isinstance(times, int):
            room(repeated, len(repeated) * max(0, times))
    if isinstance(left, int) and isinstance(right, int):
        limited(left.bit_length() + right.bit_length(), BITS + 64, "bits")
    return left * right


def _power(base: Any, exponent: Any) -> Any:
    whole = isinstance(base, int) and isinstance(exponent, int) and exponent > 0
    if whole and base not in (0, 1, -1) and base.bit_length() * exponent > BITS:
        raise TooMuch(f"the exponent {_shown(exponent)} gives a number of more than {BITS} bits")
    return base**exponent


def _shift(number: Any, by: Any) -> Any:
    if isinstance(number, int) and isinstance(by, int):
        limited(number.bit_length() + max(0, by), BITS, "bits")
    return number << by


def _remainder(left: Any, right: Any) -> Any:
    if isinstance(left, TEXTS):  # it formats
        check_spec(left if isinstance(left, str) else bytes(left).decode("latin-1"))
    return left % right


def room(like: Any, size: int) -> None:
    """Check the size of a text or list that is to be made.

    Raises:
        TooMuch: it is over the limit.
    """
    if isinstance(like, TEXTS):
        limited(size, TEXT, "characters")
    else:
        limited(size, ITEMS, "items")


def _shown(number: int) -> str:
    return str(number) if number.bit_length() < 200 else "there"


_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: _add, ast.Sub: operator.sub, ast.Mult: _multiply, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: _remainder, ast.Pow: _power, ast.LShift: _shift,
    ast.RShift: operator.rshift, ast.BitAnd: operator.and_, ast.BitOr: operator.or_, ast.BitXor: operator.xor,
    ast.MatMult: operator.matmul,
}  # fmt: skip


def combine(kind: ast.operator, left: Any, right: Any) -> Any:
    """Apply an operator to two values.

    Raises:
        TooMuch: the result would be too large.
    """
    sizes = [getattr(value, "size", 1) for value in (left, right)]
    if all(isinstance(size, int) for size in sizes) and sizes[0] != sizes[1]:  # numpy repeats the smaller one
        limited(sizes[0] * sizes[1], ITEMS, "items")
    return _OPERATORS[type(kind)](left, right)


def check_spec(spec: str) -> None:
    """Check the widths in a format.

    Raises:
        TooMuch: there is one of four digits, or one that comes from a value.
    """
    if _WIDTH.search(spec):
        raise TooMuch(f"a width of more than 999 in the format {spec[:40]!r}")
