"""What an instrument does with a line."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dripline.simulation.description import read_description
from dripline.simulation.device import Device, Values

from .conftest import SUPPLY


@pytest.mark.parametrize("query", ["VOLT?", "volt?", "VOLTage?", ":Voltage?", "VOLTAGE?", " VOLT? "])
def test_short_and_long_forms_are_the_same(supply, query):
    """In any case of letters."""
    assert supply.handle(query) == "5"


def test_a_form_between_is_another_command(supply):
    """It is not answered, and the error says which it was."""
    assert supply.handle("VOLTA?") is None
    assert supply.handle("SYST:ERR?") == '-113,"Undefined header; VOLTA?"'


def test_a_value_is_set_and_read(supply):
    """Setting is not answered."""
    assert supply.handle("VOLT 7.5") is None
    assert supply.handle("VOLT?") == "7.5"
    assert supply.handle("outp off;OUTP?;POW?") == "0;0"
    assert supply.handle("LAB 'a;b';LAB?;CURR?") == "a;b;2"
    assert supply.handle("SYSTEM:ERROR:NEXT?") == '0,"No error"'


def test_queries_of_a_line_are_answered_in_one(supply):
    """In order, joined; commands between them are carried out in order."""
    assert supply.handle("VOLT?;VOLT 6;VOLT?;POW?;*OPC?") == "5;6;12;1"
    assert supply.handle(";; VOLT? ;;") == "6"
    assert supply.handle("VOLT 5") is None
    assert supply.handle("") is None


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("VOLT 31", '-222,"Data out of range; VOLTage 31"'),
        ("VOLT -1", '-222,"Data out of range; VOLTage -1"'),
        ("VOLT 1e999", '-222,"Data out of range; 1e999"'),
        ("VOLT much", '-104,"Data type error; much"'),
        ("VOLT 5 A", '-131,"Invalid suffix; A"'),
        ("VOLT", '-109,"Missing parameter; VOLTage"'),
        ("VOLT? 3", '-108,"Parameter not allowed; 3"'),
        ("POW 3", '-113,"Undefined header; POWer"'),
        ("NOTHING 3", '-113,"Undefined header; NOTHING"'),
    ],
)
def test_what_cannot_be_done_goes_to_the_error_queue(supply, line, error):
    """Without an answer, and without an effect; the rest of the line is carried out."""
    assert supply.handle(f"{line};VOLT?") == "5"
    assert supply.handle("SYST:ERR:COUN?;:SYST:ERR?") == f"1;{error}"


def test_limits_and_default_can_be_asked_for_and_set(supply):
    """`MIN`, `MAX` and `DEF`, as the standard has them."""
    assert supply.handle("VOLT? MIN;VOLT? MAXimum;VOLT? DEF") == "0;30;5"
    assert supply.handle("VOLT MAX;VOLT?") == "30"


def test_the_standard_commands_need_no_description(device):
    """An instrument of nothing but a name has them."""
    plain = device(name="plain")
    assert plain.handle("*IDN?") == "dripline,plain,0,simulated"
    assert plain.handle("*OPC?;*TST?;SYST:VERS?;*ESR?") == "1;0;1999.0;128"
    assert plain.handle("*ESE 33;*SRE 32;*WAI;*ESE?;*SRE?;*STB?") == "33;32;0"
    assert plain.handle("*OPC;*STB?;*ESR?;*STB?") == "96;1;0"
    assert plain.handle("*ESE 256;*STB?;*CLS;*STB?") == "4;0"


def test_reset_gives_the_first_values(supply):
    """It keeps the errors, which `*CLS` is for."""
    supply.handle("VOLT 7;CURR 1;FOO")
    assert supply.handle("*RST;VOLT?;CURR?;POW?;:SYST:ERR:COUN?") == "5;2;10;1"


def test_a_description_wins_over_the_standard(device):
    """An instrument may have its own idea of `*OPC?`."""
    assert device(commands={"*OPC?": "ready"}).handle("*OPC?") == "ready"


def test_a_name_may_start_where_the_one_before_was(device):
    """The rest of the tree need not be said again, but may be; `*` commands do not matter for that."""
    tree = device({"SOUR:VOLT": 1, "SOUR:CURR": 2, "CURR": 3})
    assert tree.handle("SOUR:VOLT?;CURR?;*OPC?;CURR?;:CURR?;SOUR:CURR?") == "1;2;1;2;3;2"


def test_commands_answer_with_values(device):
    """As the value is written itself, or in another format; braces that are meant are written twice."""
    values = {"MEAS:VOLT": {"initial": 5, "format": "{:.2f} {unit}", "unit": "V"}, "ON": True}
    answers = {
        "ALL?": "{MEAS_VOLT},{on},{meas_volt:.1E}",
        "READ? A": "a",
        "READ? B": "b {{}}",
        "INIT": None,
        "N?": 7,
    }
    device = device(values, commands=answers)
    assert device.handle("ALL?;READ? A;READ? b;INIT;N?") == "5.00 V,1,5.0E+00;a;b {};7"
    assert device.handle("READ? C;READ?;ALL? 1") is None
    assert device.handle("SYST:ERR?;ERR?;ERR?").count("-") == 3


def test_commands_set_values(device):
    """A fixed command may do what otherwise is said with a number."""
    device = device(
        {"VOLT": 5}, commands={"OFF": {"set": {"VOLT": 0}}, "ON?": {"answer": "ok", "set": {"volt": 3}}}
    )
    assert device.handle("OFF;VOLT?;ON?;VOLT?") == "0;ok;3"


def test_values_are_a_mapping_for_python(supply):
    """By any spelling; the keys are as described."""
    values = Values(supply)
    values["volt"] = 7
    assert values["VOLTAGE"] == 7.0
    assert dict(values) == {"VOLTage": 7, "CURRent": 2, "OUTPut": True, "POWer": 14, "LABel": "none"}
    assert "VOLT" in values
    assert "RESISTANCE" not in values
    assert len(values) == 5
    assert repr(values).startswith("{'VOLTage': 7.0")


def test_values_that_cannot_be_are_refused(supply):
    """With what is wrong, and the nearest name."""
    values = Values(supply)
    for name, value, text in (("VOLT", 99, "limits"), ("VOLT", "a", "number"), ("POW", 1, "formula")):
        with pytest.raises(ValueError, match=text):
            values[name] = value
    with pytest.raises(KeyError, match="did you mean 'CURRent'"):
        values["CURENT"]
    with pytest.raises(TypeError):
        del values["VOLT"]


def test_python_sets_at_once_what_commands_approach(device):
    """A test has no time to wait for an oven."""
    oven = device({"TEMP": {"initial": 20, "settling_s": 100}})
    Values(oven)["TEMP"] = 300
    assert oven.handle("TEMP?") == "300"


_FAULTY = Device(read_description({**SUPPLY, "remote_faults": True}))


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text(alphabet="VOLTCURPW?;: *\"'0123456789.eIDNSYTRAF", max_size=80))
def test_no_line_is_too_odd(line):
    """Each is answered with a line, or not, and leaves the instrument in order."""
    answer = _FAULTY.handle(line)
    assert answer is None or isinstance(answer, str)
    assert _FAULTY.handle("*OPC?") == "1"
    assert 0 <= _FAULTY.level("VOLT") <= 30
