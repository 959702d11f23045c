"""Values of arguments, as a laboratory's classes declare them."""

from __future__ import annotations

import pytest

LAB = """
from __future__ import annotations
import datetime
import enum
from typing import TYPE_CHECKING, Literal, Optional
from dripline.core import Entity, Service, calibrate

if TYPE_CHECKING:
    from nowhere import Mystery

class Mode(enum.Enum):
    FAST = 1
    SLOW = 2

class Typed(Entity):
    def __init__(self, port: int = 5, gains: list[float] = (), mode: Mode = Mode.FAST,
                 unit: Literal["V", "mV"] = "V", every: datetime.timedelta | float = 5,
                 mystery: Mystery = None, late: int = None, **kwargs):
        Entity.__init__(self, **kwargs)

class Heir(Typed):
    def __init__(self, **kwargs):
        kwargs["port"] = int(kwargs.get("port", 1))
        Typed.__init__(self, **kwargs)

class Plain(Entity):
    def __init__(self, size=10, fast=False, slow=True, unit="V", names=["a"],
                 table={"a": 1}, target=None, **kwargs):
        Entity.__init__(self, **kwargs)

def cal_of_the_lab(raw):
    return raw

class Scaled(Entity):
    @calibrate([cal_of_the_lab])
    def on_get(self):
        return 1

class Own(Entity):
    def on_get(self):
        return eval(self._calibration)

class Pumps(Service):
    def __init__(self, extensions=None, **kwargs):
        Service.__init__(self, **kwargs)
"""


@pytest.fixture
def check(extensions, check_text):
    """Checks one endpoint with some keys more, and gives errors and warnings without their places."""
    extensions({"dripline/extensions/lab_typed.py": LAB})

    def check_endpoint(keys: str) -> tuple[list[str], list[str]]:
        findings = check_text(f"name: s\nendpoints:\n  - {{name: x, {keys}}}\n")
        return tuple(
            [line.partition("): ")[2] for line in lines] for lines in (findings.errors, findings.warnings)
        )

    return check_endpoint


@pytest.mark.parametrize(
    "keys",
    [
        "module: Typed, port: 7, gains: [1, 0.5], mode: SLOW, unit: mV, every: 5, mystery: [1], late: null",
        "module: Typed, port: 7.0, mode: 2, every: {minutes: 5}, mystery: text",
        "module: Typed, port: 'ENV{HOME}', gains: ['ENV{HOME}'], mode: 'ENV{HOME}', unit: 'xENV{HOME}'",
        "module: Heir, port: 7",
        "module: Plain, size: 0.5, fast: true, slow: false, unit: 5, names: b, table: {b: 2}, target: [1]",
        "module: Plain, size: null, fast: file.txt, slow: null, unit: null, names: null, table: null",
        "module: KeyValueStore, log_interval: {minutes: 5}, max_interval: 10, max_absolute_change: .inf",
        "module: KeyValueStore, calibration: {OPEN: 1, CLOSE: 2}, initial_value: [1, 2]",
        "module: Scaled, calibration: \"cal_of_the_lab('{}', {:.3f})\"",
        "module: Own, calibration: 'whatever({}**2)'",
        "module: KeyValueStore, calibration: '({})**2'",
        "module: KeyValueStore, calibration: 'a = 2; log10({}) if a else [b for b in [{}]]'",
        "module: KeyValueStore, calibration: '{}.strip()'",
        "module: KeyValueStore, calibration: 'ENV{HOME}'",
        "module: KeyValueStore, get_on_set: 1, log_on_set: true",
        "module: KeyValueStore, alarm_limits: {warning: {high: 'ENV{HOME}'}}",
    ],
)
def test_nothing_is_told_about_what_can_be_right(check, keys):
    """What comes from the environment, has no annotation or is read by another constructor is not called wrong."""
    assert check(keys) == ([], [])


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ("port: many", "'port' must be a whole number, not 'many'"),
        ("port: true", "'port' must be a whole number, not true"),
        ("port: 0.5", "'port' must be a whole number, not 0.5"),
        ("gains: [1, x]", "'gains' must be a list (of a number), not [1, 'x']"),
        ("gains: [x, 'ENV{HOME}']", "'gains' must be a list (of a number), not ['x', ENV{…}]"),
        ("mode: MIDDLE", "'mode' must be one of FAST, SLOW, not 'MIDDLE'"),
        ("unit: V2", "'unit' must be one of 'V', 'mV', not 'V2'"),
        (
            "every: soon",
            "'every' must be a time span (seconds, or a map such as {minutes: 5}) or a number, not 'soon'",
        ),
        ("check_field: on", "'check_field' is a text, not True"),
        ("log_interval: {fortnights: 1}", "'log_interval' is a number of seconds or a map such as {minutes: 5}, "),
        ("max_absolute_change: -1", "'max_absolute_change' is a number of 0 or more, not -1"),
        ("log_on_set: true", "'log_on_set' needs 'get_on_set: true'"),
        ("calibration: 5", "'calibration' must be a text or a mapping"),
        ("calibration: '2*({}'", "the calibration '2*({}' is not a formula: "),
        ("calibration: '{raw}*2'", "the calibration '{raw}*2' is not a template: field {raw}"),
        ("calibration: {}", "'calibration' is an empty table; write a formula in quotes: '{}'"),
        ("calibration: [{}]", "'calibration' must be a text or a mapping, not [{}]; put it in quotes"),
        ("calibration: 'ch{}'", "the calibration 'ch{}': a hole {} stands for a value"),
        ("alarm_limits: {warning: 5}", "alarm_limits: warning is a map with 'low', 'high' or both, not 5"),
    ],
)
def test_what_is_certainly_wrong_is_an_error(check, keys, error):
    """By the annotation, or by what an entity itself says."""
    errors, warnings = check(f"module: Typed, {keys}")
    assert len(errors) == 1
    assert errors[0].startswith(error)
    assert warnings == []


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ("module: Plain, size: many", "'size' is 'many', its default is 10: is that meant?"),
        ("module: Plain, slow: never", "'slow' is 'never', its default is True: is that meant?"),
        ("module: Plain, unit: on", "'unit' is true, its default is 'V': is that meant?"),
        ("module: Plain, names: 5", "'names' is 5, its default is ['a']: is that meant?"),
        ("module: Plain, table: 5", "'table' is 5, its default is {'a': 1}: is that meant?"),
        (
            "module: Scaled, calibration: 'cal_of_lab({})'",
            "the calibration 'cal_of_lab({})' uses 'cal_of_lab', which formulas do not have; "
            "did you mean 'cal_of_the_lab'?",
        ),
        (
            "module: KeyValueStore, calibration: 'qqq({})'",
            "the calibration 'qqq({})' uses 'qqq', which formulas do not have; "
            "@calibrate([function]) brings one of your own",
        ),
        (
            "module: KeyValueStore, calibration: '{}**2'",
            "the calibration '{}**2' gives a different result in dripline-python 5 for negative numbers "
            "(-1.0 gives 1.0, there -1.0); '({})' instead of '{}' gives the same result in both",
        ),
        (
            "module: FormatEntity, set_value_map: '{}**2'",
            "'set_value_map' '{}**2' gives a different result in dripline-python 5 for negative numbers "
            "(-1.0 gives 1.0, there -1.0); '({})' instead of '{}' gives the same result in both",
        ),
        ("module: Typed, port: ", "'port' is left empty (null), a whole number is wanted"),
    ],
)
def test_what_is_probably_wrong_is_a_warning(check, keys, text):
    """Without an annotation the default tells what kind of value is meant."""
    assert check(keys) == ([], [text])


@pytest.mark.parametrize("key", ["heartbeat_interval_s", "handler_timeout", "stop_grace_s"])
@pytest.mark.parametrize("value", [".nan", ".inf", "-.inf", "1e300"])
def test_no_thread_waits_for_ever(check_text, key, value):
    """Nor for a time that is no number."""
    (error,) = check_text(f"name: s\n{key}: {value}\n").errors
    assert f"{key!r} must be a finite number" in error


def test_an_interval_without_scheduling_is_a_warning(check_text):
    """Nothing would ever be logged."""
    text = "name: s\nenable_scheduling: false\nendpoints:\n  - {name: x, module: KeyValueStore, log_interval: 5}\n"
    (warning,) = check_text(text).warnings
    assert warning.startswith("service.yaml:4:38: endpoint 'x' (KeyValueStore): 'log_interval' does nothing here")


def test_extensions_are_rules_unless_the_class_takes_them(extensions, check_text):
    """A laboratory's class may have had an argument of that name before."""
    extensions({"dripline/extensions/lab_typed.py": LAB})
    assert check_text("name: s\nmodule: Pumps\nextensions: [a, b]\n").errors == []
    assert check_text("name: s\nextensions: {disable: [lab_typed]}\n").errors == []
    (error,) = check_text("name: s\nextensions: {disabel: [a]}\n").errors
    assert error.startswith("service.yaml:2:14: service 's' (Service): extensions: unknown key 'disabel'; did you")
    (error,) = check_text("name: s\nmodule: Pumps\nextensions: {disable: [lab_typed]}\n").errors
    assert "Pumps" in error
    (error,) = check_text("name: s\nextensions: {requires: {nobody-has-this: '>=1'}}\n").errors
    assert error.startswith("service.yaml:2:25: ")


CHECKED_LAB = """
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
    extensions({"dripline/extensions/lab_pumps.py": CHECKED_LAB})

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
    extensions({"dripline/extensions/lab_pumps.py": CHECKED_LAB})
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
    """Without touching hardware, a database or a broker; each at its line, and nothing else is reported."""
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
