"""Names that a lab's class chooses for itself, and what real packages do to our base classes."""

from __future__ import annotations

import pytest

from dripline.core import Endpoint, Entity, Interface, Service, ThrowReply, calibrate

from .conftest import Recorder, cmd, get, set_

#: Names of ours, without underscore in front, that the reference has not. Each is an argument or a setting.
OURS = {
    Endpoint: set(),
    Entity: {"check_field", "log_routing_key_prefix", "alarm_status"},
    Service: {
        *("async_children", "allow_private_specifiers", "broadcast_key", "loop_timeout_ms", "message_wait_ms"),
        *("heartbeat_interval_s", "timeout_s", "confirm_retcodes", "cancel_code", "close"),
    },
}
REFERENCE = {
    Endpoint: (
        "name service submit_request_message on_request_message on_reply_message on_alert_message do_get_request "
        "do_set_request do_cmd_request on_get on_set result_to_scarab_payload"
    ),
    Entity: (
        "get_on_set log_on_set log_interval max_interval max_absolute_change max_fractional_change log_a_value "
        "start_logging stop_logging scheduled_log"
    ),
    Service: (
        "auth sync_children add_child add_async_child add_endpoints_from_config bind_keys bind_key send run "
        "start requests_exchange alerts_exchange listen stop schedule unschedule execution_buffer cycle_time "
        "is_canceled cancel do_cancellation endpoint_configs create_object get set cmd enable_scheduling "
        "reset_cancel do_reset_cancellation wait execute sender wait_for_reply single_message_wait_ms address "
        "port username password make_connection heartbeat_routing_key max_payload_size max_connection_attempts "
        "PostListenStatus"
    ),
}


@pytest.mark.parametrize(
    "made",
    [Endpoint("x"), Entity(name="x"), Service("x", make_connection=False)],
    ids=lambda made: type(made).__name__,
)
def test_our_classes_take_no_other_names(made):
    """A public name in a base class is taken away from the labs: it goes on the list, or is renamed."""
    kinds = {Endpoint, type(made)}
    allowed = set().union(*({*REFERENCE[kind].split(), *OURS[kind]} for kind in kinds))
    assert {name for name in dir(made) if not name.startswith("_")} <= allowed


class Furnace(Entity):
    """Uses names that have been ours, before and after the base is initialized."""

    lockout = "no lock of yours"

    def __init__(self, **kwargs):
        self._lockout = 0
        self.alarm_status = "set before"
        Entity.__init__(self, **kwargs)
        self.lockout = 3
        self.turn_of = "mine"

    @calibrate()
    def on_get(self):
        """The lab's own."""
        return self.lockout


class Bus(Recorder):
    """A service that has its own ideas of names."""

    def __init__(self, **kwargs):
        self.async_children = "before"
        self._exchange = "before"
        Recorder.__init__(self, **kwargs)
        self.async_children = ["mine"]
        self._agenda = self._ask = self._cancel_event = self._client = self._turns = None
        self.mailbox = self.heartbeat = self.reception = self.sender = self.lockout = None
        self.address, self.username, self.password = "10.0.0.7", "operator", "x"

    def turn_of(self):
        """Nothing that takes an argument."""
        return "turned"

    def close(self):
        """Close a valve."""
        return "closed"

    def execute(self, command):
        """Nothing that is scheduled."""
        return f"did {command}"

    @property
    def port(self):
        """The instrument's."""
        return "/dev/ttyUSB0"

    def _is_connected(self):
        return "to the instrument"

    def _exchange(self, command):
        return f"{command}!"


def test_an_entity_works_whatever_a_lab_calls_its_own():
    """It is locked and unlocked, read, set and logged."""
    bus = Bus(name="bus")
    furnace = Furnace(name="furnace", log_interval=1)
    bus.add_child(furnace)
    assert get(furnace).payload == {"value_raw": 3}
    assert set_(furnace, 4, "lockout").return_code == 0
    assert get(furnace, "lockout").payload == {"values": [4]}
    assert cmd(furnace, "lock").return_code == 0
    assert set_(furnace, 5, "lockout").return_code == 307
    furnace.scheduled_log()
    assert [(alert.routing_key, alert.plain_payload) for alert in bus.sent] == [
        ("sensor_value.furnace", {"value_raw": 4})  # without a calibration it is the raw value that is logged
    ]
    furnace.stop_logging()


def test_a_service_works_whatever_a_lab_calls_its_own():
    """It answers, also its own requests, and its names are the lab's."""
    bus = Bus(name="bus", enable_scheduling=True)
    door = Furnace(name="door")
    bus.add_async_child(door)
    assert bus.async_children == ["mine"]
    assert cmd(bus, "turn_of").payload == "turned"
    assert cmd(bus, "close").payload == "closed"
    assert cmd(bus, "execute", "that").payload == "did that"
    assert get(bus, "port").payload == {"values": ["/dev/ttyUSB0"]}
    assert get(bus, "address").payload == {"values": ["10.0.0.7"]}
    assert set_(bus, "10.0.0.8", "address").return_code == 0
    assert bus.address == "10.0.0.8"
    bus.unschedule(bus.schedule(lambda: None, bus.cycle_time))
    bus.cancel()
    bus.listen()
    bus.stop()


def test_messages_do_not_reach_what_was_renamed():
    """Also not where private names are allowed."""
    service = Service("s", make_connection=False, allow_private_specifiers=True)
    for name in ("_dripline_lockout", "_dripline_agenda", "_scarab_cancel_event", "_dripline_machinery"):
        assert get(service, name).return_code == 310
        assert set_(service, 1, name).return_code == 310
        assert cmd(service, name).return_code == 306


@pytest.mark.parametrize(
    "name", ["DriplineGenericDAQError", "message_error_invalid_method", "device_error_no_resp", "value_error"]
)
def test_a_code_that_does_not_exist_is_a_service_error(name):
    """Version 4 had other names; the message given stays."""

    class Labs(ThrowReply):
        """Subclasses count."""

    for kind in (ThrowReply, Labs):
        thrown = kind(name, "the lamp is broken")
        assert (thrown.return_code.value, thrown.return_message) == (300, "the lamp is broken")


@pytest.mark.parametrize("only", ["the lamp is broken", ValueError("the lamp is broken")])
def test_one_argument_that_is_no_name_is_the_message(only):
    """As in `raise ThrowReply(f"...")`."""
    thrown = ThrowReply(only)
    assert (thrown.return_code.value, thrown.return_message) == (300, "the lamp is broken")


def test_codes_are_not_shared_between_threads_or_throws():
    """What one handler has prepared or raised is not in the reply of another."""
    first, second = ThrowReply("resource_error", "one"), ThrowReply("nothing known", "two")
    assert (first.return_code.value, first.return_message) == (200, "one")
    assert (second.return_code.value, second.return_message) == (300, "two")


def test_no_base_class_hinders_attributes():
    """No slots, no `__setattr__`, and nothing is cleared."""
    for kind in (Endpoint, Entity, Service, Interface):
        for base in kind.__mro__[:-1]:
            assert "__slots__" not in vars(base), base
            assert "__setattr__" not in vars(base), base


class TestInitOrder:
    """Explicit calls of several bases, in whichever order a lab has them."""

    class Pool:
        """Another base with a constructor of its own, that knows nothing of ours."""

        def __init__(self, size, **kwargs):
            self.size = size

    def test_service_first(self):
        """As `Service.__init__`, then the other one's."""

        class Both(Service, self.Pool):
            def __init__(self, **kwargs):
                Service.__init__(self, **kwargs)
                TestInitOrder.Pool.__init__(self, **kwargs)

        assert Both(name="x", size=3, make_connection=False).size == 3

    def test_service_last(self):
        """And the other way round."""

        class Both(self.Pool, Service):
            def __init__(self, **kwargs):
                TestInitOrder.Pool.__init__(self, **kwargs)
                Service.__init__(self, **kwargs)

        both = Both(name="x", size=3, make_connection=False)
        assert (both.size, both.name) == (3, "x")

    def test_interface_and_service(self):
        """A lab's class may even be both, with a client made as in version 4 beside it."""

        class Logger(Service):
            def __init__(self, **kwargs):
                self.interface = Interface(dripline_config={"broker": "lab"})
                Service.__init__(self, **kwargs)

        assert Logger(name="x", make_connection=False).interface.address == "lab"
