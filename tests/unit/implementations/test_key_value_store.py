"""The store, as the first example shows it."""

from __future__ import annotations

import pytest

from dripline.errors import ErrorReply
from dripline.implementations import KeyValueStore
from dripline.testing import talk_to


def test_it_keeps_what_it_is_set_to():
    """A get gives it back."""
    store = talk_to(KeyValueStore(name="chips", initial_value=1.75))
    assert store.get() == {"value_raw": 1.75}
    assert store.set(5) is None
    assert store.get() == {"value_raw": 5}


def test_it_starts_with_nothing():
    """None is no value."""
    assert talk_to(KeyValueStore(name="x")).get() is None


def test_it_is_calibrated():
    """With a formula, or a table."""
    formula = talk_to(KeyValueStore(name="x", initial_value=0.75, calibration="2*{}"))
    assert formula.get() == {"value_raw": 0.75, "value_cal": 1.5}
    table = talk_to(KeyValueStore(name="x", initial_value="OPEN", calibration={"OPEN": "on"}))
    assert table.get()["value_cal"] == "on"


def test_it_can_show_an_error():
    """`throw_something` answers with a resource error."""
    with pytest.raises(ErrorReply) as caught:
        talk_to(KeyValueStore(name="x")).cmd("throw_something")
    error = caught.value
    assert (error.return_code, error.message) == (200, "in throw_something method, raising resource_error")


def test_packages_read_its_value():
    """`_value` is the attribute they use."""
    store = KeyValueStore(name="x", initial_value=3)
    assert store._value == 3


def test_keywords_of_entities_are_taken():
    """And unknown ones ignored."""
    store = talk_to(KeyValueStore(name="x", initial_value=1, get_on_set=True, colour="red"))
    assert store.set(2) == {"value_raw": 2}
