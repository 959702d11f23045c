"""AMQP field tables."""

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.amqp.properties import encode_table, encode_value, long_string, short_string, unsigned
from dripline.errors import DriplineError

names = st.text(max_size=40).filter(lambda name: len(name.encode()) <= 255)
tables = st.recursive(
    st.text() | st.integers(0, 2**31 - 1), lambda inner: st.dictionaries(names, inner), max_leaves=10
)


@given(st.dictionaries(names, tables))
def test_pika_reads_what_is_written(fields):
    """Text, whole numbers and nested tables arrive as they were."""
    decoded, length = pika.data.decode_table(encode_table(fields)[1:], 0)
    assert decoded == fields
    assert length == len(encode_table(fields)) - 1


def test_fields_are_in_alphabetical_order():
    """As real peers write them."""
    assert encode_table({"b": "2", "a": 1}) == b"F\0\0\0\x0f\x01ai\0\0\0\x01\x01bS\0\0\0\x012"


def test_numbers_keep_32_bits():
    """The number that stands for `unknown` is all ones."""
    assert unsigned(4294967295) == unsigned(-1) == b"i\xff\xff\xff\xff"


def test_short_strings_are_bounded():
    """AMQP allows 255 bytes, not characters."""
    assert short_string("é" * 127) == b"\xfe" + ("é" * 127).encode()
    with pytest.raises(DriplineError, match="255 bytes"):
        short_string("é" * 128)


def test_text_without_utf8_does_no_harm():
    """A lone surrogate becomes a question mark."""
    assert long_string("\udcff") == b"S\0\0\0\x01?"
    assert short_string("\udcff") == b"\x01?"


@pytest.mark.parametrize("value", [1.5, True, None, [1]])
def test_other_types_are_refused(value):
    """No header of dripline has them."""
    with pytest.raises(TypeError, match="no dripline header"):
        encode_value(value)
