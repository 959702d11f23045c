"""What messages reach, seen from a lab's classes."""

from __future__ import annotations

import pytest

import scarab
from dripline.core import AlertConsumer, Endpoint, Entity, Service
from dripline.core import _access as access
from dripline.implementations import KeyValueStore


class Pump(Entity):
    """A lab's class."""

    speed_limit = None

    def __init__(self, **kwargs):
        Entity.__init__(self, **kwargs)
        self.speed = 3
        self.reads = 0
        self._secret = 1
        self.on_done = print
        self.cycle_time = 5

    def start(self):
        """Start the pump."""

    @property
    def pressure(self):
        """Talks to the instrument."""
        self.reads += 1
        return 1e-6

    @property
    def setpoint(self):
        """Can be set."""
        return 1

    @setpoint.setter
    def setpoint(self, value):
        self.speed = value

    @staticmethod
    def units():
        """A static method."""
        return "rpm"


@pytest.fixture
def pump():
    """The lab's pump."""
    return Pump(name="pump")


@pytest.mark.parametrize(
    "name", ["speed", "pressure", "setpoint", "speed_limit", "name", "log_interval", "cycle_time"]
)
def test_what_a_lab_defines_and_the_settings_can_be_read(pump, name):
    """A get reaches attributes and properties of a lab's class, and the documented settings."""
    assert access.may_get(pump, name)


@pytest.mark.parametrize("name", ["speed", "setpoint", "speed_limit", "get_on_set", "check_field", "max_interval"])
def test_attributes_can_be_set(pump, name):
    """A set reaches attributes, properties with a setter, and settings."""
    assert access.may_set(pump, name)


@pytest.mark.parametrize("name", ["pressure", "start", "units", "on_done", "on_get", "on_set", "name", "missing"])
def test_a_set_replaces_no_method_and_nothing_read_only(pump, name):
    """Methods, functions kept in attributes, read-only properties and names that do not exist cannot be set."""
    assert not access.may_set(pump, name)
    assert pump.reads == 0, "asking whether it can be set does not talk to the instrument"


@pytest.mark.parametrize("name", ["start", "units", "on_get", "on_set", "start_logging", "log_a_value"])
def test_a_labs_methods_and_the_handlers_can_be_called(pump, name):
    """A cmd reaches a lab's methods, also those called like methods of a service; ours for values and logging."""
    assert access.may_call(pump, name)


def test_a_property_is_not_called(pump):
    """A cmd that names a property is refused without reading it."""
    assert not access.may_call(pump, "pressure")
    assert pump.reads == 0


@pytest.mark.parametrize("name", ["_secret", "__class__", "__dict__", "__init__", "_Entity__condition"])
def test_underscores_are_refused(pump, name):
    """Names that start with an underscore belong to the class, not to the mesh."""
    assert not access.may_get(pump, name)
    assert not access.may_set(pump, name)
    assert not access.may_call(pump, name)


def test_private_names_can_be_allowed_but_nothing_else(pump):
    """`private` lifts the rule for one underscore; two stay refused, and so does the machinery."""
    assert access.may_get(pump, "_secret", private=True)
    assert access.may_set(pump, "_calibration", private=True)
    for name in ("__class__", "__dict__", "service", "_dripline_lockout", "do_get_request"):
        assert not access.may_get(pump, name, private=True)
        assert not access.may_set(pump, name, private=True)
        assert not access.may_call(pump, name, private=True)


REACHED = {
    *("name", "alarm_status", "get_on_set", "log_on_set", "log_interval", "log_routing_key_prefix"),
    *("max_interval", "max_absolute_change", "max_fractional_change", "check_field"),
    *("on_get", "on_set", "start_logging", "stop_logging", "scheduled_log", "log_a_value"),
}


@pytest.mark.parametrize("kind", [Endpoint, Entity, Service, AlertConsumer])
def test_nothing_else_of_the_framework_is_reached(kind):
    """Whatever name the framework has, as a method or as an attribute, is refused unless it is documented."""
    endpoint = (
        kind(name="x") if issubclass(kind, Entity) or kind is Endpoint else kind(name="x", make_connection=False)
    )
    names = set(dir(endpoint)) | {name for base in kind.__mro__ for name in vars(base)}
    assert len(names) > 20
    reached = {
        name
        for name in names
        if access.may_get(endpoint, name) or access.may_set(endpoint, name) or access.may_call(endpoint, name)
    }
    assert reached <= REACHED


def test_private_names_of_the_machinery_stay_closed():
    """Also when private ones are allowed: a set of the link would make the service deaf."""
    service = Service("x", make_connection=False)
    service.cancel()  # makes the attributes of cancelables
    private = [name for name in vars(service) if name.startswith("_")]
    assert len(private) > 8
    for name in private:
        assert not access.may_set(service, name, private=True), name


def test_what_ends_or_replaces_a_service_is_refused():
    """The calls with which one message could stop a service, run a file or read secrets, by name."""
    service = Service("x", make_connection=False)
    for name in [
        "create_object",
        "add_child",
        "add_async_child",
        "send",
        "get",
        "set",
        "cmd",
        "run",
        "start",
        "stop",
        "listen",
        "cancel",
        "bind_key",
        "bind_keys",
        "schedule",
        "unschedule",
        "do_get_request",
        "do_set_request",
        "do_cmd_request",
        "on_request_message",
        "on_reply_message",
        "on_alert_message",
        "auth",
        "endpoint_configs",
        "submit_request_message",
        "wait",
        "reset_cancel",
        "service",
        "_dripline_lockout",
        "_dripline_lock_of",
    ]:
        assert hasattr(service, name), f"{name} is gone, take it off the list"
        assert not access.may_get(service, name), name
        assert not access.may_set(service, name), name
        assert not access.may_call(service, name), name


def test_a_subclass_of_a_lab_keeps_the_machinery_closed():
    """Overriding a method of the framework does not open it: `stop` of a service stays the service's."""

    class LabService(Service):
        def stop(self):
            Service.stop(self)

        def sweep(self):
            """The lab's own."""

    service = LabService("x", make_connection=False)
    assert not access.may_call(service, "stop")
    assert access.may_call(service, "sweep")


def test_ready_made_classes_list_what_is_reached():
    """As the classes of the core do; `test_message_reach` has the lists."""
    store = KeyValueStore(name="x")
    assert access.may_call(store, "throw_something")


def test_the_marker_decides_and_not_the_module():
    """A class of ours that moves to another package stays closed, and a laboratory's can close itself."""

    class Moved(Entity):
        __module__ = "dripline.core.somewhere"

        def vent(self):
            """No marker: it counts as a laboratory's, wherever it says it is from."""

    class Closed(Entity):
        __module__ = "laboratory"
        _dripline_reach = {"get": {"serial"}, "set": {"limit"}, "cmd": {"vent"}, "own": {"bus"}}  # noqa: RUF012

        def __init__(self):
            Entity.__init__(self, name="x")
            self.serial, self.limit, self.bus = "A1", 3, None

        def vent(self):
            """Listed."""

        def open(self):
            """Not listed."""

    class Sub(Closed):
        def open(self):
            """An override does not open what a base keeps closed."""

        def own(self):
            """Its own."""

    assert access.may_call(Moved(name="x"), "vent")
    for endpoint in (Closed(), Sub()):
        reached = [name for name in ("serial", "limit", "bus") if access.may_get(endpoint, name)]
        assert reached == ["serial", "limit"]
        assert [name for name in ("serial", "limit", "bus") if access.may_set(endpoint, name)] == ["limit"]
        assert access.may_call(endpoint, "vent")
        assert not access.may_call(endpoint, "open")
    assert access.may_call(Sub(), "own")


def test_a_mixin_of_scarab_does_not_hide_a_labs_names():
    """Only names that scarab's classes have are refused."""

    class Both(Endpoint, scarab.Cancelable):
        def __init__(self):
            Endpoint.__init__(self, "x")
            self.level = 1

    assert access.may_get(Both(), "level")
    assert not access.may_call(Both(), "cancel")


def test_a_class_names_what_its_configuration_wires():
    """Which device, which table: no message may say so, though the attributes are the lab's own."""

    class Wired(Entity):
        _dripline_wiring = frozenset({"address"})

        def __init__(self):
            Entity.__init__(self, name="x")
            self.address = "10.0.0.1"
            self.level = 1

    assert access.may_get(Wired(), "address")
    assert not access.may_set(Wired(), "address")
    assert not access.may_set(type("Sub", (Wired,), {})(), "address", private=True)
    assert access.may_set(Wired(), "level")
