"""Checks that classes bring along, ours and a laboratory's."""

from __future__ import annotations

import pytest

LAB = """
from dripline.core import Entity, Service
from dripline.core.argument_checks import Doubtful
from dripline.core.settings import Setting
from dripline.implementations import EthernetSCPIService


def channel_number(value):
    if value not in range(1, 9):
        raise ValueError(f"is a number of 1 to 8, not {value!r}")
    if value == 8:
        raise Doubtful("8 is the spare one")

def in_order(low, high):
    if low > high:
        raise ValueError(f"({low}) is above high ({high})")

class Pump(Entity):
    _dripline_checks = {"channel": channel_number, ("low", "high"): in_order, "odd": lambda value: value.missing}
    rate = Setting(int, "Its rate.")

    def __init__(self, channel=0, low=0, high=10, rate=None, odd=None, **kwargs):
        Entity.__init__(self, **kwargs)

class Heir(Pump):
    pass

class Stranger(Pump):
    def __init__(self, channel="left", **kwargs):
        Pump.__init__(self, channel={"left": 1, "right": 2}[channel], **kwargs)

class Stricter(Pump):
    _dripline_checks = {"channel": lambda value: channel_number(value + 4)}

class Broken(Entity):
    _dripline_checks = ["channel"]

class Framed(EthernetSCPIService):
    def __init__(self, **kwargs):
        EthernetSCPIService.__init__(self, response_terminator="\\n", **kwargs)

class Positional(EthernetSCPIService):
    def __init__(self, socket_info="left:right", **kwargs):
        EthernetSCPIService.__init__(self, ("localhost", 1), 1.0, "", "\\n", **kwargs)
"""


@pytest.fixture
def told(extensions, check_text):
    """Checks one endpoint, and gives errors and warnings without their places."""
    extensions({"dripline/extensions/lab_pumps.py": LAB})

    def check(keys: str) -> list[str]:
        findings = check_text(f"name: s\nendpoints:\n  - {{name: x, {keys}}}\n")
        return [line.partition("): ")[2] for line in (*findings.errors, *findings.warnings)]

    return check


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        ("module: Pump, channel: 7, low: 3, high: 4, rate: 5, odd: null", ["'odd' cannot be checked: "]),
        ("module: Pump, channel: 9", ["'channel' is a number of 1 to 8, not 9"]),
        ("module: Heir, channel: 9", ["'channel' is a number of 1 to 8, not 9"]),
        ("module: Pump, channel: 8", ["'channel' 8 is the spare one"]),
        ("module: Pump, channel: 1, low: 11", ["'low' (11) is above high (10)"]),
        ("module: Pump, channel: 1, low: 11, high: 12", []),
        ("module: Pump, channel: 1, high: -1", ["low (0) is above high (-1)"]),
        ("module: Pump, channel: 'ENV{HOME}', low: 'ENV{HOME}'", []),
        ("module: Pump, channel: 1, rate: many", ["'rate' invalid literal for int()"]),
        ("module: Pump, channel: 1, rate: null", []),
        ("module: Stranger, channel: right", []),
        ("module: Stricter, channel: 5", ["'channel' is a number of 1 to 8, not 9"]),
        ("module: Stricter, channel: 1", []),
        ("module: Broken", []),
    ],
)
def test_a_class_says_how_its_values_are_checked(told, keys, lines):
    """By name, for several together, and by settings; a constructor that names the argument itself is trusted."""
    found = told(keys)
    if "channel: " in keys or "Broken" in keys:
        found = [line for line in found if line != "missing argument 'channel'"]
    assert len(found) == len(lines)
    for line, begin in zip(found, lines, strict=True):
        assert line.replace("'low' (0)", "low (0)").startswith(begin)


def test_an_argument_whose_default_is_refused_is_missing(told):
    """A device cannot be talked to without knowing how its answers end."""
    assert told("module: Pump") == ["missing argument 'channel'"]
    assert told("module: EthernetSCPIService")[0] == "missing argument 'response_terminator'"


@pytest.mark.parametrize("module", ["Framed", "Positional"])
def test_what_a_laboratory_hands_on_itself_is_not_missing(extensions, check_text, module):
    """Its constructor may give any argument."""
    extensions({"dripline/extensions/lab_pumps.py": LAB})
    assert check_text(f"name: s\nmodule: {module}\n").errors == []


def _service(keys: str) -> str:
    return f"name: s\n{keys}\n"


def _endpoint(keys: str) -> str:
    return f"name: s\nendpoints:\n  - {{name: x, {keys}}}\n"


_SCPI = 'module: EthernetSCPIService\nresponse_terminator: "\\\\n"\n'


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        (_service(_SCPI + "socket_info: 10.0.0.7"), "4:1", "'socket_info' is host and port, such as"),
        (_service(_SCPI + "socket_info: [10.0.0.7, 99999]"), "4:1", "'socket_info' is host and port, such as"),
        (_service(_SCPI + "socket_timeout: fast"), "4:1", "'socket_timeout' is a number of seconds"),
        (_service(_SCPI + "cmd_at_reconnect: [1]"), "4:1", "'cmd_at_reconnect' is a list of commands"),
        (_service("module: SerialSCPIService\nport: p\nparity: X"), "4:1", "'parity' is one of N, E, O, M, S"),
        (_service("module: SerialSCPIService\nport: p\nbaudrate: 0"), "4:1", "'baudrate' is a whole number"),
        (_service("alert_spool: {in_memry: 5}"), "2:1", "unknown key 'in_memry'; did you mean 'in_memory'?"),
        (_service("alert_spool: {drop: all}"), "2:1", "drop is 'oldest' or 'newest', not 'all'"),
        (_service("module: SensorLogger\ndatabase_url: 'sqlite://'"), "3:1", "keeps nothing; give a file"),
        (_service("module: SensorLogger\ndatabase_url: nowhere"), "3:1", "is no address of a database"),
        (_service("module: SensorLogger\nbatch_rows: 0"), "3:1", "batch_rows: must be a number above 0, not 0"),
        (
            _service("module: SensorLogger\nspool_limit_mb: .inf"),
            "3:1",
            "spool_limit_mb: must be a number above 0, not inf",
        ),
        (_service("module: AlertConsumer\nalert_key_parser_re: '(?P<x'"), "3:1", "is no regular expression"),
        (_service("module: HeartbeatMonitor\nwarning_threshold_s: 400"), "3:1", "at most critical_threshold_s"),
        (_service("module: HeartbeatMonitor\ntime_between_checks_s: 0"), "3:1", "must be above 0"),
        (
            _endpoint("module: FormatEntity, set_str: 'V {value}'"),
            "3",
            "has {value} in 'V {value}': the value is {}",
        ),
        (_endpoint("module: FormatEntity, set_str: 'V {'"), "3", "'V {' is not a template"),
        (_endpoint("module: FormatEntity, set_str: 'V {:q}'"), "3", "takes neither numbers nor texts"),
        (_endpoint("module: FormatEntity, extract_raw_regex: '(?P<value_raw>['"), "3", "no regular expression"),
        (
            _endpoint("module: FormatEntity, extract_raw_regex: abc"),
            "3",
            "needs a group (?P<value_raw>...): 'abc'",
        ),
        (_endpoint("module: FormatEntity, set_value_map: '2*('"), "3", "'2*(' is not a formula"),
        (_endpoint("module: SimpleSCPIEntity, base_str: 'VOLT?'"), "3", "without '?', which is added"),
        (_endpoint("module: SimpleSCPIEntity, base_str: 'VOLT {}'"), "3", "FormatEntity takes a set_str"),
        (
            _endpoint("module: SQLTable, table_name: t, required_insert_names: [{colum: a}]"),
            "3",
            "has {'colum': 'a'} among its insert names",
        ),
    ],
)
def test_values_of_our_own_classes_are_checked(check_text, text, place, words):
    """Without touching hardware, a database or a broker; each at its line, and nothing else is told."""
    findings = check_text(text)
    (line,) = findings.errors + findings.warnings
    assert line.startswith(f"service.yaml:{place}:")
    assert words in line


def test_the_password_of_a_database_is_not_told(check_text):
    """Not even when its address is wrong."""
    (error,) = check_text(_service("module: SensorLogger\ndatabase_url: 'postgresql://u:secret@h:port/d'")).errors
    assert "secret" not in error


@pytest.mark.parametrize(
    "text",
    [
        _service(_SCPI + "socket_info: \"('localhost', 1234)\"\ncmd_at_reconnect: null\nsocket_timeout: 2"),
        _service(_SCPI + "socket_info: [localhost, 'ENV{HOME}']"),
        _endpoint("module: FormatEntity, set_str: 'V {:.3f} {{}}', get_str: null, set_value_map: {on: 1}"),
        _endpoint("module: FormatEntity, set_str: 'V {[key]}', extract_raw_regex: null"),
        _endpoint("module: FormatEntity, set_str: '*RST', set_value_map: '{}*1000'"),
        _endpoint("module: FormatEntity, set_str: '{:9999999999}'"),
        _endpoint("module: FormatEntity, set_str: 'ENV{HOME} {x}'"),
        _service("alert_spool: null"),
    ],
)
def test_values_that_can_be_right_are_let_pass(check_text, text):
    """What comes from the environment too."""
    findings = check_text(text)
    assert (findings.errors, findings.warnings) == ([], [])
