"""Message properties read from raw bytes."""

import pika
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.amqp.properties import RawProperties

NAMES = st.text(max_size=60).filter(lambda text: len(text.encode()) < 256)
OCTETS = st.integers(0, 255)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "content_type": NAMES,
        "content_encoding": NAMES,
        "headers": st.dictionaries(NAMES, st.integers(-(2**31), 2**31 - 1) | NAMES, max_size=5),
        "delivery_mode": OCTETS,
        "priority": OCTETS,
        "correlation_id": NAMES,
        "reply_to": NAMES,
        "expiration": NAMES,
        "message_id": NAMES,
        "app_id": NAMES,
    },
)


@given(FIELDS)
def test_what_pika_writes_is_read(fields):
    """Each property has the value it was given; the others are None."""
    data = b"".join(pika.BasicProperties(**fields).encode())
    read = RawProperties(data)
    fields.pop("app_id", None)  # nobody needs it
    for name in ("content_type", "content_encoding", "correlation_id", "reply_to", "expiration", "message_id"):
        assert getattr(read, name) == fields.get(name)
    assert (read.delivery_mode, read.priority) == (fields.get("delivery_mode"), fields.get("priority"))
    assert read.headers == fields.get("headers")
    assert (read.raw, read.damage) == (data, None)


@given(st.binary(max_size=80))
def test_garbage_is_told_and_never_raised(data):
    """Damaged properties are read as far as they go, and the damage is noted."""
    read = RawProperties(data)
    assert read.damage is None or "damaged" in read.damage


@given(FIELDS, st.data())
def test_truncated_properties_are_noticed(fields, data):
    """When bytes are missing, that is noted."""
    whole = b"".join(pika.BasicProperties(**{**fields, "message_id": "abc"}).encode())
    fields_end = whole.rindex(b"\x03abc") + 4
    cut = data.draw(st.integers(0, fields_end - 1))
    assert RawProperties(whole[:cut]).damage is not None


def test_a_damaged_header_table_is_an_error_only_for_who_asks():
    """The rest can be used, for example to say which message it was."""
    data = b"".join(pika.BasicProperties(headers={"a": 1}, message_id="m").encode()).replace(b"\x01aI", b"\x01a?")
    read = RawProperties(data)
    assert read.message_id == "m"
    with pytest.raises(ValueError, match="unknown field type"):
        _ = read.headers


def test_text_that_is_not_utf_8_is_read_all_the_same():
    """Text in another encoding gets replacement characters."""
    data = b"".join(pika.BasicProperties(message_id="abc").encode()).replace(b"abc", b"a\xffc")
    assert RawProperties(data).message_id == "a\ufffdc"
