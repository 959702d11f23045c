"""The package `dripline.extensions`."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import dripline


def test_it_can_be_imported_where_no_extension_is_installed():
    """In a fresh interpreter, and as an attribute too."""
    code = "import dripline; print(list(dripline.extensions.__path__)); import dripline.extensions"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_each_extension_is_reachable_by_its_name(extensions):
    """As a module to import, and as an attribute."""
    extensions({"dripline/extensions/thing/__init__.py": "ANSWER = 42\n"})
    assert dripline.extensions.thing.ANSWER == 42
    assert importlib.import_module("dripline.extensions.thing") is dripline.extensions.thing


def test_classes_of_extensions_are_reachable_too(extensions):
    """Old packages made `dripline.extensions` export what its parts export."""
    extensions({"dripline/extensions/thing.py": "class Pump: pass\n"})
    from dripline.extensions import Pump

    assert Pump.__module__ == "dripline.extensions.thing"


def test_a_name_that_nobody_has_is_an_attribute_error(extensions):
    """So `hasattr` works."""
    with pytest.raises(AttributeError, match="no extension of that name is installed"):
        _ = dripline.extensions.nothing_there
    assert not hasattr(dripline.extensions, "__wrapped__")


def test_an_extension_that_lacks_something_says_what(extensions):
    """The missing module is not taken for the extension."""
    extensions({"dripline/extensions/needy.py": "import no_such_library\n"})
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        _ = dripline.extensions.needy


def test_folders_that_join_the_import_path_later_are_seen(extensions, tmp_path, monkeypatch):
    """A notebook may do `sys.path.append`."""
    from dripline.discovery import namespace_package

    assert dripline.extensions.__path__ is not None
    extensions({"dripline/extensions/late.py": "ANSWER = 1\n"}, root="later")
    monkeypatch.syspath_prepend(str(tmp_path / "later"))
    namespace_package.refresh()
    assert dripline.extensions.late.ANSWER == 1


def test_pkg_resources_can_be_imported_by_an_extension(extensions):
    """Packages do so without asking, and current setuptools has none."""
    extensions(
        {
            "dripline/extensions/old.py": "import pkg_resources\n"
            "VERSION = pkg_resources.get_distribution('pika').version\n"
        }
    )
    assert dripline.extensions.old.VERSION


def test_names_of_extensions_are_offered_for_completion(extensions):
    """Without importing any."""
    extensions({"dripline/extensions/thing.py": "raise RuntimeError\n"})
    assert "thing" in dir(dripline.extensions)


def test_each_development_installation_is_seen(extensions, tmp_path, monkeypatch):
    """Several may each have a `dripline` or `dripline.extensions` of their own."""
    import types

    for label in ("one", "two", "three"):
        extensions({f"dripline/extensions/{label}.py": ""}, root=label)
        module = types.ModuleType(f"__editable___{label}_finder")
        folder = tmp_path / label / "dripline"
        module.MAPPING = {} if label == "three" else {"dripline": str(folder)}
        module.NAMESPACES = {"dripline.extensions": [str(folder / "extensions")]} if label == "three" else {}
        module.Finder = type("Finder", (), {"__module__": module.__name__})
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, module.Finder])
    assert {"one", "two", "three"} <= set(dir(dripline.extensions))


def test_what_a_removed_package_leaves_behind_is_no_extension(extensions):
    """A folder with nothing in it but compiled files."""
    extensions({"dripline/extensions/gone/__pycache__/x.pyc": ""})
    assert "gone" not in dir(dripline.extensions)


def test_importing_the_namespace_runs_no_file_of_it(extensions):
    """Whatever a package puts there."""
    extensions({"dripline/extensions/__init__.py": "raise RuntimeError('ran')\n", "dripline/extensions/ok.py": ""})
    assert dripline.extensions.ok
