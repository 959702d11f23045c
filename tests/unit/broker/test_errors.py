"""Faults carry the code and text that the client sees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.broker.errors import (
    ChannelFault,
    ConnectionFault,
    Fault,
    inequivalent,
    no_exchange,
    no_queue,
    queue_locked,
    reserved_name,
    unknown_tag,
)


@pytest.mark.parametrize(
    ("fault", "code", "text"),
    [
        (no_queue("q", "/"), 404, "NOT_FOUND - no queue 'q' in vhost '/'"),
        (no_exchange("e", "/"), 404, "NOT_FOUND - no exchange 'e' in vhost '/'"),
        (unknown_tag(7), 406, "PRECONDITION_FAILED - unknown delivery tag 7"),
        (
            reserved_name("queue", "amq.x"),
            403,
            "ACCESS_REFUSED - queue name 'amq.x' contains reserved prefix 'amq.*'",
        ),
        (
            inequivalent("durable", "queue 'q' in vhost '/'", "'true'", "'false'"),
            406,
            "PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'q' in vhost '/': "
            "received 'true' but current is 'false'",
        ),
    ],
)
def test_texts_are_those_of_rabbitmq(fault: Fault, code: int, text: str) -> None:
    """Clients that match on reply texts find what they know."""
    assert (fault.code, fault.text) == (code, text)
    assert isinstance(fault, ChannelFault)


def test_a_locked_queue_tells_what_may_be_wrong() -> None:
    """405 names the queue and both possible reasons."""
    fault = queue_locked("my_store", "/")
    assert fault.code == 405
    assert "locked queue 'my_store' in vhost '/'" in fault.text
    assert "originally declared on another connection" in fault.text


@given(st.text(max_size=300))
def test_texts_fit_into_a_short_string(text: str) -> None:
    """However long a name is, the reply text has at most 255 bytes and is valid UTF-8."""
    encoded = ConnectionFault(541, text).text.encode()
    assert len(encoded) <= 255
    assert encoded.startswith(b"INTERNAL_ERROR - ")


def test_one_line_in_the_log() -> None:
    """Names that a client made up can hold line breaks; the client gets them back, the log does not."""
    fault = no_queue("a\nb\x1b", "/")
    assert str(fault) == "404 NOT_FOUND - no queue 'a\\nb\\x1b' in vhost '/'"
    assert fault.text == "NOT_FOUND - no queue 'a\nb\x1b' in vhost '/'"
