"""What is an answer, whatever pieces it comes in."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.implementations.communicator import Answer

pieces = st.lists(st.binary(min_size=1, max_size=12), max_size=12)
terminators = st.sampled_from([b"\n", b"\r\n", b"> ", b"\r\n>"])


def feed(answer: Answer, parts: list[bytes]) -> list[bool]:
    """Add pieces until it is complete."""
    told = []
    for part in parts:
        told.append(answer.add(part))
        if told[-1]:
            break
    return told


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Data in pieces, cut at these places."""
    edges = [0, *sorted({place % (len(data) + 1) for place in places}), len(data)]
    return [data[start:end] for start, end in pairwise(edges) if end > start]


@given(content=st.binary(min_size=1, max_size=40), terminator=terminators, places=st.lists(st.integers(0, 99)))
def test_an_answer_is_the_same_however_it_is_cut(content, terminator, places):
    """Networks cut where they like, also within the terminator."""
    if terminator in content + terminator[:-1]:
        return
    answer = Answer(terminator)
    assert feed(answer, cut(content + terminator, places))[-1] is True
    assert (answer.content, answer.surplus) == (content, b"")


@given(parts=pieces, terminator=terminators)
def test_nothing_is_lost_and_nothing_made_up(parts, terminator):
    """Answer, terminator and surplus are what came, but for empty lines before it."""
    answer = Answer(terminator)
    feed(answer, parts)
    if answer.end < 0:
        assert b"".join(parts).endswith(answer.content)
    else:
        assert answer.content + terminator + answer.surplus == bytes(answer.received)
        assert terminator not in answer.content


@given(question=st.text("ABC:?", min_size=1, max_size=8), places=st.lists(st.integers(0, 99)))
def test_an_echo_is_no_answer_though_it_ends_like_one(question, places):
    """A device repeats the question, terminator and all: the answer is what follows."""
    echo = question.encode() + b"\n"
    answer = Answer(b"\n", echo)
    assert feed(answer, cut(echo + b"1.5\n", places))[-1] is True
    assert answer.content == echo + b"1.5"


def test_a_device_that_does_not_repeat_is_noticed():
    """Its answer is taken as it is, for the one who asked to see that the echo is missing."""
    answer = Answer(b"\n", b"VOLT?\n")
    assert answer.add(b"1.5\n")
    assert answer.content == b"1.5"
    answer = Answer(b"\n", b"VOLT?\n")
    assert not answer.add(b"VO")
    assert answer.add(b"X\n")
    assert answer.content == b"VOX"


def test_an_empty_line_before_the_answer_is_left_out():
    """Some devices begin with one."""
    answer = Answer(b"\r\n")
    assert answer.add(b"\r\n1.5\r\n")
    assert (answer.content, answer.surplus) == (b"1.5", b"")


def test_an_empty_answer_is_one():
    """When nothing follows it."""
    answer = Answer(b"\n")
    assert answer.add(b"\n")
    assert (answer.content, answer.surplus) == (b"", b"")


def test_a_second_line_is_surplus():
    """It is never a part of the answer."""
    answer = Answer(b"\n")
    assert answer.add(b"1\n2\n3")
    assert (answer.content, answer.surplus) == (b"1", b"2\n3")


def test_what_has_no_end_is_not_kept_for_ever():
    """A device gone wild fills no memory."""
    answer = Answer(b"\n", longest=1000)
    assert not any(answer.add(b"x" * 100) for _ in range(10))
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        answer.add(b"x")
