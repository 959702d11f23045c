"""Which spellings are the same command."""

import pytest

from dripline.simulation.headers import forms, header_forms, identifier, is_name


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
