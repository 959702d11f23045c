"""What is wrong with an extension that could be imported."""

from __future__ import annotations

import json
from types import ModuleType

import pytest

import scarab
from dripline.core import AlertConsumer, Endpoint, Entity, Interface, Service
from dripline.discovery.validation import check_kind, checked_class, describe_failure, exported, faults, kind_of
from dripline.errors import ConfigurationError
from dripline.implementations import KeyValueStore


def _module(**names) -> ModuleType:
    module = ModuleType("lab")
    vars(module).update(names)
    return module


def test_functions_constants_and_versions_may_stand_in_all():
    """Real packages have them there."""
    version = scarab.VersionSemantic(1, 2, 3)
    names = {"version": version, "limit": 5, "helper": len, "Pump": Entity, "Error": ValueError}
    assert faults(_module(__all__=list(names), **names)) == []


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (
            {"__all__": ["Gone"]},
            "__all__ names 'Gone', which is not there; define it, or take it out of __all__",
        ),
        ({"__all__": "Pump"}, "__all__ is 'Pump'; it must be a list of names, as in __all__ = ['Pump']"),
        ({"__all__": [Entity]}, f"__all__ holds {Entity!r}; it must hold names, that is text in quotes"),
        (
            {"version": "not a version"},
            "version is 'not a version', which is no version; "
            "make it a scarab.VersionSemantic, or text such as '1.2.3'",
        ),
        (
            {"version": (1, 2)},
            "version is (1, 2), which is no version; make it a scarab.VersionSemantic, or text such as '1.2.3'",
        ),
    ],
)
def test_each_fault_is_told_with_what_to_change(names, told):
    """In one line."""
    assert faults(_module(**names)) == [told]


def test_a_function_or_part_called_version_is_a_fault_only_where_it_is_exported():
    """`from importlib.metadata import version` is no statement about the package."""
    from importlib.metadata import version

    assert faults(_module(version=version)) == []
    assert faults(_module(version=json)) == []
    assert len(faults(_module(version=version, __all__=["version"]))) == 1


@pytest.mark.parametrize("version", ["1.2.3", "v1.0", "2024.1rc1", scarab.VersionSemantic(), "unknown"])
def test_versions_may_be_written_in_many_ways(version):
    """As `scarab` reads them."""
    assert faults(_module(version=version)) == []


def test_what_a_module_offers_are_the_names_of_all_or_its_own_classes():
    """Not what it imports."""
    own = type("Own", (), {"__module__": "lab"})
    part = type("Part", (), {"__module__": "lab.part"})
    module = _module(Own=own, Part=part, Entity=Entity, _Hidden=own, limit=5)
    assert exported(module) == ["Own", "Part"]
    module.__all__ = ["limit", "Own", "Own", "Gone"]
    assert exported(module) == ["limit", "Own"]


def test_kinds_are_what_a_configuration_can_make():
    """Services, endpoints, and nothing else."""
    assert [kind_of(cls) for cls in (Service, AlertConsumer)] == ["service", "service"]
    assert [kind_of(cls) for cls in (Endpoint, Entity, KeyValueStore)] == ["endpoint"] * 3
    assert (kind_of(Interface), kind_of(dict)) == ("client", "")


def test_what_is_no_class_is_refused():
    """With its owner, who can change it."""
    assert checked_class(Entity, "Entity") is Entity
    with pytest.raises(ConfigurationError, match=r"^'f' is no class but <built-in function len>$"):
        checked_class(len, "f")
    with pytest.raises(ConfigurationError, match=r"; extension 'lab' must give that name to a class$"):
        checked_class(5, "f", "extension 'lab'")


def test_a_class_of_another_kind_is_refused():
    """It could not be added, or could not run."""
    check_kind(KeyValueStore, "endpoint")
    check_kind(Service, "endpoint")  # a service is an endpoint too
    check_kind(AlertConsumer, "service")
    check_kind(dict, "whatever")
    with pytest.raises(ConfigurationError, match=r"^class 'Interface' is no Endpoint or Entity$"):
        check_kind(Interface, "endpoint")
    with pytest.raises(ConfigurationError) as caught:
        check_kind(KeyValueStore, "service", "extension 'lab' from lab 1.0")
    assert str(caught.value) == (
        "class 'KeyValueStore' of extension 'lab' from lab 1.0 is no service, it cannot run; "
        "derive it from dripline.core.Service"
    )


def _caught(action) -> Exception:
    try:
        action()
    except Exception as error:  # noqa: BLE001  # any failure is what the test wants
        return error
    raise AssertionError("it did not fail")


def test_kind_text_and_place_are_told():
    """The place is the last one in the author's folder, not deep in a library."""
    error = _caught(lambda: json.loads("{"))
    text = describe_failure(error, beside=__file__)
    assert text.startswith("JSONDecodeError: Expecting property name enclosed in double quotes: line 1")
    assert "(discovery/test_validation.py:" in text


def test_without_a_folder_no_place_is_told():
    """And without a text only the kind."""
    assert describe_failure(_caught(lambda: {}["port"])) == "KeyError: 'port'"
    assert describe_failure(ValueError()) == "ValueError"


def test_line_breaks_do_not_survive():
    """A message is one line."""
    assert describe_failure(ValueError("a\n  b")) == "ValueError: a b"


def test_a_syntax_error_tells_the_place_in_the_text():
    """Nothing of it ran, so there is no trace of calls."""
    error = _caught(lambda: compile("class A(: pass", "/lab/pumps/turbo.py", "exec"))
    assert describe_failure(error) == "SyntaxError: invalid syntax (pumps/turbo.py:1)"
