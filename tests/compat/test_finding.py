"""Classes are found however their package was installed, and a broken package beside them disturbs nobody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compat.installing import KINDS, Environment
from compat.laboratory import Client, Laboratory
from dripline.core import Interface

LOOKING = Path(__file__).with_name("looking.py")
FEW_CLASSES = {
    "Thermometer": "dripline.extensions.cryostat.thermometer",
    "HeaterCurrent": "dripline.extensions.cryostat.thermometer",
    "cryostat.Cryostat": "dripline.extensions.cryostat.cryostat_service",
    "Furnace": "dripline.extensions.furnace.furnace",
    "dripline.extensions.furnace.FurnaceService": "dripline.extensions.furnace.furnace",
    "TurboPump": "lab_pumps.turbo",
    "VacuumPump": "lab_pumps.turbo",
    "GateValve": "lab_valves.gate",
    "valves.GateValve": "lab_valves.gate",
    "Relay": "dripline.extensions.relay",
    "Follower": "dripline.extensions.relay",
    "KeyValueStore": "dripline.implementations.key_value_store",
}
ALL_CLASSES = {
    **FEW_CLASSES,
    "Messenger": "dripline.extensions.messenger.messenger",
    "Switchboard": "dripline.extensions.switchboard.switchboard",
    "Line": "dripline.extensions.switchboard.switchboard",
    "Supply": "dripline.extensions.supplies",
    "Setpoint": "dripline.extensions.supplies",
    "ControlLoop": "dripline.extensions.control.loop",
    "Ticker": "dripline.extensions.control.ticker",
}
# A class of each broken package, and what is wrong with it.
BROKEN = {
    "NeedsALibrary": "No module named 'a_library_that_nobody_has'",
    "HalfWritten": "SyntaxError",
    "ThereIsNone": "ThereIsNone",
    "EndsTheProgram": "no licence found",
}
PACKAGE_OF = dict(
    zip(BROKEN, ("broken_import", "broken_syntax", "broken_all", "broken_exit"), strict=True),
)


@pytest.fixture(scope="session", params=KINDS)
def installed(request, environments) -> Environment:
    """An environment of each kind."""
    return environments(request.param)


@pytest.fixture(scope="session")
def found(installed) -> dict:
    """What one process finds when it looks for the good classes and the broken ones."""
    done = installed.run(str(LOOKING), *_expected(installed), *BROKEN)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _expected(installed: Environment) -> dict[str, str]:
    return ALL_CLASSES if installed.folder.name in ("plain", "editable") else FEW_CLASSES


def test_every_class_is_found(found, installed):
    """By its name alone, with its package, or with its module."""
    classes = {name: seen.get("module", seen) for name, seen in found["classes"].items() if name not in BROKEN}
    assert classes == _expected(installed)


def test_classes_come_from_where_the_package_is_installed(found, installed, request):
    """An editable install leads to its source, the others to a copy."""
    file = Path(found["classes"]["Thermometer"]["file"])
    assert ("site-packages" in file.parts) == ("plain" in request.node.callspec.id)
    assert file.is_relative_to(installed.folder)


def test_importing_dripline_imports_no_extension(found):
    """Each is imported when it is wanted."""
    assert found["imported"] == []


def test_an_extension_is_an_attribute_of_the_namespace(found):
    """`dripline.extensions.cryostat` without importing it first."""
    assert found["attribute"] == "2.3.1"


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_package_is_told_with_its_reason(found, name):
    """To whoever asks for a class of it."""
    refused = found["classes"][name].get("refused", "")
    assert PACKAGE_OF[name] in refused
    assert BROKEN[name] in refused


@pytest.fixture(scope="session")
def listed(installed) -> dict[str, dict]:
    """What `dl extensions --json` says, by extension."""
    done = installed.run("-m", "dripline.cli.dl", "extensions", "--json")
    assert done.returncode == 0, done.stderr
    return {extension["name"]: extension for extension in json.loads(done.stdout)["extensions"]}


def test_dl_extensions_lists_the_good_ones(listed):
    """With distribution, version and classes."""
    cryostat = listed["cryostat"]
    assert (cryostat["distribution"], cryostat["version"], cryostat["state"]) == ("lab-cryostat", "2.3.1", "ok")
    docs = {one["name"]: one["doc"] for one in cryostat["classes"]}
    assert docs.keys() == {"Cryostat", "HeaterCurrent", "Thermometer"}
    assert docs["Thermometer"] == "A resistor whose resistance falls as it warms."
    troubled = {name for name, one in listed.items() if one["state"] != "ok" or one["notes"]}
    assert troubled == set(PACKAGE_OF.values())


@pytest.mark.parametrize("name", BROKEN)
def test_dl_extensions_tells_the_broken_ones_with_their_reason(listed, name):
    """And from which distribution they are; of the one that lacks a class, the other class can be used."""
    broken = listed[PACKAGE_OF[name]]
    assert broken["distribution"] == "lab-broken"
    assert broken["state"] == ("ok" if name == "ThereIsNone" else "broken")
    assert BROKEN[name] in " ".join([broken["reason"] or "", *broken["notes"]])


@pytest.fixture(scope="session")
def several(installed, embedded, tmp_path_factory) -> Client:
    """A service with endpoints of several packages."""
    laboratory = Laboratory(installed, embedded, tmp_path_factory.mktemp("several") / "home")
    laboratory.running["several"] = laboratory.start("several.yaml")
    try:
        laboratory.wait_for("several")
        with Interface(dripline_mesh=laboratory.mesh) as client:
            yield Client(client, laboratory)
    finally:
        laboratory.close()


def test_one_service_uses_classes_of_several_packages(several):
    """Beside broken ones, of which it says nothing it need not say."""
    assert several.get("a_thermometer") == {"value_raw": 100, "value_cal": 290.0}
    assert several.get("a_follower")["value_raw"] == 2
    assert several.get("a_pump")["value_raw"] == 3
    assert several.get("a_valve")["value_raw"] == 4
    told = several.laboratory.running["several"].stderr
    assert not [name for name in PACKAGE_OF.values() if name in told]
