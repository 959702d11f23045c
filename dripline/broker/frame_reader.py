"""Cuts the bytes a client sends into frames."""

from __future__ import annotations

from typing import Final, NamedTuple

from dripline.broker.errors import ConnectionFault
from dripline.broker.frames import FRAME_END_BYTE, FRAME_HEAD, OVERHEAD, PROTOCOL_HEADER, describe_frame

HELLO: Final = -1  # kind of the pseudo frame that the protocol header becomes


class Frame(NamedTuple):
    """A whole frame: METHOD, HEADER, BODY, HEARTBEAT, or HELLO for the protocol header."""

    kind: int
    channel: int
    payload: bytes


class FrameReader:
    """Takes bytes as they arrive, gives frames.

    Attributes:
        frame_max: longest frame accepted, in bytes.
        fault: set when the bytes stop making sense; nothing can be read after that.
    """

    def __init__(self, frame_max: int) -> None:
        self.frame_max = frame_max
        self.fault: ConnectionFault | None = None
        self._kept = bytearray()
        self._needed = len(PROTOCOL_HEADER)
        self._greeted = False

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are whole now; what is left over is kept."""
        if self.fault is not None:
            return []
        if self._kept:
            self._kept += data
            if len(self._kept) < self._needed:
                return []
            data = bytes(self._kept)
            self._kept.clear()
        frames: list[Frame] = []
        rest = self._cut(data, frames)
        self._kept += data[rest:]
        return frames

    def _cut(self, data: bytes, frames: list[Frame]) -> int:
        position = 0 if self._greeted else self._greet(data, frames)
        end = len(data)
        longest = self.frame_max - OVERHEAD
        while end - position >= OVERHEAD:
            kind, channel, size = FRAME_HEAD.unpack_from(data, position)
            start = position + 7
            stop = start + size
            if size > longest:
                self.fault = _broken(kind, b"", f"{{frame_too_large,{size},{longest}}}")
                return end
            if stop >= end:
                self._needed = stop + 1 - position
                return position
            if data[stop] != FRAME_END_BYTE:
                reason = f"{{invalid_frame_end_marker,{data[stop]}}}"
                self.fault = _broken(kind, data[start:stop], reason)
                return end
            frames.append(Frame(kind, channel, data[start:stop]))
            position = stop + 1
        self._needed = OVERHEAD
        return position

    def _greet(self, data: bytes, frames: list[Frame]) -> int:
        length = len(PROTOCOL_HEADER)
        if len(data) < length:
            return 0
        self._greeted = True
        frames.append(Frame(HELLO, 0, data[:length]))
        return length


def _broken(kind: int, payload: bytes, reason: str) -> ConnectionFault:
    return ConnectionFault(501, f"{describe_frame(kind, payload)}: {reason}")
