"""Importing extensions."""

from __future__ import annotations

import pytest

from dripline.discovery.index import Extension, build_index
from dripline.discovery.loader import ExtensionLoader
from dripline.wire.sender import sender_info


@pytest.fixture
def loader(extensions) -> ExtensionLoader:
    """One that has not imported anything yet."""
    return ExtensionLoader({})


def test_an_extension_is_imported_once(extensions, loader):
    """Also one that fails; that is told once."""
    extensions(
        {"lab_count.py": "import builtins\nbuiltins.lab_count = getattr(builtins, 'lab_count', 0) + 1\n1/0\n"}
    )
    import builtins

    extension = Extension("count", "lab_count")
    assert loader.load(extension) is loader.load(extension) is None
    assert builtins.lab_count == 1
    del builtins.lab_count


def test_a_second_entry_point_of_a_package_that_fails_has_its_reason(extensions):
    """Each is listed with it."""
    extensions({"lab_bad.py": "raise ValueError('no')\n"})
    failures: dict[Extension, str] = {}
    loader = ExtensionLoader(failures)
    pump, valve = (Extension(name, "lab_bad", attribute=name) for name in ("Pump", "Valve"))
    assert loader.take(pump, "Pump") is loader.take(valve, "Valve") is None
    assert failures[pump] == failures[valve] == "ValueError: no"
    assert loader.traces[pump].startswith("Traceback")


def test_an_entry_point_has_its_class_under_both_names_and_nothing_else(extensions, loader):
    """Its own, and the class's; the class may stand in another."""
    extensions({"lab_deep.py": "class Outer:\n    class Inner: pass\nclass Other: pass\n"})
    extension = Extension("Deep", "lab_deep", attribute="Outer.Inner")
    assert loader.take(extension, "Deep").__qualname__ == "Outer.Inner"
    assert loader.take(extension, "Inner").__qualname__ == "Outer.Inner"
    assert loader.take(extension, "Other") is None


def test_a_version_that_is_none_is_a_fault_and_not_sent(extensions, caplog):
    """Peers would drop every message; the distribution's is sent instead."""
    extensions(
        {
            "lab_odd.py": "version = ('1', 2)\n",
            "odd-6.7.dist-info/METADATA": "Metadata-Version: 2.1\nName: odd\nVersion: 6.7\n",
            "odd-6.7.dist-info/entry_points.txt": "[dripline.extensions]\nodd = lab_odd\n",
        }
    )
    index = build_index()
    (extension,) = index.named("odd")
    loader = ExtensionLoader(index.failures)
    loader.load(extension)
    assert caplog.messages == [
        "extension 'odd' from odd 6.7: version is ('1', 2), which is no version; "
        "make it a scarab.VersionSemantic, or text such as '1.2.3'"
    ]
    assert loader.faults[extension][0].startswith("version is")
    assert sender_info()["versions"]["dripline.extensions.odd"] == {"version": "6.7"}
