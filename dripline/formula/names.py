"""Functions and methods that formulas have: none whose result can be much larger than what goes in."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

from dripline.formula.limits import ITEMS, TEXT, TEXTS, TooMuch, check_spec, limited, room

_ENCODINGS = frozenset({"utf-8", "utf8", "ascii", "latin-1", "latin1", "iso-8859-1", "cp1252", "utf-16"})
_NUMPY = frozenset({"repeat", "resize", "tofile", "dump", "dumps", "ctypes", "outer", "at", "tobytes", "setfield"})


def _range(*limits: int) -> range:
    return _checked(range(*limits))


def _checked(value: range) -> range:
    # A range that is too long has no len() either.
    if value and abs(value[-1] - value[0]) // abs(value.step) >= ITEMS:
        raise TooMuch(f"more than {ITEMS} items")
    return value


def _sum(values: Any, start: Any = 0) -> Any:
    if isinstance(start, (list, tuple)):
        raise TooMuch("sum() adds numbers; join lists with [x for part in parts for x in part]")
    return sum(values, start)


def _round(number: Any, ndigits: Any = None) -> Any:
    if isinstance(ndigits, int) and abs(ndigits) > 1000:
        raise TooMuch("round() to more than 1000 digits")
    return round(number, ndigits)


def _factorial(number: Any) -> Any:
    if number > 1000:
        raise TooMuch("factorial() of more than 1000")
    return math.factorial(number)


def _format(value: Any, spec: str = "") -> str:
    check_spec(spec)
    return format(value, spec)


def _bytes(*args: Any) -> bytes:
    if args and isinstance(args[0], int):
        limited(args[0], TEXT, "characters")
    return bytes(*args)


def _bytearray(*args: Any) -> bytearray:
    return bytearray(_bytes(*args))


#: Functions in the place of those that take as much time or memory as they are told.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "range": _range, "sum": _sum, "round": _round, "factorial": _factorial, "format": _format, "bytes": _bytes,
    "bytearray": _bytearray,
}  # fmt: skip

#: Functions that reach files, this process or the screen, or make arrays of any size. Formulas do not have them.
LEFT_OUT = (
    "open", "dir", "print", "fromfile", "fromregex", "genfromtxt", "loadtxt", "fromfunction", "fromiter",
    "frompyfunc", "frombuffer", "fromstring", "vectorize", "format_parser", "setbufsize", "seterr", "info",
    "ndarray", "empty", "ones", "zeros", "eye", "identity", "indices", "tri", "vander", "tile", "repeat",
    "resize", "kron", "outer", "meshgrid", "diagflat", "diag_indices", "mask_indices", "tril_indices",
    "triu_indices", "ndindex", "hanning", "hamming", "blackman", "bartlett", "kaiser", "diag", "arange",
    "linspace", "logspace", "histogram2d", "histogramdd", "histogram", "broadcast", "tensordot", "convolve",
    "correlate",
)  # fmt: skip


def spread(function: Any) -> Callable[[list[Any]], Any]:
    """Make a function take several values: as one list, or each as an argument.

    A laboratory's function gets arguments if it has as many parameters, as in the reference. A function of Python
    or numpy gets them if it takes no list.
    """

    def call(values: list[Any]) -> Any:
        if not _is_of_a_library(function):
            return function(*values) if _binds(function, values) else function(values)
        try:
            return function(values)
        except TypeError:
            return function(*values)

    call.__name__ = getattr(function, "__name__", type(function).__name__)
    return call


def _is_of_a_library(function: Any) -> bool:
    module = getattr(function, "__module__", None) or "builtins"
    return module in ("builtins", "math", __name__) or str(module).partition(".")[0] == "numpy"


def _binds(function: Any, values: list[Any]) -> bool:
    try:
        inspect.signature(function).bind(*values)
    except (TypeError, ValueError):
        return False
    return True


# -- methods -------------------------------------------------------------------------------------------------


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TEXT_METHODS = _words(
    "strip lstrip rstrip lower upper title capitalize swapcase casefold split rsplit splitlines partition"
    " rpartition startswith endswith find rfind index rindex count removeprefix removesuffix isdigit isdecimal"
    " isnumeric isalpha isalnum isspace islower isupper isidentifier isprintable isascii istitle hex fromhex"
)
_METHODS: tuple[tuple[type[Any] | tuple[type[Any], ...], frozenset[str]], ...] = (
    (TEXTS, _TEXT_METHODS),
    (
        (int, float, complex),
        _words("real imag conjugate numerator denominator is_integer bit_length hex"),
    ),
    ((list, tuple, range), _words("index count append pop sort reverse copy start stop step")),
    (dict, _words("get keys values items copy pop setdefault")),
    (
        (set, frozenset),
        _words("union intersection difference symmetric_difference issubset issuperset isdisjoint add"),
    ),
)


def method_of(value: Any, name: str) -> Any:
    """Give an attribute of a number, text or list; None when it is of another kind, of which nothing is known.

    Raises:
        AttributeError: a formula may not use it.
    """
    kind = value if isinstance(value, type) else type(value)
    for kinds, names in _METHODS:
        if issubclass(kind, kinds):
            if name in names and hasattr(value, name):
                return getattr(value, name)
            bounded = _BOUNDED.get(name) if kinds is TEXTS and isinstance(value, TEXTS) else None
            if bounded is not None:
                return lambda *args: bounded(value, *args)
            raise AttributeError(f"{kind.__name__!r} has no attribute {name!r} in formulas")
    if name in _NUMPY and kind.__module__ == "numpy":
        raise AttributeError(f"{kind.__name__!r} has no attribute {name!r} in formulas")
    return None


def _replace(text: Any, old: Any, new: Any, count: int = -1) -> Any:
    times = text.count(old) if count < 0 else min(count, text.count(old))
    room(text, len(text) + times * len(new))
    return text.replace(old, new, count)


def _join(text: Any, parts: Any) -> Any:
    words = list(parts)
    room(text, sum(map(len, words)) + len(text) * len(words))
    return text.join(words)


def _padded(name: str) -> Callable[..., Any]:
    def pad(text: Any, width: int, *fill: Any) -> Any:
        room(text, width)
        return getattr(text, name)(width, *fill)

    return pad


def _coded(name: str) -> Callable[..., Any]:
    def code(text: Any, encoding: str = "utf-8", errors: str = "strict") -> Any:
        if encoding.lower() not in _ENCODINGS:
            raise AttributeError(f"the encoding {encoding[:40]!r} is not there in formulas")
        return getattr(text, name)(encoding, errors)

    return code


_BOUNDED: Mapping[str, Callable[..., Any]] = {
    "replace": _replace, "join": _join, "ljust": _padded("ljust"), "rjust": _padded("rjust"),
    "center": _padded("center"), "zfill": _padded("zfill"), "encode": _coded("encode"), "decode": _coded("decode"),
}  # fmt: skip
