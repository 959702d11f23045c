"""The decoder of header tables."""

import contextlib
import struct
from datetime import datetime, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pika import data as pika_data

from dripline.amqp import properties as field_table
from dripline.amqp.properties import decode_table

TEXT = st.text(max_size=20)
KEYS = st.text(max_size=20).filter(lambda key: len(key.encode()) < 256)
LEAVES = TEXT | st.booleans() | st.none() | st.binary(max_size=20) | st.integers(-(2**63), 2**63 - 1)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=15
)


def encoded(table):
    """A table as pika encodes it."""
    pieces = []
    pika_data.encode_table(pieces, table)
    return b"".join(pieces)


def one(kind, raw):
    """A table with one field ``v`` of a type pika does not write."""
    field = b"\x01v" + kind + raw
    return struct.pack(">I", len(field)) + field


@given(st.dictionaries(KEYS, VALUES, max_size=8))
def test_what_pika_writes_is_read(table):
    """Every type that pika encodes comes back as it was, nested or not."""
    assert decode_table(encoded(table)) == table
    assert decode_table(encoded(table)) == table  # the second time some of it is remembered


def test_times_and_decimals():
    """Timestamps are seconds since 1970, decimals are floats."""
    moment = datetime(2026, 11, 21, tzinfo=timezone.utc)
    assert decode_table(encoded({"t": moment, "d": Decimal("2.75")})) == {"t": moment.timestamp(), "d": 2.75}


@given(st.floats(allow_nan=False))
def test_floats_keep_their_fraction(value):
    """2.75 stays 2.75."""
    assert decode_table(one(b"d", struct.pack(">d", value))) == {"v": value}


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        (b"b", b"\xff", -1),
        (b"B", b"\xff", 255),
        (b"s", b"\xff\xfe", -2),
        (b"U", b"\xff\xfe", -2),
        (b"u", b"\xff\xfe", 65534),
        (b"I", b"\xff\xff\xff\xff", -1),
        (b"i", b"\xff\xff\xff\xff", 2**32 - 1),
        (b"l", b"\xff" * 8, -1),
        (b"L", b"\xff" * 8, -1),
        (b"T", b"\0\0\0\0\0\0\0\x05", 5),
        (b"t", b"\x01", True),
        (b"f", struct.pack(">f", 0.5), 0.5),
    ],
)
def test_numbers_of_every_width(kind, raw, value):
    """Peers write integers in any of AMQP's types."""
    assert decode_table(one(kind, raw)) == {"v": value}


def test_text_that_is_not_utf_8_is_read_all_the_same():
    """A value in another encoding does not make the message unreadable."""
    assert decode_table(one(b"S", b"\0\0\0\x02a\xff")) == {"v": "a\ufffd"}


@given(st.binary(max_size=60))
def test_garbage_is_a_value_error_and_nothing_else(raw):
    """Whatever stands in a table, the worst is ValueError."""
    for table in (raw, struct.pack(">I", len(raw)) + raw):
        with contextlib.suppress(ValueError):
            decode_table(table)


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"\0\0\0\x05\x01v",
        one(b"?", b""),
        one(b"S", b"\0\0\0\x09short"),
        one(b"A", b"\0\0\0\x02i\0\0\0\0"),
        one(b"F", b"\0\0\0\xff"),
    ],
)
def test_what_runs_past_its_end_is_damaged(table):
    """Lengths that promise more than there is are refused."""
    with pytest.raises(ValueError, match="damaged header table"):
        decode_table(table)


def test_no_sender_can_make_us_dig_too_deep():
    """Nesting is bounded, also for tables that are put together from tables seen before."""
    table = {"leaf": 1}
    for _ in range(15):
        table = {"inner": table}
    assert decode_table(encoded(table))
    for _ in range(2):
        table = {"inner": table}
    with pytest.raises(ValueError, match="deep"):
        decode_table(encoded(table))


def test_what_is_remembered_is_bounded():
    """A flood of different tables does not fill the memory."""
    for number in range(20_000):
        decode_table(encoded({"sender_info": {"number": number}}))
    decode_table(encoded({"sender_info": {"long": "x" * 10_000}}))
    assert sum(map(len, field_table._seen)) <= field_table._REMEMBERED_IN_ALL + field_table._REMEMBERED_BYTES
    assert max(len(table) for table in field_table._seen) <= field_table._REMEMBERED_BYTES
    # Counted as they come: to add all of them up for each table would let one message take seconds.
    assert field_table._seen_bytes == sum(map(len, field_table._seen))
