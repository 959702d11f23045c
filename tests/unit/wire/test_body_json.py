"""Bodies."""

import json
import math
import time
from datetime import timedelta
from enum import IntEnum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dripline.errors import DecodingError
from dripline.wire import body as json_body
from dripline.wire.body import MAX_NESTING, dumps, loads, to_jsonable

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


class Broken:
    """Something whose text cannot be had."""

    def __str__(self):
        raise RuntimeError("no text")


def nested(depth, inside=1):
    """Put a value into lists in lists."""
    value = inside
    for _ in range(depth):
        value = [value]
    return value


@given(json_values)
def test_what_json_can_hold_comes_back(value):
    """Writing and reading gives the same value."""
    assert loads(dumps(value)) == value


@given(json_values)
def test_bodies_are_compact_sorted_and_utf8(value):
    """No spaces, keys in order, no escapes of letters: what real peers write."""
    body = dumps(value)
    assert json.loads(body) == json.loads(json.dumps(value))
    if "e" not in json.dumps(value, ensure_ascii=True):
        plain = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert body == plain.encode()


@pytest.mark.parametrize(
    ("value", "body"),
    [
        (1e-7, b"1e-7"),
        (1.5e300, b"1.5e300"),
        (1e-300, b"1e-300"),
        ({"1e-07": [1e-05, "e-07", "\\", 1e22]}, b'{"1e-07":[1e-5,"e-07","\\\\",1e22]}'),
        (3.0, b"3.0"),
        (5000000000, b"5000000000"),
        ("é", '"é"'.encode()),
    ],
)
def test_numbers_are_written_as_real_peers_write_them(value, body):
    """Exponents without padding; strings that look like numbers are left alone."""
    assert dumps(value) == body
    assert loads(body) == value


@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf], {1, 2}, timedelta(1), {(1, 2): 3}])
def test_what_json_cannot_hold_is_refused_on_writing(value):
    """ValueError or TypeError; the caller decides what to do about it."""
    with pytest.raises((ValueError, TypeError)):
        dumps(value)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not valid JSON"),
        (b"{not json", "not valid JSON"),
        (b'{"a":1}{"b":2}', "not valid JSON"),
        (b'{"a":1,}', "not valid JSON"),
        (b"// x\n1", "not valid JSON"),
        (b"NaN", "NaN is not valid JSON"),
        (b"[-Infinity]", "-Infinity is not valid JSON"),
        (b"1e400", "out of range"),
        (b'"\xff"', "not UTF-8"),
        (b"[" * 200_000, "nested deeper"),
    ],
)
def test_what_is_no_json_is_refused_on_reading(body, reason):
    """With a reason."""
    with pytest.raises(DecodingError, match=reason):
        loads(body)


def test_nesting_is_bounded_in_both_directions():
    """A hundred levels are read and written, one more is not."""
    assert loads(dumps(nested(MAX_NESTING))) == nested(MAX_NESTING)
    with pytest.raises(ValueError, match="nested deeper"):
        dumps(nested(MAX_NESTING + 1))
    with pytest.raises(ValueError, match="nested deeper"):
        dumps(nested(100_000))
    with pytest.raises(DecodingError, match="nested deeper"):
        loads(b"[" * (MAX_NESTING + 1) + b"]" * (MAX_NESTING + 1))


def test_brackets_in_texts_are_no_nesting():
    """Only real lists and mappings count, and a wide body is not a deep one."""
    value = {"a": '["{' * 1000, "b": [[1]] * 1000}
    assert loads(dumps(value)) == value


@settings(deadline=None)
@given(st.binary() | st.text(alphabet='[]{}",:\\0e-.').map(str.encode))
def test_any_bytes_are_read_or_refused(body):
    """Nothing but a decoding error comes out."""
    try:
        loads(body)
    except DecodingError:
        return


def test_hostile_bodies_take_no_time():
    """Unterminated texts full of escaped quotes, and a megabyte of brackets, are refused at once."""
    start = time.process_time()
    for body in (b"[" * 101 + b'"' + b'\\"' * 500_000, b"[" * 1_000_000, b'{"":' * 250_000):
        with pytest.raises(DecodingError):
            loads(body)
    assert time.process_time() - start < 10.0


def test_what_json_cannot_hold_becomes_its_text():
    """And it is told where that was."""
    value, replaced = to_jsonable({"a": [1, timedelta(seconds=10)], "b": math.nan, "c": ("x", None)})
    assert value == {"a": [1, "0:00:10"], "b": "nan", "c": ["x", None]}
    assert replaced == ["a.1 (timedelta)", "b (float)"]
    assert to_jsonable({1}) == ("{1}", ["payload (set)"])


def test_keys_become_text():
    """As JSON writes them where it can."""
    assert to_jsonable({None: 1, True: 2, 3: 4, (5, 6): 7})[0] == {"null": 1, "true": 2, "3": 4, "(5, 6)": 7}


def test_a_value_in_itself_becomes_text():
    """Circles and depth end somewhere."""
    circle = [1]
    circle += [circle, circle]
    value, replaced = to_jsonable(circle)
    assert value[0] == 1
    assert replaced == ["1 (list)", "2 (list)"]
    assert dumps(to_jsonable(nested(100_000))[0])


def test_a_value_without_text_is_named():
    """An instrument's class whose str() raises does not stop a reply."""
    assert to_jsonable([Broken()])[0] == ["<Broken without text: RuntimeError>"]


def test_subclasses_of_plain_types_are_plain():
    """Enumerations are numbers."""
    number = IntEnum("number", {"one": 1})
    assert to_jsonable({"n": number.one}) == ({"n": 1}, [])
    assert dumps({"n": number.one}) == b'{"n":1}'


def test_numbers_too_long_for_python_become_text():
    """A number of ten thousand digits is no reason to fail."""
    value, replaced = to_jsonable({"n": 1 << 40_000})
    assert replaced == ["n (int)"]
    assert loads(dumps(value)) == value


def test_lone_surrogates_do_not_stop_a_message():
    """They have no UTF-8; a question mark stands for them."""
    assert dumps("a\ud800b") == b'"a?b"'


anything = st.recursive(
    scalars | st.floats() | st.binary() | st.datetimes() | st.builds(object) | st.builds(Broken),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.integers() | st.text() | st.binary(), inner) | st.tuples(inner)
    ),
    max_leaves=20,
)


@given(anything)
def test_anything_can_be_sent(value):
    """What `to_jsonable` gives can always be written."""
    clean, _ = to_jsonable(value)
    assert loads(dumps(clean)) == clean


def test_bodies_are_bounded_in_bytes_and_values(monkeypatch):
    """A list of empty lists takes 30 times its text in memory; commas within a text are no values."""
    many = b"[" + b"[]," * json_body.MAX_VALUES + b"0]"
    with pytest.raises(DecodingError, match="more than 1000000 values"):
        json_body.loads(many)
    text = b'"' + b'\\",' * json_body.MAX_VALUES + b'"'
    assert len(json_body.loads(text)) == 2 * json_body.MAX_VALUES
    monkeypatch.setattr(json_body, "MAX_BYTES", 10)
    assert json_body.loads(b'"12345678"') == "12345678"
    with pytest.raises(DecodingError, match="11 bytes are more than the 10"):
        json_body.loads(b'"123456789"')


@pytest.mark.parametrize("body", [b"1e999999", b"-1e999999", b"9" * 100_000, b"[1e400]", b"NaN", b"[-Infinity]"])
def test_numbers_of_absurd_size_are_refused(body):
    """In one line, and at once."""
    with pytest.raises(DecodingError) as refused:
        json_body.loads(body)
    assert len(str(refused.value)) < 200


def test_of_equal_keys_the_last_counts():
    """As the reference has it."""
    assert json_body.loads(b'{"a":1,"a":2}') == {"a": 2}
