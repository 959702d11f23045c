"""Which spellings are the same command."""

import pytest

from dripline.simulation.scpi import (
    COMMAND_ERROR,
    EXECUTION_ERROR,
    KINDS,
    POWER_ON,
    Choice,
    ScpiError,
    Status,
    forms,
    header_forms,
    identifier,
    is_name,
    kind_of,
)


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("VOLTage", ["VOLT", "VOLTAGE"]),
        ("VOLT", ["VOLT"]),
        ("volt", ["VOLT"]),
        ("TEMPerature2", ["TEMP2", "TEMPERATURE2"]),
        ("SYSTem:ERRor", ["SYST:ERR", "SYST:ERROR", "SYSTEM:ERR", "SYSTEM:ERROR"]),
        ("VOLT[:LEVel]", ["VOLT", "VOLT:LEV", "VOLT:LEVEL"]),
        ("CH_A", ["CH_A"]),
    ],
)
def test_the_capitals_are_the_short_form(spelling, expected):
    """And nothing between short and long counts, as the standard says."""
    assert forms(spelling) == expected


def test_a_header_keeps_its_question_mark():
    """A leading colon says only that the name is a whole one."""
    assert header_forms(":VOLTage?") == ["VOLT?", "VOLTAGE?"]
    assert header_forms("*IDN?") == ["*IDN?"]


def test_a_command_that_is_no_scpi_stands_for_itself():
    """Old instruments have such, `$01M`."""
    assert header_forms("$01m") == ["$01M"]


@pytest.mark.parametrize("name", ["VOLT?", "", "2VOLT", "VOLT CURR", "VOLT;CURR", ":".join("ABCDEFGHIJ"), "[:A]B"])
def test_other_names_are_refused(name):
    """What could not be asked for, or would have too many spellings."""
    assert not is_name(name)


def test_formulas_write_an_underscore():
    """A colon means something else there."""
    assert identifier("MEAS:VOLT") == "MEAS_VOLT"


def test_errors_come_out_in_order():
    """Each once, and then none."""
    status = Status()
    status.add(ScpiError(-113, "FOO?"))
    status.add(ScpiError(-222))
    assert status.error_count() == 2
    assert status.next_error() == '-113,"Undefined header; FOO?"'
    assert status.next_error() == '-222,"Data out of range"'
    assert status.next_error() == '0,"No error"'


def test_the_queue_is_bounded():
    """The last place tells that there were more."""
    status = Status()
    for _ in range(100):
        status.add(ScpiError(-113))
    entries = [status.next_error() for _ in range(status.error_count())]
    assert len(entries) == 20
    assert entries[-1] == '-350,"Queue overflow"'


def test_what_a_client_wrote_cannot_break_the_answer():
    """No quotes, no ends of lines, and not too much of it."""
    status = Status()
    status.add(ScpiError(-113, 'a"\n\x00' + "b" * 1000))
    entry = status.next_error()
    assert entry.startswith("-113,\"Undefined header; a'??b")
    assert len(entry) < 100


def test_the_event_register_is_cleared_by_reading():
    """It tells of power on at first."""
    status = Status()
    assert status.take_events() == POWER_ON
    status.add(ScpiError(-113))
    status.add(ScpiError(-222))
    assert status.take_events() == COMMAND_ERROR | EXECUTION_ERROR
    assert status.take_events() == 0


def test_the_status_byte_sums_up():
    """Errors wait: 4; an event that is enabled: 32; one that asks for service: 64."""
    status = Status()
    status.clear()
    assert status.status_byte() == 0
    status.add(ScpiError(-113))
    assert status.status_byte() == 4
    status.event_enable, status.service_request_enable = COMMAND_ERROR, 32
    assert status.status_byte() == 4 + 32 + 64


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("float", "5", 5.0),
        ("float", "-.5e1", -5.0),
        ("float", "+5 V", 5.0),
        ("float", "5v", 5.0),
        ("integer", "4.6", 5),
        ("boolean", "on", True),
        ("boolean", "OFF", False),
        ("boolean", "1", True),
        ("boolean", "0.2", False),
        ("text", '"it ""is"""', 'it "is"'),
        ("text", "plain", "plain"),
    ],
)
def test_a_word_is_read(kind, text, expected):
    """As the standard has it: units, rounding, on and off, quotes."""
    assert KINDS[kind].parse(text, "V") == expected


@pytest.mark.parametrize(
    ("kind", "text", "number"),
    [
        ("float", "five", -104),
        ("float", "5 mA", -131),
        ("float", "1e999", -222),
        ("float", "1" * 1000, -104),
        ("float", "nan", -104),
        ("integer", "1e9999", -222),
        ("boolean", "maybe", -104),
    ],
)
def test_another_word_is_an_error(kind, text, number):
    """With the standard's number."""
    with pytest.raises(ScpiError) as error:
        KINDS[kind].parse(text, "V")
    assert error.value.number == number


def test_choices_have_short_forms():
    """The value is the word as described; others are refused."""
    kind = Choice(["IMMediate", "BUS"])
    assert kind.default == "IMMediate"
    assert [kind.parse(text, "") for text in ("imm", "IMMEDIATE", "'bus'")] == ["IMMediate", "IMMediate", "BUS"]
    with pytest.raises(ScpiError):
        kind.parse("IMME", "")


def test_the_kind_follows_from_the_initial_value():
    """A number is float: the next one may have a fraction."""
    assert [kind_of(value).name for value in (1, 1.5, True, "a", None)] == [
        *("float", "float", "boolean", "text", "float")
    ]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("float", "5"), ("float", True), ("float", float("inf")), ("integer", 10**400), ("boolean", "on")],
)
def test_python_values_are_checked(kind, value):
    """What cannot be such a value is refused."""
    with pytest.raises(ValueError, match="must be"):
        KINDS[kind].convert(value)
