"""Whole files, and several of them."""

from __future__ import annotations

import json
from collections import Counter

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dripline import implementations
from dripline.checking import arguments_of, check_files
from dripline.discovery.class_finder import class_finder


def test_each_file_that_is_no_yaml_is_told(write):
    """One mistake hides what follows it in a file, but not the other files."""
    files = [write("name: [\n", "a.yaml"), write("name: s\nfoo: 1\n", "b.yaml"), write("{", "c.json")]
    errors = check_files([*files, "nowhere.yaml"]).errors
    assert [error.split(": ")[0] for error in errors] == ["a.yaml:1:8", "b.yaml:2:1", "c.json:1:2", "nowhere.yaml"]


def test_keys_that_stand_twice_are_all_told(check_text):
    """With everything else; the first one counts."""
    errors = check_text("name: s\nname: t\nendpoints:\n  - name: a\n    name: b\n    zzz: 1\n").errors
    assert [error.split(": ")[0] for error in errors] == [
        "service.yaml:2:1",
        "service.yaml:5:5",
        "service.yaml:6:5",
    ]


def test_json_is_checked_with_places_too(write):
    """Line and column of each."""
    text = json.dumps({"name": "s", "foo": 1, "endpoints": [{"name": "x", "bar": 2}]}, indent=1)
    errors = check_files([write(text, "s.json")]).errors
    assert [error.split(": ")[0] for error in errors] == ["s.json:3:2", "s.json:7:4"]


def test_version_4_files_are_read_with_warnings(check_text):
    """What has moved is told at its place, in every block."""
    findings = check_text(
        "dripline:\n  broker: lab\n  auth-file: x\nruntime-config:\n  name: s\n  auth_file: y\n"
        "  broker_port: many\n  heartbeat-interval-s: 5\n  endpoints: [{name: x, module: KeyValueStore}]\n"
    )
    assert [line.split(": ")[0] for line in findings.warnings] == [f"service.yaml:{place}" for place in (
        "1:1", "3:3", "4:1", "6:3", "8:3",
    )]  # fmt: skip
    assert findings.errors == ["service.yaml:7:3: dripline_mesh: broker_port must be a whole number, not 'many'"]


def test_settings_of_the_users_mesh_file_are_told_once(write, home):
    """They hold for each file."""
    (home / ".dripline_mesh.yaml").write_text("brokr: lab\n")
    errors = check_files([write("name: a\n", "a.yaml"), write("name: b\n", "b.yaml")]).errors
    assert len(errors) == 1
    assert ".dripline_mesh.yaml:1:1: dripline_mesh: unknown setting 'brokr'" in errors[0]


def test_names_that_several_files_claim_are_told(write):
    """A service twice, an endpoint in two services, an endpoint with another service's name."""
    files = [
        write("name: a\nendpoints: [{name: x}]\n", "a.yaml"),
        write("name: a\nendpoints: [{name: y}, {name: x}]\n", "b.yaml"),
        write("name: c\nendpoints: [{name: a}]\n", "c.yaml"),
    ]
    assert check_files(files).errors == [
        "b.yaml:1:1: service 'a': the name is also at a.yaml:1:1; rename one of them",
        "b.yaml:2:25: endpoint 'x': the name is also at a.yaml:2:14; rename one of them",
        "c.yaml:2:14: endpoint 'a': the name is also at a.yaml:1:1; rename one of them",
    ]


def test_services_of_different_meshes_may_have_the_same_names(write):
    """They never meet. A file that is given twice is one."""
    files = [write(f"name: a\ndripline_mesh: {{broker: {b}}}\n", f"{b}.yaml") for b in ("one", "two")]
    assert check_files([*files, files[0]]).errors == []


def test_a_variable_that_is_not_set_makes_no_other_mistakes(check_text):
    """Nobody knows what it will hold."""
    errors = check_text("name: ENV{NO_1}\nmodule: ENV{NO_2}\nendpoints:\n  - {name: 'ENV{NO_3}'}\n").errors
    assert [error.split(": ")[0] for error in errors] == [
        "service.yaml:1:1",
        "service.yaml:2:1",
        "service.yaml:4:6",
    ]


_KEYS = st.sampled_from(
    ["name", "module", "module_path", "endpoints", "dripline_mesh", "broker", "username", "extensions", "disable",
     "requires", "calibration", "log_interval", "log_on_set", "runtime-config", "dripline", "return_codes",
     "initial_value", "alarm_limits"]
) | st.text(max_size=5)  # fmt: skip
_WORDS = st.sampled_from(
    ["Service", "KeyValueStore", "Entity", "AlertConsumer", "2*{}", "ENV{HOME}", "ENV{NO}", "a.b"]
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | _WORDS | st.text(max_size=8)
_TREES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=6), max_leaves=25
)
_ENDPOINTS = st.lists(st.dictionaries(_KEYS, _TREES, max_size=6), max_size=4)
_SERVICES = st.builds(
    lambda tree, endpoints: {**tree, "endpoints": endpoints},
    st.dictionaries(_KEYS, _TREES, max_size=6),
    _ENDPOINTS | _TREES,
)
_quick = settings(
    max_examples=80,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_quick
@given(_SERVICES | _TREES)
def test_whatever_stands_in_a_file_is_checked(check_text, tree):
    """No tree makes the check fail, and nothing is told twice."""
    findings = check_text(yaml.safe_dump(tree, allow_unicode=True))
    lines = findings.errors + findings.warnings
    assert all("\n" not in line for line in lines), lines
    assert max(Counter(lines).values(), default=1) == 1


_CLASSES = [*(name for name in implementations.__all__ if name[0].isupper()), "Service", "AlertConsumer"]
_ODD = st.sampled_from(
    ["", "\x1b[31m", "\u2028", "\x85", "a\nb", "{", "{0.x}", "{:9999999}", "2*{}", "(?P<value_raw>", "host:1", "sqlite:///x",
     "postgresql://u:p@h:x/d", "1e400", ".nan", "é" * 200, "ENV{HOME}"]
)  # fmt: skip
_VALUES = st.recursive(
    _SCALARS | _ODD,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["warning", "high", "minutes", "in_memory", "drop", "1"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)


def _of_class(name: str) -> st.SearchStrategy[dict[str, object]]:
    keys = [argument.name for argument in arguments_of(class_finder().find(name))]
    return st.dictionaries(st.sampled_from(keys), _VALUES, max_size=6).map(lambda found: {**found, "module": name})


@_quick
@given(
    st.sampled_from(_CLASSES).flatmap(_of_class),
    st.lists(st.sampled_from(_CLASSES).flatmap(_of_class), max_size=3),
)
def test_whatever_values_the_arguments_of_our_classes_have_are_checked(check_text, service, endpoints):
    """Each mistake is one line that a terminal can show."""
    findings = check_text(yaml.safe_dump({**service, "endpoints": endpoints}))
    assert all(line.isprintable() for line in findings.errors + findings.warnings)


@_quick
@given(st.text(alphabet=st.sampled_from("ab:-{}[]'\"#&*!|>?,% \n\t"), max_size=60) | st.text(max_size=40))
def test_whatever_text_is_in_a_file_is_checked(check_text, text):
    """Also what is no YAML at all."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert isinstance(check_text(text).errors, list)
