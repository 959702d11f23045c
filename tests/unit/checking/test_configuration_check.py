"""What is told about a configuration before anything is built."""

from __future__ import annotations

import time

import pytest

from dripline.checking import check_configuration, check_files
from dripline.config.diagnostics import Place
from dripline.config.file import load_file
from dripline.config.source_map import SourceMap
from dripline.errors import ConfigurationError

LAB = """
from dripline.core import Entity, Service

class Scpi(Entity):
    def __init__(self, base_str, **kwargs):
        self.unit = kwargs.pop("unit", "V")
        Entity.__init__(self, **kwargs)

class SelfNamed(Entity):
    def __init__(self, channel, **kwargs):
        Entity.__init__(self, name=f"channel{channel}", **kwargs)

class Pid(Service):
    def __init__(self, target, **kwargs):
        kwargs.update({"keys": ["sensor_value." + target]})
        Service.__init__(self, **kwargs)
"""


@pytest.fixture
def check(extensions, tmp_path, monkeypatch):
    """Checks the text of a configuration file, and gives what was found."""
    extensions({"dripline/extensions/lab.py": LAB})
    monkeypatch.chdir(tmp_path)

    def check_text(text: str):
        (tmp_path / "service.yaml").write_text(text)
        return check_configuration(load_file("service.yaml"), SourceMap("service.yaml").place)

    return check_text


GOOD = """\
name: my_store
module: Service
heartbeat_interval_s: 10
dripline_mesh: {broker: lab}
username: {env: LAB_USER}
endpoints:
  - name: peaches
    module: KeyValueStore
    calibration: '2*{}'
    initial_value: 0.75
    log_interval: 10
    get_on_set: true
    log_on_set: true
  - {name: voltage, module: Scpi, base_str: VOLT, unit: mV}
  - {module: SelfNamed, channel: 3}
  - {module: SelfNamed, channel: 4}
  - {name: plain, module: Endpoint}
"""


def test_the_description_of_an_instrument_is_told_as_such(check):
    """Not key by key: it is the wrong command for a good file."""
    (error,) = check("name: supply\nport: 5025\nvalues: {VOLT: {initial: 5}}\n").errors
    assert "this describes an instrument; 'dl simulate' runs it" in error


def test_a_good_configuration_has_nothing_to_be_told(check):
    """Neither errors nor warnings."""
    found = check(GOOD)
    assert (found.errors, found.warnings) == ([], [])
    found.raise_errors()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "name: s\nendpoints:\n  - name: peaches\n    module: KeyValueStore\n    calibrtion: '2*{}'\n",
            "service.yaml:5:5: endpoint 'peaches' (KeyValueStore): unknown argument 'calibrtion'; "
            "did you mean 'calibration'?",
        ),
        (
            "name: s\nhartbeat_interval_s: 10\n",
            "service.yaml:2:1: service 's' (Service): unknown argument 'hartbeat_interval_s'; "
            "did you mean 'heartbeat_interval_s'?",
        ),
        (
            "name: s\nmodle: Service\n",
            "service.yaml:2:1: service 's' (Service): unknown argument 'modle'; did you mean 'module'?",
        ),
        (
            "name: s\nbroker: lab\n",
            "service.yaml:2:1: service 's' (Service): unknown argument 'broker'; it belongs below 'dripline_mesh'",
        ),
        (
            "name: s\ncalibration: '2*{}'\n",
            "service.yaml:2:1: service 's' (Service): unknown argument 'calibration'; "
            "it belongs to an endpoint, below 'endpoints'",
        ),
        (
            "name: s\nendpoints: [{name: x, module: KeyValueStore, heartbeat_interval_s: 3}]\n",
            "service.yaml:2:46: endpoint 'x' (KeyValueStore): unknown argument 'heartbeat_interval_s'; "
            "it belongs to the service",
        ),
        (
            "name: s\nendpoints: [{name: x, module: KeyValueStore, broker: lab}]\n",
            "service.yaml:2:46: endpoint 'x' (KeyValueStore): unknown argument 'broker'; "
            "it belongs below 'dripline_mesh' of the service",
        ),
        (
            "name: s\nendpoints: [{name: v, module: Scpi}]\n",
            "service.yaml:2:13: endpoint 'v' (Scpi): missing argument 'base_str'",
        ),
        (
            "name: s\nendpoints:\n  - {name: a}\n  - {name: b}\n  - {name: a}\n",
            "service.yaml:5:6: endpoint 'a' (Endpoint): the name stands twice, first at service.yaml:3:6; "
            "rename one of them",
        ),
        (
            "name: s\nendpoints:\n  - module: KeyValueStore\n",
            "service.yaml:3:5: endpoint number 1 (KeyValueStore): has no name; add 'name: …'",
        ),
        ("module: Service\n", "service.yaml:1:1: service (Service): has no name; add 'name: …'"),
        (
            "name: s\nmodule: KeyValueStor\n",
            "service.yaml:2:1: service 's' (KeyValueStor): no class 'KeyValueStor' in any extension, "
            "dripline.implementations or dripline.core; did you mean 'KeyValueStore'?",
        ),
        (
            "name: s\nendpoints: [{name: x, module: Interface}]\n",
            "service.yaml:2:23: endpoint 'x' (Interface): class 'Interface' is no Endpoint or Entity",
        ),
        (
            "name: s\nmodule: KeyValueStore\n",
            "service.yaml:2:1: service 's' (KeyValueStore): class 'KeyValueStore' is no service, it cannot run",
        ),
        (
            "name: s\nendpoints: [{name: x, module: X, module_path: nowhere.py}]\n",
            "service.yaml:2:34: endpoint 'x' (X): module_path: there is no file 'nowhere.py'",
        ),
        (
            "name: s\nendpoints: {name: peaches}\n",
            "service.yaml:2:1: service 's' (Service): 'endpoints' must be a list (- name: …), "
            "not {'name': 'peaches'}",
        ),
        (
            "name: s\nendpoints: [peaches]\n",
            "service.yaml:2:13: endpoint number 1: must be a mapping, not 'peaches'",
        ),
        (
            "name: s\nendpoints: [{name: 5}]\n",
            "service.yaml:2:14: endpoint 5 (Endpoint): the name must be text, not 5; put it in quotes",
        ),
        (
            "name: s\nendpoints: [{name: ''}]\n",
            "service.yaml:2:14: endpoint '' (Endpoint): the name is empty",
        ),
        (
            f"name: s\nendpoints: [{{name: '{'ä' * 121}'}}]\n",
            f"service.yaml:2:14: endpoint '{'ä' * 121}' (Endpoint): the name has 242 bytes, and no more than 240 "
            "fit into a routing key",
        ),
        (
            "name: s\nendpoints: [{name: 'a.#'}]\n",
            "service.yaml:2:14: endpoint 'a.#' (Endpoint): '#' and '*' stand for any word on a mesh, "
            "no name can be such",
        ),
    ],
)
def test_each_mistake_is_one_line_with_place_object_and_remedy(check, text, message):
    """As a user meets it."""
    found = check(text)
    assert found.errors == [message]
    with pytest.raises(ConfigurationError):
        found.raise_errors()


def test_a_key_that_is_like_nothing_is_told_with_what_there_is(check):
    """Perhaps the right one is in the list."""
    (error,) = check("name: s\nendpoints: [{name: x, zzz: 1}]\n").errors
    assert error == "service.yaml:2:23: endpoint 'x' (Endpoint): unknown argument 'zzz'; known: name"


def test_all_mistakes_are_told_in_one_run(check):
    """In the order of the file; nobody wants to start a service six times."""
    errors = check(
        "name: s\nfoo: 1\nendpoints:\n  - {name: a, module: KeyValueStor}\n"
        "  - {name: a, bar: 1}\n  - {module: Scpi}\n"
    ).errors
    assert [error.partition(": ")[0] for error in errors] == [
        "service.yaml:2:1",  # foo
        "service.yaml:4:15",  # KeyValueStor
        "service.yaml:5:6",  # a second a
        "service.yaml:5:15",  # bar
        "service.yaml:6:5",  # no base_str
        "service.yaml:6:5",  # no name
    ]


@pytest.mark.parametrize("key", ["auth_file", "auths_file", "keys"])
def test_keys_of_older_versions_are_warnings(check, key):
    """A service ignores them, and says what replaced them."""
    found = check(f"name: s\n{key}: x\n")
    assert found.errors == []
    (warning,) = found.warnings
    assert warning.startswith(
        f"service.yaml:2:1: service 's' (Service): {key!r} is of an older version and ignored; "
    )


def test_a_service_among_the_endpoints_is_a_warning(check):
    """It answers requests there, and does nothing by itself."""
    (warning,) = check("name: a\nendpoints: [{name: b, module: SensorLogger}]\n").warnings
    assert warning == (
        "service.yaml:2:23: endpoint 'b' (SensorLogger): class 'SensorLogger' is a service and does not run here; "
        "give it a file of its own"
    )


def test_an_endpoint_with_the_services_name_is_a_warning(check):
    """It was possible with the reference, and never answered."""
    (warning,) = check("name: a\nendpoints: [{name: a, module: KeyValueStore}]\n").warnings
    assert warning.startswith("service.yaml:2:14: service 'a' (Service): an endpoint has the service's name")


def test_what_a_laboratorys_constructor_makes_of_its_keywords_is_its_own(check):
    """`keys` is given by the class there."""
    found = check("name: pid\nmodule: Pid\ntarget: peaches\nkeys: [x]\n")
    assert (found.errors, found.warnings) == ([], [])


def test_ten_thousand_endpoints_are_checked_in_a_moment(check):
    """Each class is looked at once."""
    endpoints = [{"name": f"e{n}", "module": "KeyValueStore", "initial_value": n} for n in range(10_000)]
    check(GOOD)
    started = time.process_time()
    found = check_configuration({"name": "s", "endpoints": endpoints}, lambda path: Place("nowhere"))
    assert time.process_time() - started < 3.0
    assert found.errors == []


def test_a_name_that_cannot_be_sent_is_an_error(write, monkeypatch):
    """JSON and the environment can hold half of a character, messages cannot."""
    monkeypatch.setenv("HALF", "a\udcff")
    for text in ('{"name": "a\\ud800"}', '{"name": "ENV{HALF}"}'):
        (error,) = check_files([write(text, "service.json")]).errors
        assert "the name is no text that can be sent (UTF-8)" in error
        assert error.isprintable()
