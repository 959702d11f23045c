"""What a description may say, and what is wrong with others."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dripline.errors import ConfigurationError
from dripline.simulation import Instrument
from dripline.simulation.description import read_description

EXAMPLES = Path(__file__).parents[3] / "examples" / "simulated"


def test_everything_has_a_default():
    """An empty description is an instrument."""
    description = read_description({})
    assert (description.name, description.host, description.port) == ("instrument", "localhost", 0)
    assert (description.command_terminator, description.response_terminator, description.echo) == (
        "\n",
        "\n",
        False,
    )
    assert not description.remote_faults
    assert description.values == ()


def test_a_plain_value_is_its_initial_one():
    """`VOLT: 5` is `VOLT: {initial: 5}`."""
    assert read_description({"values": {"VOLT": 5}}).values[0].initial == 5.0
    assert read_description({"values": {"VOLT": {"initial": 5}}}) == read_description({"values": {"VOLT": 5}})


def test_without_an_initial_value_it_is_the_nearest_to_zero():
    """That the limits allow."""
    values = {"A": {"min": 3}, "B": {"max": -2, "type": "integer"}, "C": None, "D": {"choices": ["X", "Y"]}}
    assert [value.initial for value in read_description({"values": values}).values] == [3, -2, 0, "X"]


def test_numbers_and_booleans_may_be_quoted(caplog):
    """As in the file of a service: each is a warning with its key."""
    values = {"V": {"noise": "0.5", "min": "-1"}}
    description = read_description({"port": "5025", "echo": "yes", "seed": "7", "values": values})
    assert (description.port, description.echo, description.seed) == (5025, True, 7)
    assert (description.values[0].noise, description.values[0].minimum) == (0.5, -1)
    assert "values.V.noise: the text '0.5' is read as 0.5; leave out the quotes" in caplog.messages


MISTAKES = [
    ({"valeus": {}}, "valeus: unknown key; did you mean 'values'?"),
    ({"port": 99999}, "port: must be at most 65535, not 99999"),
    ({"port": 1.5}, "port: must be a whole number, not 1.5"),
    ({"echo": "perhaps"}, "echo: must be true or false, not 'perhaps'"),
    ({"port": "many"}, "port: must be a number, not 'many'"),
    (
        {"response_terminator": ""},
        "response_terminator: must not be empty: nobody could tell where an answer ends",
    ),
    ({"identity": ["a"]}, "identity: must be a text, not ['a']"),
    ({"values": [1]}, "values: must be a mapping (key: value), not [1]"),
    (
        {"values": {"V?": 1}},
        "values.V?: is no name of a value; such are words joined by ':', without '?' and blanks",
    ),
    ({"values": {"V": [1]}}, "values.V.initial: must be a number, not [1]"),
    ({"values": {"V": {"nosie": 1}}}, "values.V.nosie: unknown key; did you mean 'noise'?"),
    ({"values": {"V": {"noise": -1}}}, "values.V.noise: must be at least 0, not -1"),
    ({"values": {"V": {"min": 2, "initial": 1}}}, "values.V.initial: is below min (2)"),
    ({"values": {"V": {"max": 2, "initial": 3}}}, "values.V.initial: is above max (2)"),
    ({"values": {"V": {"min": 3, "max": 2}}}, "values.V.min: is above max (2)"),
    ({"values": {"V": {"type": "flaot"}}}, "values.V.type: must be float, integer, boolean, text or choice, not"),
    ({"values": {"V": {"type": "choice"}}}, "values.V.type: 'choice' wants choices: a list of words"),
    (
        {"values": {"V": {"choices": [True, False]}}},
        "values.V.choices: must be a list of words, not [True, False]",
    ),
    ({"values": {"V": {"choices": ["A"], "type": "text"}}}, "values.V.type: is 'choice' where there are choices"),
    ({"values": {"V": {"choices": ["A"], "initial": "B"}}}, "values.V.initial: must be one of A, not 'B'"),
    (
        {"values": {"V": {"initial": "a", "noise": 1}}},
        "values.V.noise: is for numbers, and this value is of type text",
    ),
    ({"values": {"V": {"format": "{:d}"}}}, "values.V.format: '{:d}' cannot write a float such as 0.0"),
    ({"values": {"V": {"format": "{x}"}}}, "values.V.format: '{x}' cannot write a float such as 0.0"),
    ({"values": {"VOLTage": 1, "VOLT": 2}}, "values.VOLT: VOLT already is 'VOLTage'; choose another name"),
    ({"values": {"V": {"formula": "W"}, "VW": 1}}, "values.V.formula: there is no value 'W'; did you mean 'VW'?"),
    ({"values": {"V": {"formula": "1 +"}}}, "values.V.formula: '1 +' is no formula"),
    ({"values": {"V": {"formula": "1", "initial": 1}}}, "values.V.initial: cannot stand beside a formula"),
    (
        {"values": {"V": {"formula": "1", "type": "text"}}},
        "values.V.formula: computes a number, and this value is of",
    ),
    ({"values": {"V": {"formula": "V"}}}, "values.V.formula: asks for itself"),
    ({"values": {"V": {"formula": "W"}, "W": {"formula": "V"}}}, "values.V.formula: asks for itself"),
    ({"values": {"V": 1}, "commands": {"V?": "1"}}, "commands.V?: V? already is 'V'; remove one of them"),
    ({"commands": {"A;B": "1"}}, "commands.A;B: is no command: ';' stands between two"),
    ({"commands": {"A?": True}}, "commands.A?: must be the text of the answer, not True; quote on and off"),
    ({"commands": {"A?": "{"}}, "commands.A?: '{' is no answer"),
    ({"commands": {"A?": "{}"}}, "commands.A?: '{}' names no value"),
    (
        {"commands": {"A?": "{VLT}"}, "values": {"VOLT": 1}},
        "commands.A?: there is no value 'VLT'; did you mean 'VOLT'?",
    ),
    ({"commands": {"A?": "{V:d}"}, "values": {"V": 1}}, "commands.A?: '{V:d}' is no answer"),
    ({"commands": {"A": {"anwser": "1"}}}, "commands.A.anwser: unknown key; did you mean 'answer'?"),
    ({"commands": {"A": {"set": {"W": 1}}}}, "commands.A.set.W: there is no value 'W'"),
    ({"commands": {"A": {"set": {"V": "x"}}}, "values": {"V": 1}}, "commands.A.set.V: must be a number, not 'x'"),
    (
        {"commands": {"A": {"set": {"V": 9}}}, "values": {"V": {"max": 8}}},
        "commands.A.set.V: is beyond the limits of",
    ),
    ({"faults": {"silent": 2}}, "faults.silent: must be at most 1, not 2"),
    ({"faults": {"slow": 0.1}}, "faults.slow: wants a delay_s: how many seconds such an answer waits"),
    ({"faults": {"silence": 0.1}}, "faults.silence: unknown key; did you mean 'silent'?"),
]


@pytest.mark.parametrize(("description", "message"), MISTAKES)
def test_a_mistake_is_told(description, message):
    """In one line that names the key and what to do."""
    with pytest.raises(ConfigurationError) as error:
        Instrument(description)
    first, *others = [line for line in str(error.value).splitlines() if line.startswith(message)]
    assert not others
    assert first.startswith(message)


def test_all_mistakes_are_told_at_once_with_their_places(tmp_path):
    """File, line and column, as editors understand them."""
    file = tmp_path / "supply.yaml"
    file.write_text("name: supply\nprot: 5025\nvalues:\n  VOLT:\n    nosie: 1\n    min: low\n")
    with pytest.raises(ConfigurationError) as error:
        Instrument.from_file(file)
    assert sorted(str(error.value).splitlines()) == [
        f"{file}:2:1: prot: unknown key; did you mean 'port'?",
        f"{file}:5:5: values.VOLT.nosie: unknown key; did you mean 'noise'?",
        f"{file}:6:5: values.VOLT.min: must be a number, not 'low'",
    ]


def test_a_file_gives_the_name(tmp_path):
    """If it says none itself."""
    file = tmp_path / "furnace.yaml"
    file.write_text("values: {TEMP: 20}\n")
    assert Instrument.from_file(file).name == "furnace"
    with pytest.raises(ConfigurationError, match=r"there is no such file; did you mean 'furnace\.yaml'"):
        Instrument.from_file(tmp_path / "furnaces.yaml")


@pytest.mark.parametrize("name", ["power_supply", "thermometer"])
def test_the_examples_are_right(name):
    """Each value answers."""
    with Instrument.from_file(EXAMPLES / f"{name}.yaml", port=0) as instrument:
        assert instrument.name == name
        assert all(isinstance(value, (bool, float)) for value in instrument.values.values())


_KEYS = st.sampled_from(
    ["values", "commands", "faults", "name", "port", "echo", "VOLT", "A?", "min", "formula", "set"]
)
_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(_KEYS | st.text(max_size=5), children, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(_KEYS, _TREES, max_size=5))
def test_no_description_is_too_odd(tree):
    """It is an instrument, or a ConfigurationError."""
    with contextlib.suppress(ConfigurationError):
        Instrument(tree)


def test_a_service_is_told_as_such(tmp_path):
    """It is the wrong command for a good file."""
    file = tmp_path / "service.yaml"
    file.write_text("name: s\nmodule: Service\nendpoints: []\n")
    with pytest.raises(ConfigurationError, match="this describes a service; 'dl serve' runs it"):
        Instrument.from_file(file)
