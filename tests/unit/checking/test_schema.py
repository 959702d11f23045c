"""The JSON Schema of all classes, in the eyes of another implementation."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from dripline.checking.schema import configuration_schema
from dripline.config.file import load_file
from dripline.discovery.class_finder import class_finder

PROJECT = Path(__file__).parents[3]
LAB = '''
from dripline.core import Entity, Service

__all__ = ["Furnace", "Odd", "Heating", "number"]
number = 5

class Furnace(Entity):
    """A furnace that is heated in steps.

    Args:
        limit: Highest temperature,
            in kelvin.
    """

    def __init__(self, limit: int = 1200, *, zones: list[str] | None = None, **kwargs):
        self.colour = kwargs.pop("colour", "red")
        Entity.__init__(self, **kwargs)

class Odd(Entity):
    def __init__(self, **kwargs):
        self.__dict__.update(kwargs)

class Heating(Service):
    def __init__(self, target, **kwargs):
        Service.__init__(self, **kwargs)
'''


@pytest.fixture
def schema(extensions):
    """The schema of an installation with a laboratory's classes."""
    extensions(
        {"dripline/extensions/lab_furnace.py": LAB, "dripline/extensions/lab_broken.py": "import nothing_\n"}
    )
    return configuration_schema()


@pytest.fixture
def mistakes(schema):
    """Checks YAML, and gives path and text of everything that is wrong."""
    validator = jsonschema.Draft202012Validator(schema)

    def check(text: str) -> list[tuple[str, str]]:
        errors = validator.iter_errors(yaml.safe_load(text))
        return sorted((".".join(map(str, error.absolute_path)), error.message) for error in errors)

    return check


def test_it_is_a_schema(schema):
    """Of draft 2020-12."""
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_it_accepts_the_examples(extensions, monkeypatch, caplog):
    """All of them; that an extension exports its version is no news."""
    extensions({"dripline_jitter-1.0.0.dist-info/METADATA": "Name: dripline-jitter\nVersion: 1.0.0\n"})
    monkeypatch.syspath_prepend(str(PROJECT / "extensions_example"))
    validator = jsonschema.Draft202012Validator(configuration_schema(class_finder()))
    files = [*PROJECT.glob("examples/**/*.yaml"), *PROJECT.glob("extensions_example/*.yaml")]
    services = [file for file in files if "endpoints:" in file.read_text()]
    assert len(services) >= 2
    for file in services:
        validator.validate(load_file(file))
    assert caplog.messages == []


def test_it_accepts_what_a_configuration_may_say(mistakes):
    """Also what comes from the environment, from a file, or was written for older versions."""
    assert (
        mistakes("""
name: s
username: {env: LAB_USER}
dripline_mesh: {broker: lab, broker_port: 'ENV{PORT}', return_codes: codes.yaml}
extensions: {disable: [lab_broken], requires: {lab-heating: '>=1'}}
auth_file: old.json
heartbeat_interval_s: ENV{INTERVAL}
endpoints:
  - {name: a, module: Furnace, limit: 5, zones: [a], colour: blue, log_interval: {minutes: 5}, get_on_set: on}
  - {name: b, module: lab_furnace.Furnace, limit: 'ENV{LIMIT}'}
  - {name: c, module: Odd, whatever: 1}
  - {name: d}
  - {name: e, module: Mine, module_path: mine.py, anything: 1}
  - {name: f, module: KeyValueStore, initial_value: [1], calibration: {OPEN: 1}}
""")
        == []
    )
    assert mistakes("runtime-config: {name: s, module: Heating, target: x}") == []


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ("name: s\nfoo: 1", "", "'foo' does not match"),
        ("module: Service", "", "'name' is a required property"),
        ("name: s\nmodule: Servise", "module", "'Servise' is not valid"),
        ("name: s\nmodule: KeyValueStore", "module", "'KeyValueStore' is not valid"),
        ("name: s\nmodule: Heating", "", "'target' is a required property"),
        ("name: s\nmodule: EthernetSCPIService", "", "'response_terminator' is a required property"),
        ("name: s\nbroadcast_key: 5", "broadcast_key", "5 is not of type 'string'"),
        ("name: s\ndripline_mesh: {brokr: x}", "dripline_mesh", "'brokr' was unexpected"),
        ("name: s\nendpoints: {name: x}", "endpoints", "is not of type 'array', 'null'"),
        (
            "name: s\nendpoints: [{name: x, module: Furnace, limit: hot}]",
            "endpoints.0.limit",
            "'hot' does not match",
        ),
        ("name: s\nendpoints: [{name: x, module: Furnace, limt: 5}]", "endpoints.0", "'limt' was unexpected"),
        ("name: s\nendpoints: [{name: x, module: Furnace, zones: 5}]", "endpoints.0.zones", "5 is not valid"),
        ("name: s\nendpoints: [{name: x, module: Nope}]", "endpoints.0.module", "'Nope' is not valid"),
        ("name: s\nendpoints: [{module: Furnace}]", "endpoints.0", "'name' is a required property"),
    ],
)
def test_each_mistake_is_one_error_at_its_place(mistakes, text, path, words):
    """Readable in an editor."""
    ((where, message),) = mistakes(text)
    assert where == path
    assert words in message


def test_an_editor_learns_what_each_argument_means(schema):
    """Type, default and description, through all bases."""
    (furnace,) = [schema["$defs"][key] for key in schema["$defs"] if key.endswith("lab_furnace.Furnace")]
    assert furnace["description"] == "A furnace that is heated in steps."
    limit = furnace["properties"]["limit"]
    assert (limit["default"], limit["description"]) == (1200, "Highest temperature, in kelvin.")
    assert furnace["properties"]["calibration"]["description"].startswith("a formula with a hole")
    assert schema["$defs"]["mesh"]["properties"]["broker"]["default"] == "localhost"
