"""What messages reach in each class that is shipped: the complete lists, and the checks of what can be set."""

from __future__ import annotations

import enum
import importlib
import math
import pkgutil

import pytest

import dripline
import dripline.core
import dripline.implementations
import scarab
from dripline.checking.message_access import message_access_of
from dripline.core import Endpoint, Entity, Interface, MsgRequest, Service, op_t
from dripline.core import _access as access
from dripline.errors import DriplineError

ENDPOINT = {"get": "name", "set": "", "cmd": "on_get on_set"}
ENTITY = {
    "get": f"{ENDPOINT['get']} alarm_status",
    "set": (
        "check_field get_on_set log_interval log_on_set log_routing_key_prefix max_absolute_change "
        "max_fractional_change max_interval"
    ),
    "cmd": f"{ENDPOINT['cmd']} log_a_value scheduled_log start_logging stop_logging",
}
SIMPLE_SCPI = {**ENTITY, "get": f"{ENTITY['get']} cmd_base"}
SCPI = {
    **ENDPOINT,
    "set": "cmd_at_reconnect command_terminator device_timeout reconnect_test reply_echo_cmd response_terminator",
    "cmd": f"{ENDPOINT['cmd']} send_to_device",
}

#: By class: what a get reads beside what a set assigns, what a set assigns, what a cmd calls. A new attribute,
#: property or method of a shipped class fails here until it is listed, or is closed by the class's own list.
REACHED = {
    "Endpoint": ENDPOINT,
    "Entity": ENTITY,
    "Service": ENDPOINT,
    "AlertConsumer": ENDPOINT,
    "KeyValueStore": {**ENTITY, "cmd": f"{ENTITY['cmd']} throw_something"},
    "FormatEntity": ENTITY,
    "SimpleSCPIEntity": SIMPLE_SCPI,
    "SimpleSCPIGetEntity": SIMPLE_SCPI,
    "SimpleSCPISetEntity": SIMPLE_SCPI,
    "SCPIService": SCPI,
    "EthernetSCPIService": {
        **SCPI,
        "get": f"{SCPI['get']} socket_info",
        "set": f"{SCPI['set']} socket_timeout",
    },
    "SerialSCPIService": SCPI,
    "VISAService": SCPI,
    "HeartbeatTracker": {
        **ENDPOINT,
        "get": f"{ENDPOINT['get']} last_heartbeat last_timestamp service_name status",
        "set": "is_active",
    },
    "HeartbeatMonitor": {
        "get": f"{ENDPOINT['get']} endpoint_name_prefix monitoring_names time_between_checks_s",
        "set": "add_unknown_heartbeats critical_threshold_s warning_threshold_s",
        "cmd": f"{ENDPOINT['cmd']} run_checks",
    },
    "SQLTable": {
        **ENDPOINT,
        "get": f"{ENDPOINT['get']} schema table_name",
        "cmd": f"{ENDPOINT['cmd']} do_insert do_select",
    },
    "SensorLogger": ENDPOINT,
    "PostgresSensorLogger": {
        **ENDPOINT,
        "get": f"{ENDPOINT['get']} database_name database_server insertion_table_endpoint_name",
    },
}

#: What `allow_private_specifiers` opens beside that: by class, names that can be read and set.
PRIVATE = {
    "Entity": "_calibration",
    "FormatEntity": "_extract_raw_regex _get_str _set_str _set_value_lowercase _set_value_map",
    "KeyValueStore": "_value",
}

ARGUMENTS = {
    "EthernetSCPIService": {"socket_info": "127.0.0.1:1", "response_terminator": "\n"},
    "SerialSCPIService": {"port": "socket://127.0.0.1:1"},
    "VISAService": {"resource_name": "TCPIP::127.0.0.1::1::SOCKET"},
    "SimpleSCPIEntity": {"base_str": "VOLT"},
    "SimpleSCPIGetEntity": {"base_str": "VOLT"},
    "SimpleSCPISetEntity": {"base_str": "VOLT"},
    "HeartbeatTracker": {"service_name": "store"},
    "SQLTable": {"table_name": "numbers"},
    "SensorLogger": {"database_url": "sqlite:///numbers.sqlite"},
    "PostgresSensorLogger": {
        "insertion_table_endpoint_name": "t",
        "database_name": "d",
        "database_server": "localhost",
    },
}


def shipped():
    """Every class of ours that is an endpoint, by name, wherever it is."""
    for module in pkgutil.walk_packages(dripline.__path__, "dripline."):
        if not module.name.startswith(
            ("dripline.extensions", "dripline.programs.demo_files", "dripline.programs.scaffold")
        ):
            importlib.import_module(module.name)
    found, wanted = {}, [Endpoint]
    while wanted:
        kind = wanted.pop()
        wanted += kind.__subclasses__()
        if kind.__module__.startswith("dripline.") and not kind.__module__.startswith("dripline.extensions"):
            found[kind.__name__] = kind
    return found


CLASSES = shipped()


def make(name, **more):
    """Make an endpoint of a class; a service without a broker."""
    cls = CLASSES[name]
    connection = {"make_connection": False} if issubclass(cls, Service) else {}
    if cls is CLASSES["SCPIService"]:
        return make("EthernetSCPIService", **more)  # it has no medium of its own
    return cls(**{"name": "x", **connection, **ARGUMENTS.get(name, {}), **more})


def words(name, *operations):
    """The names that a class lists for operations."""
    return {word for operation in operations for word in REACHED[name][operation].split()}


def names_of(endpoint):
    """All names that an endpoint has, those of every class it is made of included."""
    return {*dir(endpoint), *(name for kind in type(endpoint).__mro__ for name in vars(kind))}


def answer(endpoint, operation, name, value=None):
    """The return code of a message."""
    payload = {} if operation is op_t.get else {"values": [value]}
    return endpoint.on_request_message(MsgRequest.create(payload, operation, "x", name)).return_code


def test_the_list_has_every_class():
    """A new class is added to the table, and says itself what messages reach."""
    assert CLASSES.keys() == REACHED.keys()
    kinds = {kind for cls in CLASSES.values() for kind in cls.__mro__ if kind is not object}
    kinds |= {
        exported
        for module in (dripline.core, dripline.implementations, scarab)
        for exported in map(module.__getattribute__ if module is scarab else module.__getattr__, module.__all__)
        if isinstance(exported, type) and not issubclass(exported, (Exception, enum.Enum))
    }
    ours = {
        kind
        for kind in kinds
        if kind.__module__.startswith(("dripline.core", "dripline.impl", "dripline.web", "scarab"))
    }
    forgotten = {kind.__name__ for kind in ours if "_dripline_reach" not in vars(kind)}
    assert forgotten <= {"SentMessagePackage", "DriplineConfig", "ServiceConfig"}, "values, and not bases"
    for kind in ours:
        for names in vars(kind).get("_dripline_reach", {}).values():
            assert not isinstance(names, str), kind


@pytest.mark.parametrize("name", sorted(set(REACHED) - {"SCPIService"}))
def test_messages_reach_what_is_listed_and_nothing_else(name):
    """By an instance, by messages, and as `dl extensions show` lists it without making one."""
    endpoint = make(name)
    public = {word for word in names_of(endpoint) if not word.startswith("_")}
    assert {word for word in public if access.may_set(endpoint, word)} == words(name, "set")
    assert {
        word for word in public if access.may_call(endpoint, word) and callable(getattr(endpoint, word, None))
    } == words(name, "cmd")
    for word in names_of(endpoint) - words(name, "get", "set"):
        assert answer(endpoint, op_t.get, word) == 310, word
    for word in words(name, "get", "set"):
        assert answer(endpoint, op_t.get, word) == 0, word
    for word in names_of(endpoint) - words(name, "set"):
        assert answer(endpoint, op_t.set, word, "x") == 310, word
    for word in names_of(endpoint) - words(name, "cmd"):
        assert answer(endpoint, op_t.cmd, word, "x") == 306, word
    told = message_access_of(CLASSES[name])
    assert set(told.get) == words(name, "get", "set")
    assert set(told.set) == words(name, "set")
    assert {command.name for command in told.commands} == words(name, "cmd")


@pytest.mark.parametrize("name", sorted(set(REACHED) - {"SCPIService"}))
def test_private_specifiers_are_a_list_too(name):
    """`allow_private_specifiers` opens the listed names of ours, and no other."""
    endpoint = make(name)
    private = {word for word in names_of(endpoint) if word.startswith("_")}
    listed = {word for kind in type(endpoint).__mro__ for word in PRIVATE.get(kind.__name__, "").split()}
    assert {word for word in private if access.may_get(endpoint, word, private=True)} == listed
    assert {word for word in private if access.may_set(endpoint, word, private=True)} == listed
    assert not [word for word in private - listed if access.may_call(endpoint, word, private=True)]


@pytest.mark.parametrize("base", [Interface, scarab.MainApp, dripline.implementations.HTTPServer])
def test_a_base_of_ours_beside_an_endpoint_opens_nothing(base):
    """A laboratory's class may have any two of our classes as bases: passwords and addresses stay closed."""

    class Both(Endpoint, base):
        def __init__(self):
            base.__init__(self)
            Endpoint.__init__(self, "x")
            self.level = 3

    endpoint = Both()
    names = {*names_of(endpoint), "username", "password", "address"}
    assert {word for word in names if not word.startswith("__") and answer(endpoint, op_t.get, word) == 0} == {
        "name",
        "level",
    }
    assert {word for word in names if access.may_set(endpoint, word)} == {"level"}


BAD = [
    *(
        -5,
        0,
        5,
        0.5,
        True,
        False,
        None,
        "",
        "5",
        "abc",
        "\ud800",
        "x" * 300,
        [],
        [1],
        {},
        {"minutes": 5},
        {"x": 1},
    ),
    *(math.nan, math.inf, -math.inf, 10**400, 1e300, "nan", "inf", [None], ["A", 3]),
]


@pytest.mark.parametrize(
    ("name", "setting"),
    sorted((name, setting) for name in REACHED for setting in words(name, "set") if name != "SCPIService"),
)
def test_a_message_sets_what_the_configuration_accepts(name, setting):
    """The same values are refused, with 304 and the old value kept; the others are kept in the same form."""
    if setting == "device_timeout" and name == "EthernetSCPIService":
        return  # its argument is socket_timeout
    if setting == "is_active":
        values = [-5, "false", [], {}, 0.5]
        endpoint = make(name)
        assert [answer(endpoint, op_t.set, setting, value) for value in values] == [304] * len(values)
        assert endpoint.is_active is True
        return
    for value in BAD:
        if setting == "command_terminator" and value is None:
            continue  # left empty in a file it means none
        try:
            configured = getattr(make(name, **{setting: value}), setting)
        except (DriplineError, dripline.core.ThrowReply):
            configured = BAD
        endpoint = make(name)
        before = getattr(endpoint, setting)
        code = answer(endpoint, op_t.set, setting, value)
        if configured is BAD:
            assert code == 304, value
            assert getattr(endpoint, setting) == before, value
        else:
            assert code == 0, value
            assert repr(getattr(endpoint, setting)) == repr(configured), value


def test_thresholds_of_a_monitor_stay_in_order():
    """A set sees the other threshold; -5, text, bools and what is out of order are refused."""
    monitor = make("HeartbeatMonitor")
    for value in (-5, 0, 301, "soon", True, math.nan, None):
        assert answer(monitor, op_t.set, "warning_threshold_s", value) == 304, value
    assert answer(monitor, op_t.set, "critical_threshold_s", 119) == 304
    assert (monitor.warning_threshold_s, monitor.critical_threshold_s) == (120, 300)
    assert answer(monitor, op_t.set, "critical_threshold_s", 60) == 304
    assert answer(monitor, op_t.set, "warning_threshold_s", "30") == 0
    assert answer(monitor, op_t.set, "critical_threshold_s", {"minutes": 1}) == 0
    assert (monitor.warning_threshold_s, monitor.critical_threshold_s) == (30, 60)


class Furnace(Entity):
    """A laboratory's class with checks of its own."""

    _dripline_checks = {  # noqa: RUF012
        "limit": lambda value: math.sqrt(value),
        ("low", "high"): lambda low, high: math.sqrt(high - low),
    }

    def __init__(self, limit=4, low=1, high=5, **kwargs):
        Entity.__init__(self, **kwargs)
        self.limit, self.low, self.high = limit, low, high

    def log_a_value(self, the_value):
        """An override of a listed name."""
        self.limit = the_value

    def vent(self):
        """Its own."""
        return "vented"


def test_a_laboratorys_class_stays_open():
    """Attributes, methods and overrides of listed names are reached; its `_dripline_checks` hold for a set."""
    furnace = Furnace(name="x")
    assert answer(furnace, op_t.cmd, "vent") == 304  # an argument too many
    assert answer(furnace, op_t.cmd, "log_a_value", 9) == 0
    assert furnace.limit == 9
    assert answer(furnace, op_t.set, "limit", -1) == 304
    assert answer(furnace, op_t.set, "limit", "x") == 304
    assert answer(furnace, op_t.set, "low", 6) == 304
    assert answer(furnace, op_t.set, "high", 6) == 0
    assert (furnace.limit, furnace.low, furnace.high) == (9, 1, 6)


def test_an_attribute_of_a_laboratory_has_its_own_meaning():
    """Though an argument of a base has its name, and a check."""

    class Renamed(CLASSES["SimpleSCPIEntity"]):
        def __init__(self, **kwargs):
            CLASSES["SimpleSCPIEntity"].__init__(self, base_str="VOLT", **kwargs)
            self.base_str = 5

    entity = Renamed(name="x")
    assert answer(entity, op_t.set, "base_str", 6) == 0
    assert (entity.base_str, entity.cmd_base) == (6, "VOLT")


def test_one_message_cannot_break_a_logger():
    """The engine of a logger is neither read nor replaced."""
    for name in ("SensorLogger", "PostgresSensorLogger"):
        logger = make(name)
        assert answer(logger, op_t.get, "engine") == 310
        assert answer(logger, op_t.set, "engine", "x") == 310
        assert answer(logger, op_t.cmd, "connect_to_db") == 306
