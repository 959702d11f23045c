"""Long bodies are cut into chunks; here they are put together again, within bounds."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from dripline.errors import DecodingError


class AmqpProperties(Protocol):
    """What is read of the properties of an AMQP message; `pika.BasicProperties` has it."""

    content_encoding: str | None
    correlation_id: str | None
    reply_to: str | None
    message_id: str | None

    @property
    def headers(self) -> Mapping[str, Any] | None:
        """The header table; reading a damaged one raises ValueError."""


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
    properties: AmqpProperties
    body: bytes


def read_part(properties: AmqpProperties, body: bytes, routing_key: str, limits: Limits = DEFAULT_LIMITS) -> Part:
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
