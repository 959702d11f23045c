"""Limits for formulas (steps, sizes), and the operators, functions and methods they can use.

The result of none of them can be much larger than what goes in.
"""

from __future__ import annotations

import builtins
import inspect
import math
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import import_module
from itertools import chain
from types import ModuleType
from typing import Any

#: Steps that a formula may take: one for each operator, call and turn of a loop, and each item that is handled.
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
        return _limited(len(value), TEXT, "characters") // _CHARACTERS_PER_STEP
    if isinstance(value, _LISTS):
        return _items_of(value)
    if isinstance(value, range):
        return _limited(len(value), ITEMS, "items")
    size = getattr(type(value), "size", None) and getattr(value, "size", 0)  # an array of numpy
    return _limited(size, ARRAY, "items of an array") if isinstance(size, int) else 0


def _items_of(value: Any) -> int:
    count, waiting = 0, [value]
    while waiting:
        found = waiting.pop()
        count += _limited(len(found), ITEMS, "items")
        for item in chain(found, found.values()) if isinstance(found, dict) else found:
            if isinstance(item, _LISTS):
                waiting.append(item)
            elif isinstance(item, TEXTS):
                count += len(item) // _CHARACTERS_PER_STEP
            elif isinstance(item, range):
                count += len(item)
        _limited(count, ITEMS, "items")
    return count


def _limited(size: int, limit: int, what: str) -> int:
    if size > limit:
        raise TooMuch(f"more than {limit} {what}")
    return size


# -- operators -----------------------------------------------------------------------------------------------


def _add(left: Any, right: Any) -> Any:
    if isinstance(left, (*TEXTS, list, tuple)) and isinstance(right, type(left)):
        _room(left, len(left) + len(right))
    return left + right


def _multiply(left: Any, right: Any) -> Any:
    for repeated, times in ((left, right), (right, left)):
        if isinstance(repeated, (*TEXTS, list, tuple)) and isinstance(times, int):
            _room(repeated, len(repeated) * max(0, times))
    if isinstance(left, int) and isinstance(right, int):
        _limited(left.bit_length() + right.bit_length(), BITS + 64, "bits")
    return left * right


def _power(base: Any, exponent: Any) -> Any:
    whole = isinstance(base, int) and isinstance(exponent, int) and exponent > 0
    if whole and base not in (0, 1, -1) and base.bit_length() * exponent > BITS:
        raise TooMuch(f"the exponent {_shown(exponent)} gives a number of more than {BITS} bits")
    return base**exponent


def _shift(number: Any, by: Any) -> Any:
    if isinstance(number, int) and isinstance(by, int):
        _limited(number.bit_length() + max(0, by), BITS, "bits")
    return number << by


def _remainder(left: Any, right: Any) -> Any:
    if isinstance(left, TEXTS):  # it formats
        check_spec(left if isinstance(left, str) else bytes(left).decode("latin-1"))
    return left % right


def _room(like: Any, size: int) -> None:
    if isinstance(like, TEXTS):
        _limited(size, TEXT, "characters")
    else:
        _limited(size, ITEMS, "items")


def _shown(number: int) -> str:
    return str(number) if number.bit_length() < 200 else "there"


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "Add": _add, "Sub": operator.sub, "Mult": _multiply, "Div": operator.truediv,
    "FloorDiv": operator.floordiv, "Mod": _remainder, "Pow": _power, "LShift": _shift,
    "RShift": operator.rshift, "BitAnd": operator.and_, "BitOr": operator.or_, "BitXor": operator.xor,
    "MatMult": operator.matmul,
}  # fmt: skip


def combine(kind: str, left: Any, right: Any) -> Any:
    """Apply an operator to two values.

    Raises:
        TooMuch: the result would be too large.
    """
    sizes = [getattr(value, "size", 1) for value in (left, right)]
    if all(isinstance(size, int) for size in sizes) and sizes[0] != sizes[1]:  # numpy repeats the smaller one
        _limited(sizes[0] * sizes[1], ITEMS, "items")
    return _OPERATORS[kind](left, right)


def check_spec(spec: str) -> None:
    """Check the widths in a format.

    Raises:
        TooMuch: there is one of four digits, or one that comes from a value.
    """
    if _WIDTH.search(spec):
        raise TooMuch(f"a width of more than 999 in the format {spec[:40]!r}")


# -- functions -----------------------------------------------------------------------------------------------

_ENCODINGS = frozenset({"utf-8", "utf8", "ascii", "latin-1", "latin1", "iso-8859-1", "cp1252", "utf-16"})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Ways from an object to the code and variables of Python functions; methods of numpy that write files or enlarge.
_UNSAFE = _words(
    "func_globals func_code func_closure im_class im_func im_self mro tb_frame tb_next f_back f_builtins f_code"
    " f_globals f_locals gi_code gi_frame gi_yieldfrom cr_await cr_code cr_frame ag_await ag_code ag_frame"
)
_NUMPY = _words("repeat resize tofile dump dumps ctypes outer at tobytes setfield")
_UNSAFE_MODULES = _words("builtins ctypes importlib io os shutil subprocess sys")


def _range(*limits: int) -> range:
    value = range(*limits)  # one that is too long has no len() either
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
        _limited(args[0], TEXT, "characters")
    return bytes(*args)


_BOUNDED_FUNCTIONS: dict[str, Any] = {
    "range": _range, "sum": _sum, "round": _round, "factorial": _factorial, "format": _format, "bytes": _bytes,
    "bytearray": lambda *args: bytearray(_bytes(*args)), "type": lambda value: type(value).__name__,
}  # fmt: skip
#: The functions and numbers that all formulas have, and the errors that scripts may catch.
FUNCTIONS: dict[str, Any] = {
    name: getattr(math, name, None) or getattr(builtins, name)
    for name in _words(
        "abs acos acosh all any asin asinh atan atan2 atanh bin bool ceil chr complex copysign cos cosh degrees"
        " dict divmod e enumerate exp fabs filter float floor fmod frexp frozenset fsum hash hex hypot id inf int"
        " isinf isinstance isnan ldexp len list log log10 log1p map max min modf nan oct ord pi pow radians repr"
        " reversed set sin sinh slice sorted sqrt str tan tanh trunc tuple zip Exception ArithmeticError"
        " AssertionError AttributeError IndexError KeyError LookupError NameError OSError OverflowError"
        " RuntimeError StopIteration TypeError ValueError ZeroDivisionError"
    )
} | _BOUNDED_FUNCTIONS
# None that reaches files or makes arrays of any size; its functions of numbers (ufunc) are known as such.
_FROM_NUMPY = _words(
    "all amax amin angle any append argmax argmin argsort argwhere around array asarray atleast_1d atleast_2d"
    " atleast_3d average choose clip column_stack complex128 compress concatenate corrcoef cov cross cumprod"
    " cumsum delete diagonal diff digitize dot dsplit dstack dtype ediff1d expand_dims extract fix flatnonzero"
    " fliplr flipud float64 gradient hsplit hstack i0 imag inner insert int32 integer interp intersect1d"
    " iscomplex iscomplexobj isneginf isposinf isreal isrealobj isscalar mean median nan_to_num nanargmax"
    " nanargmin nanmax nanmin nansum ndim nonzero number percentile piecewise poly poly1d polyadd polyder polydiv"
    " polyint polymul polysub polyval prod ptp ravel real real_if_close reshape roll rollaxis roots rot90 round"
    " searchsorted select setdiff1d setxor1d shape sinc size sort sort_complex split squeeze std sum swapaxes"
    " take trace transpose tril trim_zeros triu uint uint32 union1d unique unravel_index unwrap var vdot vsplit"
    " vstack where zeros_like"
)
_NUMPY_RENAMES = {"ln": "log"} | {f"a{name}": f"arc{name}" for name in _words("sin sinh cos cosh tan tan2 tanh")}


@lru_cache(maxsize=1)
def functions() -> dict[str, Any]:
    """All functions and numbers that formulas have, by name; those of numpy where it is installed."""
    try:
        numpy = vars(import_module("numpy"))
    except ImportError:
        return FUNCTIONS
    kind = numpy["ufunc"]
    known = {name: item for name, item in numpy.items() if isinstance(item, kind) or name in _FROM_NUMPY}
    known |= {name: known[other] for name, other in _NUMPY_RENAMES.items()} | {"pow": math.pow, "divmod": divmod}
    return FUNCTIONS | known


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


def attribute_of(value: Any, name: str) -> Any:
    """Give an attribute: of a number, text or list one that is known to be harmless.

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
    found = getattr(value, name)
    is_numpy = kind.__module__ == "numpy" and name in _NUMPY
    if is_numpy or name in _UNSAFE or (isinstance(found, ModuleType) and found.__name__ in _UNSAFE_MODULES):
        raise AttributeError(f"{kind.__name__!r} has no attribute {name!r} in formulas")
    return found


def _replace(text: Any, old: Any, new: Any, count: int = -1) -> Any:
    times = text.count(old) if count < 0 else min(count, text.count(old))
    _room(text, len(text) + times * len(new))
    return text.replace(old, new, count)


def _join(text: Any, parts: Any) -> Any:
    words = list(parts)
    _room(text, sum(map(len, words)) + len(text) * len(words))
    return text.join(words)


def _padded(name: str) -> Callable[..., Any]:
    def pad(text: Any, width: int, *fill: Any) -> Any:
        _room(text, width)
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
