"""Message bodies: JSON with sorted keys, no spaces, no NaN, and a bound on nesting."""

from __future__ import annotations

import json
import re
from itertools import accumulate
from math import isfinite
from typing import Any

from dripline.errors import DecodingError

#: Longest body that is read, in bytes.
MAX_BYTES = 32 * 1024 * 1024

#: Most values in a body: a list that is empty takes some 30 times the memory of its two characters.
MAX_VALUES = 1_000_000

#: Deepest nesting of lists and mappings that is read or written.
MAX_NESTING = 100

# Strings and everything else that is no bracket. An unterminated string counts to the end: starting again at
# each of its escaped quotes would take quadratic time.
_NO_BRACKETS = re.compile(r'[^"{}\[\]]+|"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_STRINGS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_EXPONENTS = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*")|(?<=\d)e(?:\+|(-)0?)', re.DOTALL)
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}


def loads(body: bytes) -> Any:
    """Read a body. Of equal keys in a mapping the last counts.

    Raises:
        DecodingError: no JSON, NaN or infinite numbers, not UTF-8, nested too deeply, too long, or of too many
            values.
    """
    if len(body) > MAX_BYTES:
        raise DecodingError(f"{len(body)} bytes are more than the {MAX_BYTES} that are read")
    try:
        text = body.decode()
        if _too_many(text):
            raise DecodingError(f"more than {MAX_VALUES} values")
        if _too_deep(text):
            raise DecodingError(f"nested deeper than {MAX_NESTING} levels")
        return _decoder.decode(text)
    except UnicodeDecodeError as error:
        raise DecodingError(f"not UTF-8: {error.reason} at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise DecodingError(f"not valid JSON: {error.msg} (character {error.pos})") from None
    except (ValueError, RecursionError) as error:
        raise DecodingError(f"not usable JSON: {error}") from None


def dumps(value: Any) -> bytes:
    """Write a body.

    Raises:
        ValueError: NaN, infinite or circular, or nested too deeply.
        TypeError: JSON cannot hold a value in there.
    """
    try:
        text = _encoder.encode(value)
    except RecursionError:
        raise ValueError(f"nested deeper than {MAX_NESTING} levels") from None
    if _too_deep(text):
        raise ValueError(f"nested deeper than {MAX_NESTING} levels")
    if "e-0" in text or "e+" in text:
        text = _EXPONENTS.sub(_short_exponent, text)
    return text.encode("utf-8", "replace")


def to_jsonable(value: Any) -> tuple[Any, list[str]]:
    """Make a value that JSON can hold, putting the `str()` of whatever it cannot hold in its place.

    Returns:
        The value, and where something was replaced, as `path (type)`.
    """
    replaced: list[str] = []
    return _jsonable(value, (), replaced, ()), replaced


def _jsonable(value: Any, path: tuple[str, ...], replaced: list[str], around: tuple[int, ...]) -> Any:
    if _is_plain(value):
        return value
    # What is nested too deeply or in itself becomes text like everything else that JSON cannot hold.
    if isinstance(value, (dict, list, tuple)) and len(path) < MAX_NESTING and id(value) not in around:
        around = (*around, id(value))
        if isinstance(value, dict):
            return {_key(k): _jsonable(v, (*path, _key(k)), replaced, around) for k, v in value.items()}
        return [_jsonable(v, (*path, str(i)), replaced, around) for i, v in enumerate(value)]
    replaced.append(f"{'.'.join(path) or 'payload'} ({type(value).__name__})")
    return _text(value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, float):
        return isfinite(value)
    if isinstance(value, int):
        return value.bit_length() < 10_000  # Python refuses the decimal form of longer ones
    return value is None or isinstance(value, str)


def _key(key: Any) -> str:
    if key is None or isinstance(key, bool):
        return str(json.dumps(key))
    return key if isinstance(key, str) else _text(key)


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - str() of an instrument's own class may raise anything
        return f"<{type(value).__name__} without text: {type(error).__name__}>"


def _too_many(text: str) -> bool:
    # Each value but the first of a list or mapping follows a comma, and commas in texts only count at first.
    if len(text) <= MAX_VALUES or _marks(text) <= MAX_VALUES:
        return False
    return values_in(text) > MAX_VALUES


def values_in(text: str) -> int:
    """Count the values of JSON, as they are counted in a body that is read."""
    return _marks(_STRINGS.sub("", text))


def _marks(text: str) -> int:
    return text.count(",") + text.count("[") + text.count("{")


def _too_deep(text: str) -> bool:
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return False
    steps = (_STEP.get(character, 0) for character in _NO_BRACKETS.sub("", text))
    return any(depth > MAX_NESTING for depth in accumulate(steps))


def _short_exponent(match: re.Match[str]) -> str:
    # Peers write 1e-7 where Python writes 1e-07; strings are matched only to be left alone.
    return match[1] or "e" + (match[2] or "")


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise ValueError(f"number out of range: {text[:40]}")
    return number


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not valid JSON")


_encoder = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
_decoder = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)
