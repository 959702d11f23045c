"""`dl check` and the start of a service come to the same verdict, with errors and with warnings."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from dripline.checking import check_files
from dripline.errors import DriplineError
from dripline.programs.common_options import CommonOptions
from dripline.programs.service import make_service, open_service_session

from .meshes import fresh_mesh

STORE = "name: a, module: KeyValueStore"


def endpoint(keys: str) -> str:
    """A service with one endpoint."""
    return f"name: s\nendpoints:\n  - {{{keys}}}\n"


def code(entry: str, second: str = "") -> str:
    """A service on a mesh with a return code."""
    return f"name: s\ndripline_mesh:\n  return_codes: [{{{entry}}}{', {' + second + '}' if second else ''}]\n"


GOOD = {
    "a plain service": "name: s\n",
    "no endpoints": "name: s\nendpoints: []\n",
    "endpoints left empty": "name: s\nendpoints:\n",
    "a store": endpoint(STORE),
    "booleans": endpoint(f"{STORE}, calibration: {{1: true, 0: false}}"),
    "quoted words": endpoint(f"{STORE}, calibration: {{1: 'on', 0: 'off'}}, initial_value: 'no'"),
    "words as keys": endpoint(f"{STORE}, calibration: {{on: 1, off: 0}}"),
    "a field": endpoint(f"{STORE}, check_field: value_raw"),
    "a return code": code("name: oven_too_hot, value: 1207, description: Too hot"),
    "a known return code": code("name: service_error, value: 300"),
    "a name in other letters": endpoint("name: Öltemperatur-1_x, module: KeyValueStore"),
    "an explicit Endpoint": endpoint("name: a, module: Endpoint"),
}
WARNED = {
    "words that are booleans in YAML": (
        endpoint(f"{STORE}, calibration: {{1: on, 0: 'off'}}"),
        "reads on as true",
    ),
    "words deep in a table": (endpoint(f"{STORE}, calibration: {{1: [3, {{x: No}}]}}"), "YAML reads No as false"),
    "a word as first value": (endpoint(f"{STORE}, initial_value: no"), "YAML reads no as false"),
    "quotes around a value": (code("name: quoted, value: '1777'"), "the text '1777' is read as 1777"),
    "a negative interval": (endpoint(f"{STORE}, log_interval: {{minutes: -1}}"), "'log_interval' is negative"),
    "no module": (endpoint("name: a"), "has no 'module'"),
    "an empty module": (endpoint("name: a, module: "), "has no 'module'"),
    "a field that no value has": (endpoint(f"{STORE}, check_field: value_call"), "did you mean 'value_cal'?"),
    "another field": (endpoint(f"{STORE}, check_field: temperature"), "'value_cal' and 'value_raw'"),
    "a field of limits": (
        endpoint(f"{STORE}, alarm_limits: {{warning: {{high: 3}}, field: value_row}}"),
        "did you mean 'value_raw'?",
    ),
    "nothing to log": (endpoint("name: a, module: Entity, log_interval: 5"), "no on_get"),
    "nothing to get": (endpoint("name: a, module: Entity, get_on_set: true"), "no on_get"),
    "a space in a name": (endpoint("name: 'a b', module: KeyValueStore"), "use 'a_b'"),
    "a space in the service's name": ("name: a b\n", "use 'a_b'"),
    "a dot in a name": (endpoint("name: a.b, module: KeyValueStore"), "use 'a_b'"),
    "empty words": (endpoint("name: a..b, module: KeyValueStore"), "use 'a_b'"),
    "a line break in a name": (endpoint('name: "a\\n", module: KeyValueStore'), "cannot be typed"),
    "the service's name": (endpoint("name: s, module: KeyValueStore"), "has the service's name"),
    "a service as endpoint": (endpoint("name: a, module: Service"), "is a service and does not run here"),
}
REFUSED = {
    "an empty table": (endpoint(f"{STORE}, calibration: {{}}"), "an empty table"),
    "no name": ("module: Service\n", "has no name"),
    "an empty name": (endpoint("name: '', module: KeyValueStore"), "empty"),
    "a number for a name": (endpoint("name: 5, module: KeyValueStore"), "put it in quotes"),
    "a pattern for a name": (endpoint("name: 'a.#', module: KeyValueStore"), "'#' and '*'"),
    "a list for a name": (endpoint("name: [a], module: KeyValueStore"), "the name must be text"),
    "a name for all": (endpoint("name: broadcast, module: KeyValueStore"), "addresses all services"),
    "below the name for all": (endpoint("name: broadcast.x, module: KeyValueStore"), "addresses all services"),
    "a service for all": ("name: broadcast\n", "addresses all services"),
    "another name for all": (f"broadcast_key: a\n{endpoint(STORE)}", "addresses all services"),
    "a pattern for all": ("name: s\nbroadcast_key: '#'\n", "'#' and '*'"),
    "nothing for all": ("name: s\nbroadcast_key: ''\n", "is empty"),
    "much too long for all": (f"name: s\nbroadcast_key: {'x' * 260}\n", "260 bytes"),
    "a queue of the broker": ("name: amq.s\n", "reserved for the broker"),
    "a return code that is taken": (code("name: mine, value: 301"), "taken by 'service_error_no_encoding'"),
    "a taken name of a return code": (code("name: service_error, value: 1300"), "taken by the value 300"),
    "one value twice": (code("name: b, value: 1501", "name: c, value: 1501"), "taken by 'b'"),
    "one name twice": (code("name: d, value: 1502", "name: d, value: 1503"), "taken by the value 1502"),
    "a word for a formula": (endpoint(f"{STORE}, calibration: on"), "put it in quotes"),
    "no value": (code("name: e"), "a whole number"),
    "a word for a value": (code("name: e, value: many"), "a whole number"),
    "a boolean for a value": (code("name: e, value: true"), "a whole number"),
    "a negative value": (code("name: e, value: -1"), "must not be negative"),
    "no name of a code": (code("value: 1505"), "a whole number"),
    "a default exchange": ("name: s\ndripline_mesh: {requests_exchange: ''}\n", "requests_exchange"),
    "a broker's exchange": ("name: s\ndripline_mesh: {alerts_exchange: amq.topic}\n", "alerts_exchange"),
}


@pytest.fixture
def verdicts(embedded, tmp_path, monkeypatch, caplog):
    """The errors and warnings of a check and of a start: `verdicts(text)`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    caplog.set_level(logging.WARNING)

    def both(text: str) -> tuple[list[str], list[str], str, list[str]]:
        file = tmp_path / "service.yaml"
        file.write_text(text)
        found = check_files([str(file)])
        caplog.clear()
        with fresh_mesh(embedded) as mesh:
            lines = [f"{key}: {value}\n" for key, value in mesh.settings.items()]
            Path(tmp_path / ".dripline_mesh.yaml").write_text("".join(lines))
            error = _start(str(file))
        return found.errors, found.warnings, error, list(caplog.messages)

    return both


def _start(file: str) -> str:
    """Start a service and stop it; what was in the way."""
    try:
        service = make_service(open_service_session(CommonOptions(config=file)))
        try:
            service.start()
        finally:
            service.stop()
    except DriplineError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD.keys())
def test_what_is_good_is_good_for_both(verdicts, text) -> None:
    """Nothing is said, and the service starts."""
    assert verdicts(text) == ([], [], "", [])


@pytest.mark.parametrize(("text", "words"), WARNED.values(), ids=WARNED.keys())
def test_both_warn(verdicts, text, words) -> None:
    """In the same words, and the service starts."""
    errors, warnings, error, logged = verdicts(text)
    assert (errors, error) == ([], "")
    assert [words in warning for warning in warnings] == [True]
    assert warnings == logged


@pytest.mark.parametrize(("text", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_both_refuse(verdicts, text, words) -> None:
    """In the same words."""
    errors, _, error, _ = verdicts(text)
    assert [words in found for found in errors] == [True]
    assert error == errors[0]
