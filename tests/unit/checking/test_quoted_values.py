"""Quoted numbers and booleans in configuration files, and keys that are free for YAML anchors."""

from __future__ import annotations

import pytest

from dripline.checking import check_loaded
from dripline.checking.argument_values import CHECKED_ELSEWHERE
from dripline.checking.arguments import arguments_of, wanted_types
from dripline.checking.schema import known_classes
from dripline.config.load import load_all
from dripline.config.quoted import wants_number_or_boolean
from dripline.discovery.class_finder import class_finder

LAB = """
from dripline.core import Entity

class Plain(Entity):
    def __init__(self, gain=1, fast=False, unit="V", channel=None, log_interval=None, **kwargs):
        Entity.__init__(self, log_interval=log_interval or 0, **kwargs)

    def on_get(self):
        return 1
"""


def _settings():
    """Every number, boolean and time span of every class that is shipped."""
    for known in known_classes(class_finder()):
        if not known.cls.__module__.startswith("dripline."):
            continue
        wanted = wanted_types(known.cls)
        for argument in arguments_of(known.cls):
            kind = wanted.get(argument.name)
            if argument.name not in CHECKED_ELSEWHERE and kind is not None and wants_number_or_boolean(kind):
                yield pytest.param(known, argument, id=f"{known.names[0]}-{argument.name}")


@pytest.fixture
def assembled(write, home):
    """Brings a file together as `dl-serve` does."""

    def load_configuration(text: str, **variables: str):
        return load_all(write(text), environment=variables)

    return load_configuration


@pytest.mark.parametrize(("known", "argument"), list(_settings()))
def test_every_number_and_boolean_of_our_classes_may_be_quoted(assembled, known, argument):
    """With a warning that names the key; the service gets the number or the boolean."""
    value = str(argument.default).lower()
    text = f"module: {known.names[0]}\nname: s\n{argument.name}: '{value}'\n"
    if not known.is_service:
        text = "name: s\nendpoints:\n  - " + text.replace("name: s", "name: e").replace("\n", "\n    ")
    assembly = assembled(text)
    findings = check_loaded(assembly)
    part = assembly.configuration if known.is_service else assembly.configuration["endpoints"][0]
    assert part[argument.name] == argument.default
    assert type(part[argument.name]) is not str
    told = [line for line in (*findings.errors, *findings.warnings) if f"'{argument.name}'" in line]
    assert len(told) == 1 or argument.name == "enable_scheduling"
    assert f"the text '{value}' is read as" in told[0]
    (refused,) = [
        line
        for line in check_loaded(assembled(text.replace(f"'{value}'", "'soon'"))).errors
        if argument.name in line
    ]
    assert "'soon'" in refused


def test_settings_of_the_mesh_may_be_quoted(assembled):
    """Whatever their place: return codes and the user's own file, too."""
    assembly = assembled(
        "name: s\ndripline_mesh:\n  broker_port: '5673'\n  verify: 'no'\n  self_check_interval_s: '.5'\n"
        "  heartbeat_s: soon\n  return_codes: [{name: too_hot, value: '1001', description: '5'}]\n"
    )
    findings = check_loaded(assembly)
    mesh = assembly.configuration["dripline_mesh"]
    assert (mesh["broker_port"], mesh["verify"], mesh["self_check_interval_s"]) == (5673, False, 0.5)
    assert mesh["return_codes"] == [{"name": "too_hot", "value": 1001, "description": "5"}]
    assert [line.partition(" is read")[0] for line in findings.warnings] == [
        "service.yaml:3:3: dripline_mesh.broker_port: the text '5673'",
        "service.yaml:4:3: dripline_mesh.verify: the text 'no'",
        "service.yaml:5:3: dripline_mesh.self_check_interval_s: the text '.5'",
        "service.yaml:7:34: dripline_mesh.return_codes.0.value: the text '1001'",
    ]
    (error,) = findings.errors
    assert error.startswith("service.yaml:6:3: dripline_mesh: heartbeat_s must be a whole number, not 'soon'")


def test_values_inside_of_maps_may_be_quoted(assembled):
    """Time spans, limits and the spool; the place is that of the value."""
    assembly = assembled(
        "name: s\nalert_spool: {in_memory: '10', on_disk_mb: '1.5'}\nendpoints:\n"
        "  - name: e\n    module: KeyValueStore\n    log_interval: {minutes: '5'}\n"
        "    alarm_limits: {warning: {high: '300'}, samples: '2'}\n"
    )
    findings = check_loaded(assembly)
    assert findings.errors == []
    endpoint = assembly.configuration["endpoints"][0]
    assert endpoint["log_interval"] == {"minutes": 5}
    assert endpoint["alarm_limits"] == {"warning": {"high": 300}, "samples": 2}
    assert assembly.configuration["alert_spool"] == {"in_memory": 10, "on_disk_mb": 1.5}
    assert findings.warnings[-2].startswith("service.yaml:7:30: endpoint 'e' (KeyValueStore): ")


@pytest.mark.parametrize("key", ["log_interval", "max_interval", "max_absolute_change"])
def test_false_switches_an_interval_off(assembled, key):
    """True says nothing about how long it is."""
    text = f"name: s\nendpoints: [{{name: e, module: KeyValueStore, {key}: false}}]\n"
    assembly = assembled(text)
    (warning,) = check_loaded(assembly).warnings
    assert f"'{key}': false is read as 0; write 0" in warning
    assert assembly.configuration["endpoints"][0][key] == 0
    assert len(check_loaded(assembled(text.replace("false", "true"))).errors) == 1


def test_defaults_tell_what_a_laboratorys_class_wants(extensions, assembled):
    """Without annotations; where nothing tells, text is text."""
    extensions({"dripline/extensions/lab_plain.py": LAB})
    keys = "gain: '2.5', fast: 'on', unit: '5', channel: '7', log_interval: '10', get_on_set: 'true'"
    assembly = assembled(f"name: s\nendpoints: [{{name: e, module: Plain, {keys}}}]\n")
    findings = check_loaded(assembly)
    endpoint = assembly.configuration["endpoints"][0]
    assert (endpoint["gain"], endpoint["fast"], endpoint["unit"], endpoint["channel"]) == (2.5, True, "5", "7")
    assert (endpoint["log_interval"], endpoint["get_on_set"]) == (10, True)
    assert sum("leave out the quotes" in warning for warning in findings.warnings) == 4
    assert findings.errors == []


def test_text_from_the_environment_is_read_without_a_warning(assembled):
    """Nothing else can come from there; `dl-serve`, which knows it, refuses nonsense."""
    text = "name: s\nheartbeat_interval_s: ENV{BEAT}\ndripline_mesh: {broker_port: 'ENV{PORT}'}\n"
    assembly = assembled(text, BEAT="30", PORT="5673")
    assert check_loaded(assembly) == []
    assert assembly.configuration["heartbeat_interval_s"] == 30
    assert assembly.configuration["dripline_mesh"]["broker_port"] == 5673
    assembly = assembled(text, BEAT="soon", PORT="5673")
    assert check_loaded(assembly, may_vary=True) == []
    (error,) = check_loaded(assembly).errors
    assert "'heartbeat_interval_s' must be a number, not 'soon'; correct the environment variable" in error


def test_top_level_keys_with_x_are_free_for_anchors(assembled):
    """What they hold is not looked at; below the top level they are as wrong as any other key."""
    text = (
        "x-every: &every {module: KeyValueStore, log_interval: 10}\nx-list: [&name e, 'ENV{NOT_SET}']\n"
        "name: s\nendpoints:\n  - {<<: *every, name: *name}\n"
    )
    assembly = assembled(text)
    assert check_loaded(assembly) == []
    assert assembly.configuration["endpoints"] == [{"name": "e", "module": "KeyValueStore", "log_interval": 10}]
    (error,) = check_loaded(assembled(text.replace("name: *name", "name: *name, x-more: 1"))).errors
    assert "unknown argument 'x-more'" in error
