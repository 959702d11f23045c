"""The public names of the reference 5.1.4, as its own build lists them: each one exists here.

`tests/fixtures/reference-api.json` lists modules, classes with bases, constructors and members, and functions. A
parameter is written ``name``, ``name=`` if it has a default, ``?`` if it has no name, ``*args`` or ``**kwargs``;
several lists of parameters are overloads.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REFERENCE = json.loads((Path(__file__).parents[2] / "fixtures" / "reference-api.json").read_text())

#: What differs, and why. An entry that is no longer needed fails the test.
EXCEPTIONS = {
    "SQLTable.do_insert()": "values without a name are refused; the reference drops them silently",
}

#: What an object of a class needs; all others are made without arguments.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "AlertConsumer": {"name": "x", "make_connection": False},
    "Endpoint": {"name": "x"},
    "Entity": {"name": "x"},
    "EthernetSCPIService": {
        "name": "x",
        "make_connection": False,
        "socket_info": "127.0.0.1:1",
        "response_terminator": "\n",
    },
    "FormatEntity": {"name": "x"},
    "HeartbeatMonitor": {"name": "x", "make_connection": False},
    "HeartbeatTracker": {"name": "x", "service_name": "store"},
    "KeyValueStore": {"name": "x"},
    "ParamValue": {"value": 1},
    "PostgreSQLInterface": {"database_name": "d", "database_server": "localhost"},
    "PostgresSensorLogger": {
        "name": "x",
        "make_connection": False,
        "insertion_table_endpoint_name": "t",
        "database_name": "d",
        "database_server": "localhost",
    },
    "SQLTable": {"name": "x", "table_name": "numbers"},
    "SentMessagePackage": {"successful_send": True},
    "Service": {"name": "x", "make_connection": False},
    "SimpleSCPIEntity": {"name": "x", "base_str": "VOLT"},
    "SimpleSCPIGetEntity": {"name": "x", "base_str": "VOLT"},
    "SimpleSCPISetEntity": {"name": "x", "base_str": "VOLT"},
    "BaseAddAuthSpec": {"app": None},
    "msg_t": {"value": 2},
    "op_t": {"value": 1},
}


def named(name: str) -> Any:
    """A class or function of the reference, by its name alone."""
    home = next(home for home, names in REFERENCE["modules"].items() if name in names)
    return getattr(importlib.import_module(home), name)


def made(name: str) -> Any:
    """An object of a class."""
    arguments = ARGUMENTS.get(name, {})
    if name == "BaseAddAuthSpec":
        arguments = {"app": named("MainApp")()}
    return named(name)(**arguments)


@pytest.mark.parametrize("module", REFERENCE["modules"])
def test_each_module_has_its_names(module):
    """Those that it takes from elsewhere too: scripts import them from there."""
    found = importlib.import_module(module)
    assert [name for name in REFERENCE["modules"][module] if not hasattr(found, name)] == []
    for name in REFERENCE["modules"][module]:
        assert getattr(found, name) is named(name), name


def test_a_star_import_brings_them_too():
    """As old scripts write it."""
    for module in ("dripline.core", "dripline.implementations", "scarab"):
        names: dict[str, Any] = {}
        exec(f"from {module} import *", names)
        assert [name for name in REFERENCE["modules"][module] if name not in names] == []


def test_nothing_differs_but_what_is_listed():
    """Bases, constructors, members and parameters; the list holds nothing that is not needed."""
    differences = {key: text for name in REFERENCE["classes"] for key, text in differences_of(name)}
    for name, overloads in REFERENCE["functions"].items():
        for text in refused(named(name), overloads):
            differences[f"{name}()"] = text
    unexpected = {key: text for key, text in differences.items() if key not in EXCEPTIONS}
    assert unexpected == {}
    assert [key for key in EXCEPTIONS if key not in differences] == []


def differences_of(name: str) -> Iterator[tuple[str, str]]:
    """What a class lacks."""
    ours, expected = named(name), REFERENCE["classes"][name]
    for base in expected["bases"]:
        if not issubclass(ours, getattr(builtins, base, None) or named(base)):
            yield f"{name}({base})", "is not a subclass of it"
    for text in refused(ours.__init__, expected["init"], bound=True):
        yield f"{name}.__init__()", text
    instance = made(name)
    for member, overloads in expected["members"].items():
        declared = inspect.getattr_static(ours, member, None)
        if declared is None and not hasattr(instance, member):
            yield f"{name}.{member}", "does not exist"
        elif overloads is not None and not isinstance(declared, type):
            for text in refused(getattr(instance, member), overloads):
                yield f"{name}.{member}()", text


def refused(function: Callable[..., Any], overloads: list[list[str]], *, bound: bool = False) -> list[str]:
    """Which lists of parameters a function does not take, by place and by name."""
    parameters = list(inspect.signature(function, follow_wrapped=False).parameters.values())[bound:]
    return [
        f"{expected} is not taken: {[str(parameter) for parameter in parameters]}"
        for expected in overloads
        if not takes(parameters, expected, overloaded=len(overloads) > 1)
    ]


def takes(parameters: list[inspect.Parameter], expected: list[str], *, overloaded: bool) -> bool:
    """Whether a call with these arguments, in this order or by these names, is possible."""
    kinds = {parameter.kind for parameter in parameters}
    by_place = [each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    by_name = {each.name for each in parameters if each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)}
    if any(word.startswith("**") for word in expected) and inspect.Parameter.VAR_KEYWORD not in kinds:
        return False
    if "*args" in expected and inspect.Parameter.VAR_POSITIONAL not in kinds:
        return False
    given = [word for word in expected if not word.startswith("*")]
    for place, word in enumerate(given):
        name = word.rstrip("=")
        if place >= len(by_place):
            return inspect.Parameter.VAR_POSITIONAL in kinds and inspect.Parameter.VAR_KEYWORD in kinds
        if name != "?" and name not in by_name:
            return False
        # One list of ours may stand for several overloads, in which a place has several names.
        if name not in ("?", by_place[place].name) and not overloaded:
            return False
        if word.endswith("=") and by_place[place].default is inspect.Parameter.empty:
            return False
    if "**kwargs" in expected:
        return True  # what its bases need comes with them
    further = [each for each in parameters if each.name not in {word.rstrip("=") for word in given}]
    return all(
        each.default is not each.empty or each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        for each in further
        if each not in by_place[: len(given)]
    )
