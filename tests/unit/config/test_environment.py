"""`ENV{NAME}` in the texts of a configuration."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.config.diagnostics import Diagnostics, Place
from dripline.config.environment import with_environment
from dripline.errors import ConfigurationError


def replace_environment(tree, environment, where=lambda _: Place()):
    """The tree with the texts replaced; raises what is found."""
    found = Diagnostics(where=where)
    replaced = with_environment(tree, environment, found)
    found.raise_errors()
    return replaced.tree


SET = {"HOST": "rabbit", "PORT": "5673", "EMPTY": "", "NESTED": "ENV{HOST}"}


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("ENV{HOST}", "rabbit"),
        ("('ENV{HOST}', ENV{PORT})", "('rabbit', 5673)"),
        ("2*{} + ENV{PORT}", "2*{} + 5673"),
        ("x{ENV{HOST}}", "x{rabbit}"),
        ("<ENV{EMPTY}>", "<>"),
        ("ENV{NESTED}", "ENV{HOST}"),
        ("env{HOST} $HOST ENV {HOST}", "env{HOST} $HOST ENV {HOST}"),
        ("ENV{HOST", "ENV{HOST"),
    ],
)
def test_variables_are_replaced_wherever_they_stand_in_a_text(text, replaced):
    """In longer texts too; what comes out is not searched again."""
    assert replace_environment(text, SET) == replaced


def test_every_text_of_a_configuration_is_searched():
    """Maps and lists are walked; keys and other values stay as they are."""
    tree = {"ENV{HOST}": ["ENV{HOST}", {"a": "ENV{PORT}"}, 5, None, True]}
    assert replace_environment(tree, SET) == {"ENV{HOST}": ["rabbit", {"a": "5673"}, 5, None, True]}


def test_a_replaced_text_stays_text():
    """A password of digits must not become a number."""
    assert replace_environment("ENV{PORT}", SET) == "5673"


def test_variables_that_are_not_set_are_all_told_with_their_places():
    """One line each: where, which setting, which variable, what to do."""
    tree = {"endpoints": [{"calibration": "ENV{CAL}*{}"}], "name": "ENV{WHO}"}
    with pytest.raises(ConfigurationError) as caught:
        replace_environment(tree, {}, lambda path: Place("service.yaml", len(path), 1))
    assert str(caught.value).splitlines() == [
        "service.yaml:3:1: endpoints.0.calibration: the environment variable 'CAL' is not set; "
        "set it, or write a value instead of ENV{CAL}",
        "service.yaml:1:1: name: the environment variable 'WHO' is not set; "
        "set it, or write a value instead of ENV{WHO}",
    ]


_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text().filter(lambda text: "ENV{" not in text),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_TREES)
def test_a_configuration_without_variables_stays_as_it_is(tree):
    """Nothing else is touched."""
    assert replace_environment(tree, {}) == tree


@given(st.text(), st.text(), st.text())
def test_a_value_is_taken_over_as_it_is(before, value, after):
    """Whatever a variable holds, it stands in the text afterwards, unchanged."""
    if "ENV{" in before + after:
        return
    assert replace_environment(f"{before}ENV{{X}}{after}", {"X": value}) == before + value + after


def test_what_comes_from_the_environment_is_bounded():
    """A long variable that is named again and again fills no memory; one line says so."""
    environment = {"LONG": "x" * 100_000}
    with pytest.raises(
        ConfigurationError, match="add more than 10000000 characters, up to 'LONG' here"
    ) as refused:
        replace_environment(["ENV{LONG}" * 1000] * 1000, environment)
    assert str(refused.value).count("\n") == 0


def test_a_variable_that_names_variables_is_text():
    """It is not searched again, so no variable can make more of another."""
    assert replace_environment("ENV{A}", {"A": "ENV{A}ENV{A}"}) == "ENV{A}ENV{A}"
