"""From a request to a handler of a lab's class, and back."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import scarab
from dripline.core import Endpoint, Entity, MsgReply, MsgRequest, Service, ThrowReply, op_t
from dripline.implementations import KeyValueStore

from .conftest import ask, cmd, get, set_


class Lamp(Endpoint):
    """A lab's endpoint."""

    def __init__(self):
        Endpoint.__init__(self, "lamp")
        self.reads = 0
        self.colour = "red"
        self.last = None
        self.wanted = timedelta(seconds=10)

    def on_get(self):
        """Read the lamp."""
        self.reads += 1
        return {"value_raw": 1.5}

    def on_set(self, value):
        """Set the lamp."""
        self.last = value
        return {"was set to": value}

    def blink(self, times, pause=0.5):
        """A method with arguments."""
        return [times, pause]

    def broken(self):
        """A method with a mistake in it."""
        return 1 + "1"

    @property
    def brightness(self):
        """A property whose instrument is away."""
        raise AttributeError("'NoneType' object has no attribute 'query'")


@pytest.fixture
def lamp():
    """A lamp."""
    return Lamp()


def test_a_get_answers_with_the_result_of_on_get(lamp):
    """Without specifier `on_get` is called, once: reading an instrument may change it."""
    reply = get(lamp)
    assert (reply.return_code, reply.plain_payload) == (0, {"value_raw": 1.5})
    assert lamp.reads == 1


def test_a_get_with_a_specifier_reads_the_attribute(lamp):
    """An attribute comes as the only one of `values`; `on_get` is not called for it."""
    assert get(lamp, "colour").plain_payload == {"values": ["red"]}
    assert lamp.reads == 0


def test_a_payload_value_in_an_attribute_is_answered_as_what_it_holds(lamp):
    """An attribute may be a scarab value."""
    lamp.levels = scarab.to_param({"a": [1, 2]})
    assert get(lamp, "levels").plain_payload == {"values": [{"a": [1, 2]}]}


def test_a_get_of_no_attribute_is_answered_with_310(lamp):
    """The text names endpoint and attribute."""
    reply = get(lamp, "size")
    assert reply.return_code == 310
    assert reply.return_message == "endpoint lamp has no attribute size, unable to get"


def test_methods_are_no_attributes(lamp):
    """A get does not show where a method lies in memory."""
    assert get(lamp, "blink").return_code == 310


def test_a_property_that_fails_does_not_pass_for_a_missing_one(lamp, caplog):
    """An AttributeError inside a property is a failure of its code: 999 and a traceback in the log."""
    reply = get(lamp, "brightness")
    assert reply.return_code == 999
    assert "no attribute 'query'" in reply.return_message
    assert "brightness" in caplog.text


def test_a_set_calls_on_set_with_the_first_value(lamp):
    """What `on_set` returns is the reply's payload."""
    assert ask(lamp, op_t.set, {"values": [4, 5, 6]}).plain_payload == {"was set to": 4}
    assert lamp.last == 4


def test_a_set_with_a_specifier_assigns_the_attribute(lamp):
    """The reply carries nothing."""
    assert set_(lamp, "blue", "colour").plain_payload is None
    assert lamp.colour == "blue"


def test_a_set_of_no_attribute_is_answered_with_310(lamp):
    """Nothing is created by a set."""
    reply = set_(lamp, 3, "size")
    assert reply.return_code == 310
    assert reply.return_message == "endpoint lamp has no attribute size, unable to set"
    assert not hasattr(lamp, "size")


def test_a_set_replaces_no_method(lamp):
    """`set -s on_get 5` made the reference's endpoint unusable."""
    assert set_(lamp, 5, "on_get").return_code == 310
    assert get(lamp).return_code == 0


@pytest.mark.parametrize(
    "payload", [None, {}, [], [1], 3, "text", {"values": []}, {"values": 5}, {"values": {"a": 1}}]
)
def test_a_set_without_values_is_answered_with_303(lamp, payload):
    """Whatever stands in place of the list of values."""
    reply = ask(lamp, op_t.set, payload)
    assert reply.return_code == 303
    assert reply.return_message == "setting called without values, but values are required for set"


@pytest.mark.parametrize("value", [None, True, 0, {"a": [1, None]}, [], "é"])
def test_any_json_value_can_be_set(lamp, value):
    """None, lists and mappings are values like others."""
    assert set_(lamp, value).return_code == 0
    assert lamp.last == value


def test_a_cmd_calls_a_method(lamp):
    """`values` are its positional arguments, the rest its keywords."""
    assert cmd(lamp, "blink", 3, pause=0.1).plain_payload == [3, 0.1]
    assert cmd(lamp, "blink", times=3).plain_payload == [3, 0.5]


@pytest.mark.parametrize("payload", [None, {}])
def test_a_cmd_needs_no_payload(lamp, payload):
    """Methods without arguments are called by an empty payload."""
    assert ask(lamp, op_t.cmd, payload, "on_get").plain_payload == {"value_raw": 1.5}


@pytest.mark.parametrize("payload", [[1], 3, "text", {"values": 3}])
def test_a_cmd_with_a_payload_that_is_no_map_is_answered_with_303(lamp, payload):
    """Arguments that cannot be told apart are refused."""
    assert ask(lamp, op_t.cmd, payload, "blink").return_code == 303


def test_a_cmd_without_specifier_is_answered_with_306(lamp):
    """There is no default method."""
    reply = ask(lamp, op_t.cmd, {})
    assert (reply.return_code, reply.return_message) == (306, "No specifier was provided for an OP_CMD request")


@pytest.mark.parametrize("name", ["explode", "colour", "brightness", "_answer", "do_get_request", "a.b", "é"])
def test_a_cmd_of_no_method_is_answered_with_306(lamp, name):
    """Also what is an attribute, a property, private or ours."""
    reply = cmd(lamp, name)
    assert reply.return_code == 306
    assert reply.return_message == (
        f"error getting command's corresponding method: 'Lamp' object has no attribute {name!r}"
    )


def test_wrong_arguments_are_answered_with_304(lamp, caplog):
    """The text tells the method and what Python said; it is the caller's mistake, so the log is silent."""
    reply = cmd(lamp, "blink", 1, 2, 3)
    assert reply.return_code == 304
    assert reply.return_message == (
        "A TypeError occurred while calling the requested method for endpoint lamp: blink. Values provided may be "
        "invalid.\nOriginal error: Lamp.blink() takes from 2 to 3 positional arguments but 4 were given"
    )
    assert not caplog.records


def test_a_type_error_inside_a_method_is_logged(lamp, caplog):
    """It is answered with 304 too, but may be a mistake in the lab's code: a line names its place in the log."""
    assert cmd(lamp, "broken").return_code == 304
    (line,) = caplog.messages
    assert line.startswith("lamp: broken failed: TypeError: unsupported operand")
    assert "test_request_handler.py:" in line


class Heater(Entity):
    """Its code does not expect all that a message can bring."""

    def __init__(self, **kwargs):
        Entity.__init__(self, **kwargs)
        self.power = 1.0
        self.reading = "1"

    @property
    def ramp(self):
        """A property with a check."""
        return 1

    @ramp.setter
    def ramp(self, value):
        if value > 5:
            raise ValueError("at most 5")

    def on_get(self):
        """Read a number."""
        return float(self.reading)

    def on_set(self, value):
        """Limit the power."""
        if value + 0.5 > 100:
            raise ValueError("at most 100 W")
        self.power = value


@pytest.mark.parametrize(
    ("value", "specifier", "message"),
    [
        ("high", "", "cannot be set to 'high': TypeError: "),
        (None, "", "cannot be set to None: TypeError: "),
        ([1], "", "cannot be set to [1]: TypeError: "),
        (1000, "", "cannot be set to 1000: ValueError: at most 100 W"),
        (9, "ramp", "ramp cannot be set to 9: ValueError: at most 5"),
        ("x", "ramp", "ramp cannot be set to 'x': TypeError: "),
        ("x" * 200, "", "cannot be set to 'xxx"),
    ],
)
def test_a_set_of_a_value_that_the_code_does_not_take_is_answered_with_304(caplog, value, specifier, message):
    """The value came from outside: one line in the log with the place in the code, the traceback with -v only."""
    heater = Heater(name="heater")
    reply = set_(heater, value, specifier)
    assert reply.return_code == 304
    assert reply.return_message.startswith(message)
    (line,) = caplog.text.splitlines()
    assert f"heater: {message}" in line
    assert "(core/test_request_handler.py:" in line
    caplog.set_level(logging.DEBUG)
    assert set_(heater, value, specifier).return_code == 304
    assert "Traceback" in caplog.text


def test_a_value_that_cannot_be_read_back_is_no_wrong_value(caplog):
    """With `get_on_set` the set has been done; the reading fails as it does with a get."""
    heater = Heater(name="heater", get_on_set=True)
    heater.reading = "ERR"
    assert set_(heater, 50).return_code == get(heater).return_code == 999
    assert heater.power == 50


def test_what_an_endpoint_cannot_do_is_answered_with_306():
    """An endpoint without `on_get` and `on_set` says which class lacks them."""
    bare = Endpoint("bare")
    assert get(bare).return_code == set_(bare, 1).return_code == 306
    assert get(bare).return_message == "class Endpoint does not implement on_get"
    assert set_(bare, 1).return_message == "class Endpoint does not implement on_set"


def test_a_get_of_a_service_says_where_its_values_are():
    """In its endpoints, of which the first ones are listed."""
    names = ["b", "a", "d", "c", "f", "e"]
    service = Service("my_store", make_connection=False, endpoints=[{"name": name} for name in names])
    assert get(service).return_message == (
        "class Service does not implement on_get; the values of this service are in its endpoints: "
        "a, b, c, d, e, …"
    )


def test_a_handler_that_needs_a_service_and_has_none():
    """As in a test of an endpoint alone."""

    class Follower(Endpoint):
        def on_get(self):
            return self.service.get("leader")

    reply = get(Follower("follower"))
    assert reply.return_code == 999
    assert "; follower belongs to no service (self.service is None): add it to one" in reply.return_message


def test_an_operation_nobody_knows_is_answered_with_306(lamp):
    """Its number is in the text."""
    request = MsgRequest.create(None, op_t.get, "lamp")
    request.raw_operation = 77
    reply = lamp.on_request_message(request)
    assert (reply.return_code, reply.return_message) == (306, "Unrecognized message operation: <77>")


def test_a_thrown_reply_is_the_reply(lamp):
    """Code, message and payload of a ThrowReply raised anywhere under a handler."""

    def dim():
        raise ThrowReply("resource_error_no_response", "the lamp is silent", {"asked": 3})

    lamp.on_get = dim
    reply = get(lamp)
    assert reply.return_code == 202
    assert reply.return_message == "the lamp is silent"
    assert reply.plain_payload == {"asked": 3}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


@given(
    operation=st.sampled_from([op_t.set, op_t.get, op_t.cmd, op_t.unknown]),
    payload=json_values,
    specifier=st.text(max_size=20)
    | st.sampled_from(["on_get", "on_set", "throw_something", "log_interval", "lock", "unlock", "ping", "name"]),
)
def test_any_request_gets_a_reply(operation, payload, specifier):
    """Whatever JSON and specifier come: a reply with the request's correlation id, and it can still answer."""
    store = KeyValueStore(name="x", initial_value=1, calibration="2*{}", get_on_set=True)
    request = MsgRequest.create(payload, operation, "x", specifier)
    reply = store.on_request_message(request)
    assert isinstance(reply, MsgReply)
    assert reply.correlation_id == request.correlation_id
    assert cmd(store, "ping").return_code == 0


@given(json_values)
def test_any_value_can_be_stored_and_read(value):
    """A set of any JSON is followed by a get that answers, with a calibration that suits numbers only."""
    store = KeyValueStore(name="x", calibration="2*{}")
    assert set_(store, value).return_code == 0
    assert get(store).return_code in (0, 1, 303)
