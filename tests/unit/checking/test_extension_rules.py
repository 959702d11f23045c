"""Disabled extensions and required versions."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dripline.checking.extension_rules import apply_rules, lacking
from dripline.config.diagnostics import error, warning
from dripline.core import ObjectCreator
from dripline.discovery.disabled import is_rules
from dripline.errors import ConfigurationError

RECORD = "dripline/extensions/pumps.py,,\n"


@pytest.fixture
def lab(extensions, finder):
    """A finder where `pumps` is installed, of the distribution `Lab_Pumps` 1.2."""
    extensions(
        {
            "dripline/extensions/pumps.py": "from dripline.core import Entity\nclass Pump(Entity): pass\n",
            "Lab_Pumps-1.2.dist-info/METADATA": "Metadata-Version: 2.1\nName: Lab_Pumps\nVersion: 1.2\n",
            "Lab_Pumps-1.2.dist-info/RECORD": RECORD,
        }
    )
    return finder


@pytest.mark.parametrize("names", [["pumps"], "pumps", ["dripline.extensions.pumps"], ["lab-pumps"], ["*"]])
def test_a_configuration_disables_by_name_module_or_distribution(lab, names):
    """Or everything; until the next configuration says something else."""
    assert apply_rules({"extensions": {"disable": names}}, lab) == []
    with pytest.raises(ConfigurationError) as caught:
        lab.find("Pump")
    assert str(caught.value) == (
        "class 'Pump' is in extension 'pumps' from Lab_Pumps 1.2, "
        "which is disabled by 'extensions: disable' of the configuration"
    )
    assert lab.find("Entity")
    apply_rules({}, lab)
    assert lab.find("Pump")


def test_the_environment_holds_beside_a_configuration(lab, monkeypatch):
    """It is for a whole computer."""
    monkeypatch.setenv("DRIPLINE_DISABLE_EXTENSIONS", "pumps")
    apply_rules({"extensions": {"disable": []}}, lab)
    with pytest.raises(ConfigurationError, match="disabled by DRIPLINE_DISABLE_EXTENSIONS"):
        lab.find("Pump")


def test_a_name_that_means_nothing_is_a_warning(lab):
    """With the nearest."""
    assert apply_rules({"extensions": {"disable": ["pums"]}}, lab) == [
        warning("no extension 'pums' is installed; did you mean 'pumps'?", "extensions", "disable", 0)
    ]


@pytest.mark.parametrize(
    ("requires", "told"),
    [
        ({"lab-pumps": ">=1.2,<2"}, None),
        ({"LAB.pumps": "*"}, None),
        ({"Lab_Pumps": None}, None),
        (["lab-pumps>=1", "dripline"], None),
        ({"pumps": ">=1"}, None),
        (["pumps>=3"], "Lab_Pumps>=3 is required, 1.2 is installed; pip install 'Lab_Pumps>=3'"),
        (None, None),
        (
            {"lab-pumps": ">=2"},
            "lab-pumps>=2 is required, 1.2 is installed; pip install 'lab-pumps>=2'",
        ),
        (
            ["lab-heat ==1.*"],
            "lab-heat==1.* is required and not installed; pip install 'lab-heat==1.*'",
        ),
        ({"lab-pumps": 1.2}, "1.2 is no range of versions; write '>=1.2' or '==1.2'"),
        (["lab pumps"], "'lab pumps' is no requirement; write it as 'lab-heating>=1.2'"),
        ([5], "5 is no requirement; write it as 'lab-heating>=1.2'"),
        ("lab", "'requires' must be a mapping such as {lab-heating: '>=1.2'}, not 'lab'"),
    ],
)
def test_what_is_required_is_compared_with_what_is_installed(lab, requires, told):
    """One line each, with the command that helps."""
    assert apply_rules({"extensions": {"requires": requires}}, lab).errors == ([told] if told else [])


@pytest.mark.parametrize(
    ("rules", "path", "told"),
    [
        ([], ("extensions",), "must be a mapping with 'disable' and 'requires', not []"),
        ({"disabled": []}, ("extensions", "disabled"), "unknown key 'disabled'; did you mean 'disable'?"),
        ({"disable": 5}, ("extensions", "disable"), "'disable' must be a list of names, not 5"),
        ({"disable": [5]}, ("extensions", "disable"), "'disable' must be a list of names, not [5]"),
    ],
)
def test_rules_that_are_none_are_told_with_their_place(lab, rules, path, told):
    """The caller knows the line."""
    assert apply_rules({"extensions": rules}, lab) == [error(told, *path)]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([">=1", "*", ""]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


@settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rules=JSON | st.fixed_dictionaries({}, optional={"disable": JSON, "requires": JSON}))
def test_whatever_stands_in_a_file_is_told_and_never_raised(finder, rules):
    """Each line is one line."""
    for one in apply_rules({"extensions": rules}, finder):
        assert one.place.path[0] == "extensions"
        assert one.text
        assert len(one.text.splitlines()) == 1


def test_a_prerelease_counts(lab):
    """Who installed it wants it."""
    assert lacking("Lab_Pumps", ">=1.0rc1") == ""


@pytest.mark.parametrize("name", ["", "lab pumps", "-e", "../lab", "lab;rm"])
def test_what_is_no_name_is_never_offered_to_pip(name):
    """Somebody might paste it."""
    assert lacking(name, "") == f"{name!r} is no name of a distribution"


def test_a_service_is_made_without_the_rules(lab):
    """They are no argument of its class."""
    assert not is_rules({"port": 5})
    for rules in ({"disable": ["pumps"]}, None, {}):
        assert is_rules(rules)
        configuration = {"name": "s", "make_connection": False, "extensions": rules}
        assert ObjectCreator().create_object(configuration, "Service").name == "s"


def test_a_class_that_has_an_argument_of_that_name_gets_it(extensions, lab):
    """A laboratory may mean something else."""
    extensions(
        {
            "dripline/extensions/files.py": "from dripline.core import Service\nclass Files(Service):\n"
            "    def __init__(self, extensions, **kwargs):\n        self.extensions = extensions\n"
            "        Service.__init__(self, **kwargs)\n"
        }
    )
    configuration = {"name": "s", "module": "Files", "make_connection": False, "extensions": ["txt"]}
    assert ObjectCreator().create_object(configuration, "Service").extensions == ["txt"]
