"""The store, as the first example shows it."""

from __future__ import annotations

from dripline.core import MsgRequest, op_t
from dripline.implementations import KeyValueStore


def ask(store, operation, payload=None, specifier=""):
    """Let the store answer a request."""
    return store.on_request_message(MsgRequest.create(payload, operation, store.name, specifier))


def test_it_keeps_what_it_is_set_to():
    """A get gives it back."""
    store = KeyValueStore(name="chips", initial_value=1.75)
    assert ask(store, op_t.get).plain_payload == {"value_raw": 1.75}
    assert ask(store, op_t.set, {"values": [5]}).plain_payload is None
    assert ask(store, op_t.get).plain_payload == {"value_raw": 5}


def test_it_starts_with_nothing():
    """None is no value."""
    assert ask(KeyValueStore(name="x"), op_t.get).plain_payload is None


def test_it_is_calibrated():
    """With a formula, or a table."""
    assert ask(KeyValueStore(name="x", initial_value=0.75, calibration="2*{}"), op_t.get).plain_payload == {
        "value_raw": 0.75,
        "value_cal": 1.5,
    }
    table = KeyValueStore(name="x", initial_value="OPEN", calibration={"OPEN": "on"})
    assert ask(table, op_t.get).plain_payload["value_cal"] == "on"


def test_it_can_show_an_error():
    """`throw_something` answers with a resource error."""
    reply = ask(KeyValueStore(name="x"), op_t.cmd, None, "throw_something")
    assert (reply.return_code, reply.return_message) == (200, "in throw_something method, raising resource_error")


def test_packages_read_its_value():
    """`_value` is the attribute they use."""
    store = KeyValueStore(name="x", initial_value=3)
    assert store._value == 3


def test_keywords_of_entities_are_taken():
    """And unknown ones ignored."""
    store = KeyValueStore(name="x", initial_value=1, get_on_set=True, colour="red")
    assert ask(store, op_t.set, {"values": [2]}).plain_payload == {"value_raw": 2}
