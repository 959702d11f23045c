"""Frame reader: frames come out whole, whatever pieces the bytes come in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dripline.amqp.content import BODY, METHOD, Frame, frame
from dripline.broker.stream import HELLO, PROTOCOL_HEADER, FrameReader

FRAMES = st.lists(st.builds(Frame, st.integers(1, 255), st.integers(0, 65535), st.binary(max_size=60)), max_size=6)


def encoded(frames: list[Frame]) -> bytes:
    """A whole stream, protocol header first."""
    return PROTOCOL_HEADER + b"".join(frame(*each) for each in frames)


def fresh_reader(frame_max: int = 4096) -> FrameReader:
    """A reader that has seen the protocol header."""
    reader = FrameReader(frame_max)
    assert reader.feed(PROTOCOL_HEADER) == [Frame(HELLO, 0, PROTOCOL_HEADER)]
    return reader


@given(FRAMES, st.lists(st.integers(1, 40)))
def test_pieces_do_not_matter(frames: list[Frame], sizes: list[int]) -> None:
    """The same frames come out however the stream is cut."""
    reader, data, out = FrameReader(4096), encoded(frames), []
    for size in sizes:
        out += reader.feed(data[:size])
        data = data[size:]
    out += reader.feed(data)
    assert out == [Frame(HELLO, 0, PROTOCOL_HEADER), *frames]
    assert reader.fault is None


def test_byte_by_byte() -> None:
    """A client may send one byte at a time."""
    frames = [Frame(METHOD, 1, b"abc"), Frame(BODY, 2, b"")]
    reader = FrameReader(4096)
    out = [each for byte in encoded(frames) for each in reader.feed(bytes((byte,)))]
    assert out[1:] == frames


def test_frames_before_a_fault_are_given() -> None:
    """What was whole before the stream broke is still handled."""
    reader = fresh_reader()
    good = Frame(METHOD, 1, b"good")
    assert reader.feed(frame(*good) + frame(METHOD, 1, b"bad")[:-1] + b"\x00") == [good]
    assert reader.fault is not None
    assert reader.fault.text == 'FRAME_ERROR - type 1, all octets = <<"bad">>: {invalid_frame_end_marker,0}'


def test_nothing_is_read_after_a_fault() -> None:
    """Once broken, a stream stays broken: nobody knows where the next frame begins."""
    reader = fresh_reader()
    reader.feed(b"\x01\x00\x01\xff\xff\xff\xff\x00")
    assert reader.feed(frame(METHOD, 1, b"good")) == []


def test_too_large_is_known_from_the_head() -> None:
    """A frame longer than agreed is refused before it has come."""
    reader = fresh_reader(4096)
    assert reader.feed(frame(METHOD, 1, bytes(4088))) == [Frame(METHOD, 1, bytes(4088))]
    reader.feed(frame(METHOD, 1, bytes(4089))[:8])
    assert reader.fault is not None
    assert reader.fault.code == 501
    assert "{frame_too_large,4089,4088}" in reader.fault.text


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_or_a_fault(data: bytes) -> None:
    """Random bytes never raise, and never keep more than one frame can have."""
    reader = fresh_reader()
    reader.feed(data)
    assert reader.fault is not None or len(reader._kept) <= 4096
