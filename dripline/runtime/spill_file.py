"""Message bodies that have no room in memory, in temporary files without a name."""

from __future__ import annotations

import os
import tempfile
import threading
from pathlib import Path
from typing import IO, Any, NamedTuple

_SEGMENT_BYTES = 16 * 1024 * 1024


class Spilled(NamedTuple):
    """Where a body is."""

    segment: _Segment
    offset: int
    size: int


class _Segment:
    """One temporary file, which is gone when nothing in it is needed any more, or when the process ends."""

    __slots__ = ("end", "file", "live")

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.end = 0
        self.live = 0  # bodies in it that are still needed


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
        """Read a body and drop it."""
        body = self.read(spilled)
        self.drop(spilled)
        return body

    def read(self, spilled: Spilled) -> bytes:
        """Read a body."""
        pieces, at, end = [], spilled.offset, spilled.offset + spilled.size
        while at < end:
            piece = os.pread(spilled.segment.file.fileno(), end - at, at)
            if not piece:
                raise OSError("a temporary file ends too early")
            pieces.append(piece)
            at += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def drop(self, spilled: Spilled) -> None:
        """Forget a body."""
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
