"""Which extensions are installed, known without importing any."""

from __future__ import annotations

import sys
import types

import pytest

from dripline.discovery.index import build_index, source_file

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
NEVER = "raise RuntimeError('imported')\n"


def _distribution(name: str, version: str, entry_points: str) -> dict[str, str]:
    folder = f"{name}-{version}.dist-info"
    return {
        f"{folder}/METADATA": METADATA.format(name=name, version=version),
        f"{folder}/entry_points.txt": f"[dripline.extensions]\n{entry_points}\n",
    }


def _named(index, name: str):
    (found,) = index.named(name)
    return found


def test_packages_and_modules_of_the_namespace_are_found_and_not_run(extensions):
    """A folder with `__init__.py`, a folder without, a single file."""
    extensions(
        {
            "dripline/extensions/package/__init__.py": "class A: pass\n" + NEVER,
            "dripline/extensions/module.py": "class B: pass\n" + NEVER,
            "dripline/extensions/bare/part.py": NEVER,
            "dripline/extensions/no-name.py": NEVER,
            "dripline/extensions/__pycache__/x.py": NEVER,
            "dripline/extensions/notes.txt": "",
        }
    )
    index = build_index()
    names = {extension.name for extension in index.extensions}
    assert {"package", "module", "bare"} <= names
    assert not {"no-name", "notes", "__pycache__"} & names
    assert index.exporting("A") == [_named(index, "package")]
    assert index.exporting("B") == [_named(index, "module")]
    assert _named(index, "bare") in index.perhaps_exporting("Anything")
    assert not [name for name in sys.modules if name.startswith("dripline.extensions.")]


def test_an_init_file_in_the_namespace_is_not_run_and_hides_nothing(extensions, tmp_path, monkeypatch):
    """Packages bring and remove `dripline/extensions/__init__.py`; one may be broken, or lack `extend_path`."""
    extensions({"dripline/extensions/__init__.py": NEVER, "dripline/extensions/one.py": "class One: pass\n"})
    extensions({"dripline/extensions/two.py": "class Two: pass\n"}, root="elsewhere")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    index = build_index()
    assert index.exporting("One")
    assert index.exporting("Two")


def test_a_package_that_brings_a_dripline_of_its_own_is_found(extensions):
    """`dripline/__init__.py` in another folder of the import path."""
    extensions({"dripline/__init__.py": NEVER, "dripline/extensions/three.py": "class Three: pass\n"})
    assert build_index().exporting("Three")


def test_entry_points_tell_distribution_and_version(extensions):
    """A package anywhere, and a single class."""
    extensions(
        {
            "lab_devices/__init__.py": "class Muxer: pass\n" + NEVER,
            "lab_devices/deep/__init__.py": "class Deep: pass\n" + NEVER,
            **_distribution(
                "lab-devices",
                "1.2",
                "lab = lab_devices\ndeep = lab_devices.deep\nPump = lab_devices.pumps:VacuumPump",
            ),
        }
    )
    index = build_index()
    muxer = index.exporting("Muxer")[0]
    assert (muxer.module, muxer.distribution, muxer.version) == ("lab_devices", "lab-devices", "1.2")
    assert str(muxer) == "'lab' from lab-devices 1.2"
    assert index.exporting("Deep") == [_named(index, "deep")]
    assert index.exporting("Pump") == index.exporting("VacuumPump") == [_named(index, "Pump")]
    assert "lab_devices" not in sys.modules


def test_an_extension_found_both_ways_is_one(extensions):
    """The namespace knows its place, the entry point where it comes from."""
    extensions(
        {
            "dripline/extensions/jitter/__init__.py": "class JitterEntity: pass\n",
            **_distribution("jitter", "3.0", "jitter = dripline.extensions.jitter"),
        }
    )
    (extension,) = build_index().exporting("JitterEntity")
    assert (extension.name, extension.distribution, extension.version) == ("jitter", "jitter", "3.0")


def test_packages_in_development_mode_are_found(extensions, tmp_path, monkeypatch):
    """A finder of setuptools serves them, with a table of packages and folders."""
    source = extensions(
        {
            "a/__init__.py": "class InPackage: pass\n",
            "b.py": "class InModule: pass\n",
            "tree/dripline/extensions/c.py": "class InTree: pass\n",
            "space/d.py": "class InSpace: pass\n",
        },
        root="source",
    )
    module = types.ModuleType("__editable___test_finder")
    module.MAPPING = {
        "dripline.extensions.a": str(source / "a"),
        "dripline.extensions.b": str(source / "b.py"),
        "dripline": str(source / "tree/dripline"),
        "dripline.extensions": str(source / "space"),
        "unrelated": str(source / "x"),
    }
    module.Finder = type("Finder", (), {"__module__": module.__name__})
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, module.Finder])
    index = build_index()
    for name in ("InPackage", "InModule", "InTree", "InSpace"):
        assert index.exporting(name), name


def test_a_file_that_is_no_python_is_recorded_with_its_reason(extensions):
    """And the others are found all the same."""
    extensions(
        {
            "dripline/extensions/broken/__init__.py": "\nclass A(: pass\n",
            "dripline/extensions/fine.py": "class Fine: pass\n",
        }
    )
    index = build_index()
    assert list(index.failures.values()) == ["SyntaxError: invalid syntax (broken/__init__.py:2)"]
    assert next(iter(index.failures)).name == "broken"
    assert index.exporting("Fine")


@pytest.mark.parametrize("module", ["no_such_package", "json.no_such_part", "sys"])
def test_what_has_no_source_has_none(module):
    """Built-in and missing modules."""
    assert source_file(module) == ""


def test_the_source_of_a_module_is_found_without_importing_it(extensions):
    """Nor the packages around it."""
    root = extensions({"lab_outer/__init__.py": NEVER, "lab_outer/inner/__init__.py": NEVER})
    assert source_file("lab_outer.inner") == str(root / "lab_outer/inner/__init__.py")


@pytest.mark.parametrize("text", ["Pump = lab pumps:!", "Pump = ", "Pump"])
def test_an_entry_point_that_is_none_disturbs_no_other(extensions, text):
    """Whatever stands there."""
    extensions(
        {
            "lab_good.py": "class Good: pass\n",
            **_distribution("a-bad", "1", text),
            **_distribution("z-good", "1", "good = lab_good"),
        }
    )
    assert build_index().exporting("Good")


def test_the_namespace_itself_is_no_extension_that_could_be_announced(extensions):
    """It belongs to everybody; a class in its own file is found without that."""
    extensions(
        {
            "dripline/extensions/__init__.py": "class Direct: pass\n",
            **_distribution("lab", "1", "all = dripline.extensions\nDirect = dripline.extensions:Direct"),
        }
    )
    (extension,) = build_index().exporting("Direct")
    assert (extension.name, extension.entry_point, extension.is_init_file) == ("extensions", "", True)


@pytest.mark.parametrize("content", ["-" * 100_000 + "1", "(" * 5000, "x = '\udcff'", "\0", "# coding: none"])
def test_no_file_can_stop_the_others_from_being_found(extensions, content):
    """Too deep for Python's parser, no text, a coding that is none."""
    root = extensions({"dripline/extensions/fine.py": "class Fine: pass\n"})
    (root / "dripline/extensions/odd.py").write_bytes(content.encode(errors="surrogateescape"))
    index = build_index()
    assert index.exporting("Fine")
    assert [extension.name for extension in index.failures] == ["odd"]


def test_an_extension_is_called_by_its_name_module_and_entry_point(extensions):
    """And by its distribution, when somebody asks."""
    extensions(
        {
            "dripline/extensions/heat.py": "",
            **_distribution("Lab_Heat", "1", "heating = dripline.extensions.heat"),
        }
    )
    index = build_index()
    (extension,) = index.named("heat")
    for name in ("heating", "dripline.extensions.heat", "extensions.heat"):
        assert index.named(name) == [extension]
    assert extension.is_of_distribution("lab-heat")
    assert not extension.is_of_distribution("")
