"""The decorator `calibrate`, as labs use it."""

from __future__ import annotations

import pytest

import scarab
from dripline.core import Entity, calibrate
from dripline.errors import ConfigurationError

from .conftest import get


def times3(x):
    """A lab's calibration function."""
    return 3 * x


class Fixed(Entity):
    """Gives a raw value."""

    def __init__(self, raw, **kwargs):
        Entity.__init__(self, name="fixed", **kwargs)
        self.raw = raw

    @calibrate()
    def on_get(self):
        """Return the raw value."""
        return self.raw


def payload(raw, calibration=None):
    """The payload of a get."""
    return get(Fixed(raw, calibration=calibration)).plain_payload


def test_without_calibration_there_is_the_raw_value():
    """In a map of its own."""
    assert payload(1.5) == {"value_raw": 1.5}


def test_a_formula_gives_the_calibrated_value():
    """The hole takes the raw value."""
    assert payload(0.75, "2*{}") == {"value_raw": 0.75, "value_cal": 1.5}
    assert payload("0.75\n", "2*{}") == {"value_raw": "0.75\n", "value_cal": 1.5}


def test_a_table_gives_the_calibrated_value():
    """Keys are compared as text, as JSON and YAML write them."""
    table = {"OPEN": "on", "1": "one", 2: "two"}
    assert payload("OPEN", table)["value_cal"] == "on"
    assert payload(" OPEN\r\n", table)["value_cal"] == "on"
    assert payload(1, table)["value_cal"] == "one"
    assert payload("2", table)["value_cal"] == "two"


@pytest.mark.parametrize("raw", [1, 1.0, True, "1", "1.0", "000001", "+1.00000E+00\r\n", "0x01", "true", " TRUE "])
@pytest.mark.parametrize("table", [{1: "on", 0: "off"}, {"1": "on", "0": "off"}, {"1.0": "on", "+0E0": "off"}])
def test_a_number_is_found_in_any_notation(table, raw):
    """Keys and raw values are read alike."""
    assert payload(raw, table)["value_cal"] == "on"


def test_a_table_prefers_the_same_text():
    """A code with leading zeros may differ from the number."""
    assert [payload(raw, {"1": "one", "01": "code"})["value_cal"] for raw in ("1", "01", 1, "1.0")] == [
        "one", "code", "one", "one",
    ]  # fmt: skip


@pytest.mark.parametrize("raw", [float("nan"), "nan", "-inf", float("-inf")])
def test_nan_and_infinity_can_be_keys(raw):
    """As YAML and Python write them."""
    assert payload(raw, {".nan": "broken", "-inf": "broken", "inf": "overload"})["value_cal"] == "broken"


@pytest.mark.parametrize("raw", ["BROKEN", 3.5, {"a": 1}, "1,0", ""])
def test_what_the_table_lacks_keeps_its_raw_value(raw, caplog):
    """With warning code 1 in each reply, and one line in the log."""
    valve = Fixed(raw, calibration={"OPEN": 1, 0: 2})
    for _ in range(3):
        reply = get(valve)
        assert (reply.return_code, reply.plain_payload) == (1, {"value_raw": raw})
        assert reply.return_message == (
            f"the calibration table has no entry for the raw value: {raw!r} is none of 'OPEN', 0"
        )
    assert len(caplog.records) == 1


def test_an_empty_table_is_refused():
    """YAML makes one of a formula without quotes."""
    with pytest.raises(
        ConfigurationError, match="calibration of fixed: is an empty table; write a formula in quotes"
    ):
        Fixed(1, calibration={})


def test_none_stays_none():
    """There is nothing to calibrate."""
    assert payload(None, "2*{}") is None
    assert payload([], "2*{}") is None
    assert payload([None], "2*{}") is None


def test_of_a_list_the_first_is_used():
    """Drivers give lists of readings."""
    assert payload([4, 5], "2*{}") == {"value_raw": 4, "value_cal": 8}


def test_a_tuple_is_a_list_of_values():
    """As in the reference: only a list stands for its first element."""
    assert payload((4, 5)) == {"value_raw": [4, 5]}


def test_a_payload_value_is_used_as_what_it_holds():
    """An `on_get` may return what another request gave."""
    assert payload(scarab.to_param(4), "2*{}") == {"value_raw": 4, "value_cal": 8}


def test_functions_are_given_as_a_list():
    """Formulas call them by their names."""

    class Meter(Fixed):
        @calibrate([times3])
        def on_get(self):
            return self.raw

    assert get(Meter(2, calibration="times3({})")).plain_payload["value_cal"] == 6


def test_functions_are_given_as_a_mapping():
    """Formulas call them by the keys, and other values by theirs."""

    class Meter(Fixed):
        @calibrate({"triple": times3, "offset": 10})
        def on_get(self):
            return self.raw

    assert get(Meter(2, calibration="triple({})+offset")).plain_payload["value_cal"] == 16


def test_one_function_is_given_as_it_is():
    """`@calibrate(times3)` knows that function."""

    class Meter(Fixed):
        @calibrate(times3)
        def on_get(self):
            return self.raw

    assert get(Meter(2, calibration="times3({})")).plain_payload["value_cal"] == 6


def test_the_decorator_may_be_used_bare():
    """`@calibrate` is `@calibrate()`."""

    class Meter(Fixed):
        @calibrate
        def on_get(self):
            """Return it."""
            return self.raw

    assert get(Meter(2, calibration="2*{}")).plain_payload["value_cal"] == 4
    assert Meter.on_get.__doc__ == "Return it."


def test_a_subclass_uses_the_calibrated_value_of_its_base():
    """`on_get(self)["value_raw"]` is what packages write."""

    class Difference(Fixed):
        @calibrate([times3])
        def on_get(self):
            return Fixed.on_get(self)["value_raw"] - 1

    assert get(Difference(5, calibration="times3({})")).plain_payload == {"value_raw": 4, "value_cal": 12}


def test_a_formula_that_fails_keeps_the_raw_value_and_warns(caplog):
    """Warning code 1 with formula and reason in each reply, and once in the log."""
    meter = Fixed(7.5, calibration="times3({})")
    for _ in range(3):
        reply = get(meter)
        assert reply.plain_payload == {"value_raw": 7.5}
        assert reply.return_code == 1
        assert reply.return_message == (
            "calibration 'times3({})' could not be evaluated: NameError: name 'times3' is not defined"
        )
    assert len(caplog.records) == 1
    assert "fixed: calibration" in caplog.text


def test_the_calibration_of_a_base_warns_nobody_but_its_own_replies(caplog):
    """What a subclass finds in the raw value is calibrated once more, and that counts."""

    class Second(Fixed):
        @calibrate()
        def on_get(self):
            return Fixed.on_get(self)["value_raw"].split(";")[1]

    reply = get(Second("error;2.5", calibration="2*{}"))
    assert (reply.return_code, reply.plain_payload) == (0, {"value_raw": "2.5", "value_cal": 5.0})
    assert not caplog.records


def test_a_complex_result_is_a_failure():
    """No reply can hold it."""
    reply = get(Fixed(-4, calibration="{}**0.5"))
    assert (reply.return_code, reply.plain_payload) == (1, {"value_raw": -4})
    assert "complex" in reply.return_message


def test_a_warning_belongs_to_its_reply_alone():
    """The next reply of another endpoint knows nothing of it."""
    get(Fixed("OVERLOAD", calibration="2*{}"))
    assert get(Fixed(1, calibration="2*{}")).return_code == 0


def test_an_overflow_is_answered_with_303():
    """The text names the formula and the value."""
    reply = get(Fixed(400, calibration="10.0**{}"))
    assert reply.return_code == 303
    assert "calibration '10.0**{}' of 400 overflows" in reply.return_message


def test_a_formula_that_gives_none_leaves_the_calibrated_value_out():
    """A lab's function says so that there is none."""

    class Meter(Fixed):
        @calibrate({"maybe": lambda x: None})
        def on_get(self):
            return self.raw

    reply = get(Meter(2, calibration="maybe({})"))
    assert (reply.return_code, reply.plain_payload) == (0, {"value_raw": 2})


@pytest.mark.parametrize("calibration", [2, ["2*{}"], True])
def test_what_is_neither_formula_nor_table_is_told(calibration):
    """A number in a configuration is no formula."""
    reply = get(Fixed(2, calibration=calibration))
    assert reply.return_code == 1
    assert "a calibration is a formula in a text, or a table" in reply.return_message


def test_numbers_of_numpy_come_as_plain_ones():
    """Such a number tells what it is by `tolist`; JSON cannot hold it otherwise."""

    class Int64:
        def tolist(self):
            return 7

    class Meter(Fixed):
        @calibrate({"measure": lambda x: Int64()})
        def on_get(self):
            return self.raw

    assert get(Meter(2, calibration="measure({})")).plain_payload["value_cal"] == 7


def test_the_calibration_may_change_at_run_time():
    """The next get uses the new one."""
    meter = Fixed(2, calibration="2*{}")
    get(meter)
    meter._calibration = "3*{}"
    assert get(meter).plain_payload["value_cal"] == 6


def test_what_an_instrument_says_is_no_code():
    """The reference evaluated it: a set of this text, then a get, gave the file."""
    reply = get(Fixed("(open('/etc/hostname').read())", calibration="1*{}"))
    assert reply.plain_payload == {"value_raw": "(open('/etc/hostname').read())"}
    assert "is not a number" in reply.return_message
