"""Message bodies: JSON encoding and decoding, splitting into chunks and joining them.

The JSON has sorted keys, no spaces, no NaN, and a bound on nesting.
"""

from __future__ import annotations

import json
import re
from collections import deque
from itertools import accumulate
from math import isfinite
from typing import Any, NamedTuple

from dripline.amqp.properties import RawProperties
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


class Limits(NamedTuple):
    """How much a receiver keeps of messages that are not complete: a sender's word is not believed.

    Attributes:
        chunks: most chunks of one message.
        message_bytes: longest body of one message.
        pending_bytes: most bytes of all incomplete messages of one queue.
        pending_sets: most incomplete messages of one queue at a time.
        process_bytes: most bytes of all incomplete messages of this process.
    """

    chunks: int = 10_000
    message_bytes: int = 32 * 1024 * 1024
    pending_bytes: int = 64 * 1024 * 1024
    pending_sets: int = 1000
    process_bytes: int = 128 * 1024 * 1024


DEFAULT_LIMITS = Limits()

# What keeping one chunk costs beyond its bytes, so that a flood of tiny ones is bounded as well.
_OVERHEAD = 200

# Bytes that wait in each joiner of this process; each writes its own number only, so that no lock is needed.
_waiting: dict[int, int] = {}
_SMALL = 256 * 1024  # with less than that a joiner does not look at the others


class Part(NamedTuple):
    """One AMQP message: a whole dripline message or a chunk of one.

    Attributes:
        uuid: identifies the message it is a part of; may be empty for an unsplit one.
        index: which chunk, from 0.
        total: how many chunks there are.
        routing_key: the key it was published with.
        properties: its AMQP properties.
        body: its bytes.
    """

    uuid: str
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here
    total: int
    routing_key: str
    properties: RawProperties
    body: bytes


def read_part(properties: RawProperties, body: bytes, routing_key: str, limits: Limits = DEFAULT_LIMITS) -> Part:
    """Read which part of which message this is, from its message id.

    Raises:
        DecodingError: the message id is neither `UUID/chunk/total` nor `UUID`, or names an impossible chunk.
    """
    message_id = properties.message_id
    if message_id is None:
        return Part("", 0, 1, routing_key, properties, body)
    if not isinstance(message_id, str):
        raise DecodingError(f"message id is not UTF-8: {message_id!r}")
    if "/" not in message_id:
        return Part(message_id, 0, 1, routing_key, properties, body)
    if message_id.endswith("/0/1"):
        return Part(message_id[:-4], 0, 1, routing_key, properties, body)
    uuid, index, total = _read_id(message_id)
    if not 0 <= index < total:
        raise DecodingError(f"message id {message_id!r}: there is no chunk {index} of {total}, they count from 0")
    if total > limits.chunks:
        raise DecodingError(f"message id {message_id!r}: more than {limits.chunks} chunks are refused")
    return Part(uuid, index, total, routing_key, properties, body)


def _read_id(message_id: str) -> tuple[str, int, int]:
    words = message_id.rsplit("/", 2)
    if len(words) == 3 and all(word.isascii() and word.isdecimal() for word in words[1:]):
        return words[0], int(words[1]), int(words[2])
    raise DecodingError(f"message id {message_id!r} is neither UUID nor UUID/chunk/total")


class _Set:
    """The chunks of one message that came so far."""

    __slots__ = ("bodies", "part", "seen", "size")

    def __init__(self, part: Part, now: float) -> None:
        self.part = part
        self.bodies: dict[int, bytes] = {}
        self.size = len(getattr(part.properties, "raw", b""))  # a header table can fill a frame
        self.seen = now


class Joiner:
    """Puts chunks together that come in any order, mixed with those of other messages.

    It has no clock: whoever calls says what time it is.

    Args:
        wait_s: a message is given up this many seconds after the last chunk that came.
        limits: how much is kept; beyond it the message that waits longest is given up.
    """

    def __init__(self, wait_s: float = 1.0, limits: Limits = DEFAULT_LIMITS) -> None:
        self.wait_s = wait_s
        self.limits = limits
        self._sets: dict[tuple[str, int], _Set] = {}  # in the order of the last chunk seen
        self._size = 0
        self._given_up: deque[Part] = deque(maxlen=limits.pending_sets)
        # Given up: what still comes is dropped, unless the first chunk comes again, since all is sent once more.
        self._refused: dict[tuple[str, int], int] = {}

    def add(self, part: Part, now: float) -> bytes | None:
        """Take one part in.

        Args:
            part: what came.
            now: seconds on a monotonic clock.

        Returns:
            The whole body if this was the last part missing, else None.
        """
        if part.total == 1:
            return part.body
        key = part.uuid, part.total
        if key in self._refused:
            if part.index != self._refused[key]:
                return None
            del self._refused[key]
        chunks = self._sets.pop(key, None)
        if chunks is None:
            chunks = _Set(part, now)
            self._size += chunks.size
        self._sets[key] = chunks  # back in, at the end
        chunks.seen = now
        self._keep(chunks, part)
        if len(chunks.bodies) == part.total:
            self._drop(key)
            return b"".join(chunks.bodies[index] for index in range(part.total))
        self._make_room(key, chunks)
        return None

    def refuse(self, part: Part) -> None:
        """Give up the message that a part belongs to, which has no room."""
        key = part.uuid, part.total
        if key in self._refused:
            return
        if key not in self._sets:
            self._sets[key] = _Set(part, 0.0)
            self._size += self._sets[key].size
        self._give_up(key)

    def expired(self, now: float) -> list[Part]:
        """Give up what waited too long.

        Args:
            now: seconds on a monotonic clock.

        Returns:
            One part of every message given up since the last call, so that a request can be answered.
        """
        while self._sets:
            key, chunks = next(iter(self._sets.items()))
            if now - chunks.seen < self.wait_s:
                break
            self._give_up(key)
        given_up = list(self._given_up)
        self._given_up.clear()
        return given_up

    def next_expiry(self) -> float | None:
        """Give the time at which `expired` will have something to give up, None while nothing waits."""
        if self._given_up:
            return 0.0
        return next(iter(self._sets.values())).seen + self.wait_s if self._sets else None

    def __del__(self) -> None:
        """Forget what waited."""
        _waiting.pop(id(self), None)

    def __contains__(self, key: tuple[str, int]) -> bool:
        """Whether a message, named by its UUID and its number of chunks, is incomplete."""
        return key in self._sets

    def __len__(self) -> int:
        """Number of incomplete messages."""
        return len(self._sets)

    def _keep(self, chunks: _Set, part: Part) -> None:
        if part.index in chunks.bodies:
            return  # delivered twice
        chunks.bodies[part.index] = part.body
        size = len(part.body) + _OVERHEAD
        chunks.size += size
        self._size += size

    def _make_room(self, key: tuple[str, int], chunks: _Set) -> None:
        if chunks.size > self.limits.message_bytes:
            self._give_up(key)
        while self._sets and self._is_over():
            self._give_up(next(iter(self._sets)))

    def _is_over(self) -> bool:
        if len(self._sets) > self.limits.pending_sets or self._size > self.limits.pending_bytes:
            return True
        _waiting[id(self)] = self._size
        return self._size > _SMALL and sum(list(_waiting.values())) > self.limits.process_bytes

    def _give_up(self, key: tuple[str, int]) -> None:
        first = self._sets[key].part
        self._given_up.append(first)
        self._drop(key)
        self._refused[key] = first.index
        if len(self._refused) > self.limits.pending_sets:
            del self._refused[next(iter(self._refused))]

    def _drop(self, key: tuple[str, int]) -> None:
        self._size -= self._sets.pop(key).size
        if not self._sets:
            _waiting.pop(id(self), None)
