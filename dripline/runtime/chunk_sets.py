"""Chunks of alerts on durable queues, unacknowledged until complete; spill files on disk for bodies."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

from dripline.runtime.worker import InFlight, release
from dripline.wire.body import DEFAULT_LIMITS, Part

_SEGMENT_BYTES = 16 * 1024 * 1024


class Spilled(NamedTuple):
    """Where a body is."""

    segment: _Segment
    offset: int
    size: int


@dataclass(eq=False, slots=True)
class _Segment:
    """One temporary file, which is gone when nothing in it is needed any more, or when the process ends."""

    file: IO[bytes]
    end: int = 0
    live: int = 0  # bodies in it that are still needed


class SpillFile:
    """Keeps bodies on disk; any thread may use it.

    Args:
        folder: Where the files are made; the system's folder for temporary files if that is not possible.
        limit_bytes: How much is kept at most.

    Attributes:
        size: Bytes on disk.
    """

    def __init__(self, folder: Path | None = None, limit_bytes: int = 1 << 30) -> None:
        self.size = 0
        self._folder = folder
        self._limit = limit_bytes
        self._lock = threading.Lock()  # guards sizes and segments
        self._segments: list[_Segment] = []

    def put(self, body: bytes) -> Spilled:
        """Keep a body.

        Raises:
            OSError: The disk does not take it, or the limit is reached.
        """
        with self._lock:
            if self.size + len(body) > self._limit:
                raise OSError(f"{self._limit / 1e6:.0f} MB of message bodies are on disk already")
            segment = self._segment()
            offset, written = segment.end, 0
            while written < len(body):
                written += os.pwrite(segment.file.fileno(), memoryview(body)[written:], offset + written)
            segment.end += written
            segment.live += 1
            self.size += written
        return Spilled(segment, offset, written)

    def take(self, spilled: Spilled) -> bytes:
        """Read a body and forget it."""
        pieces, at, end = [], spilled.offset, spilled.offset + spilled.size
        while at < end:
            piece = os.pread(spilled.segment.file.fileno(), end - at, at)
            if not piece:
                raise OSError("a temporary file ends too early")
            pieces.append(piece)
            at += len(piece)
        self._drop(spilled)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _drop(self, spilled: Spilled) -> None:
        with self._lock:
            segment = spilled.segment
            segment.live -= 1
            self.size -= spilled.size
            if segment.live or segment not in self._segments:
                return
            if segment is self._segments[-1]:
                segment.file.truncate(0)
                segment.end = 0
            else:
                self._segments.remove(segment)
                segment.file.close()

    def close(self) -> None:
        """Give the disk back."""
        with self._lock:
            for segment in self._segments:
                segment.file.close()
            self._segments.clear()
            self.size = 0

    def _segment(self) -> _Segment:
        if not self._segments or self._segments[-1].end >= _SEGMENT_BYTES:
            self._segments.append(_Segment(self._open()))
        return self._segments[-1]

    def _open(self) -> Any:
        try:
            if self._folder is not None:
                self._folder.mkdir(parents=True, exist_ok=True)
            return tempfile.TemporaryFile(buffering=0, dir=self._folder)
        except OSError:
            return tempfile.TemporaryFile(buffering=0)


Key = tuple[str, int]

_REMEMBERED = 1000


class TooLong(Exception):
    """The chunks of a message are longer together than a message may be."""


@dataclass(eq=False, slots=True)
class ChunkSet:
    """The chunks of one message that have arrived.

    Attributes:
        part: One of them.
        bodies: Their bodies by index, or where these are.
        held: Their deliveries, which are acknowledged when the message is handled.
        size: Bytes of all bodies.
        seen: When the last one came.
    """

    part: Part
    bodies: dict[int, bytes | Spilled] = field(default_factory=dict)
    held: list[InFlight] = field(default_factory=list)
    size: int = 0
    seen: float = 0.0


class ChunkSets:
    """Joins chunks; bodies beyond a share of memory are on disk. For one thread.

    Args:
        memory_bytes: How many bytes of bodies are kept in memory.
        spill: Takes the others.
    """

    def __init__(self, memory_bytes: int, spill: SpillFile) -> None:
        self._memory = memory_bytes
        self._spill = spill
        self._in_memory = self._chunks = 0
        self._sets: dict[Key, ChunkSet] = {}  # in the order of the last chunk seen
        self._too_long: dict[Key, None] = {}

    def __len__(self) -> int:
        """Number of incomplete messages."""
        return len(self._sets)

    @property
    def chunks(self) -> int:
        """Number of chunks of incomplete messages."""
        return self._chunks

    def add(self, part: Part, item: InFlight, now: float) -> ChunkSet | None:
        """Take a chunk in, and hold its delivery unless it is the last one missing.

        Args:
            part: The chunk.
            item: Its delivery.
            now: Time on the clock of `expired`.

        Returns:
            The set, with the deliveries of the other chunks, if this was the last one missing; `join` must follow.

        Raises:
            TooLong: The message is too long; `too_long` returns what was received of it.
            OSError: There is no room for the chunk, neither in memory nor on disk.
        """
        key = part.uuid, part.total
        if key in self._too_long:
            raise TooLong
        found = self._sets.pop(key, None)
        if found is not None and not found.held[0].is_valid:
            self._chunks -= len(found.held)
            self._drop(found)  # the broker delivers all of it again
            found = None
        chunks = found or ChunkSet(part._replace(body=b""))
        if part.index not in chunks.bodies:
            try:
                chunks.bodies[part.index] = self._keep(part.body)
            except OSError:
                if found is not None:
                    self._sets[key] = found
                raise
            chunks.size += len(part.body)
        if len(chunks.bodies) == part.total and chunks.size <= DEFAULT_LIMITS.message_bytes:
            self._chunks -= len(chunks.held)
            return chunks
        self._sets[key] = chunks
        chunks.seen = now
        chunks.held.append(item.hold())
        self._chunks += 1
        if chunks.size > DEFAULT_LIMITS.message_bytes:
            self._too_long[key] = None
            if len(self._too_long) > _REMEMBERED:
                del self._too_long[next(iter(self._too_long))]
            raise TooLong
        return None

    def too_long(self, part: Part) -> ChunkSet | None:
        """Give up the received part of a message that is too long; None if that was done before."""
        return self._remove((part.uuid, part.total))

    def join(self, chunks: ChunkSet) -> bytes:
        """Put the bodies of a whole set together, and forget them."""
        return b"".join(self._take(chunks.bodies[index]) for index in sorted(chunks.bodies))

    def beginning(self, chunks: ChunkSet, size: int) -> bytes:
        """Return the beginning of the received part of a set, and forget the set."""
        found = bytearray()
        for index in sorted(chunks.bodies):
            body = self._take(chunks.bodies[index])
            if len(found) < size:
                found += body
        return bytes(found[:size])

    def expired(self, now: float, wait_s: float) -> Iterator[ChunkSet]:
        """Give up sets whose last chunk came too long ago; those that the broker delivers again are dropped."""
        while self._sets:
            key, chunks = next(iter(self._sets.items()))
            if now - chunks.seen < wait_s:
                return
            self._remove(key)
            if chunks.held[0].is_valid:
                yield chunks
            else:
                self._drop(chunks)

    def clear(self) -> None:
        """Forget everything, without an acknowledgement."""
        for chunks in self._sets.values():
            self._drop(chunks)
        self._sets.clear()
        self._chunks = 0

    def _remove(self, key: Key) -> ChunkSet | None:
        chunks = self._sets.pop(key, None)
        self._chunks -= 0 if chunks is None else len(chunks.held)
        return chunks

    def _drop(self, chunks: ChunkSet) -> None:
        self.beginning(chunks, 0)
        for item in chunks.held:
            item.void()
        release(chunks.held)

    def _keep(self, body: bytes) -> bytes | Spilled:
        if self._in_memory + len(body) > self._memory and body:
            return self._spill.put(body)
        self._in_memory += len(body)
        return body

    def _take(self, body: bytes | Spilled) -> bytes:
        if isinstance(body, Spilled):
            return self._spill.take(body)
        self._in_memory -= len(body)
        return body
