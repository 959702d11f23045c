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
