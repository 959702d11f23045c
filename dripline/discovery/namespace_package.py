"""The namespace package `dripline.extensions`, created from all its folders on the import path.

Extensions also find a `pkg_resources`: ours, where setuptools no longer brings one.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pkgutil import extend_path
from types import ModuleType
from typing import Any

PACKAGE = "dripline.extensions"
_ROOT = PACKAGE.partition(".")[0]


class _NamespaceLoader(Loader):
    """Loads the package without running any file."""

    def __init__(self, find_exported: Callable[[str], Any]) -> None:
        self._find_exported = find_exported

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__doc__ = "The extension packages of this installation, each as dripline.extensions.<name>."
        vars(module)["__getattr__"] = self._attribute
        vars(module)["__dir__"] = lambda: sorted({*vars(module), *(name for name, _ in module_names())})
        offer_pkg_resources()

    def _attribute(self, name: str) -> Any:
        """`dripline.extensions.<name>`: an extension, or a class that one exports."""
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            return import_module(f"{PACKAGE}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{PACKAGE}.{name}":
                raise
        found = self._find_exported(name)
        if found is None:
            raise AttributeError(
                f"module {PACKAGE!r} has no attribute {name!r}; no extension of that name is installed"
            )
        return found


class _PkgResourcesFinder:
    """Serves our small `pkg_resources`."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """Answer for `pkg_resources` only."""
        file = os.path.join(os.path.dirname(__file__), "pkg_resources_shim.py")
        return spec_from_file_location(name, file) if name == "pkg_resources" else None


def offer_pkg_resources() -> None:
    """Make `import pkg_resources` work in this process; a real one, found by the finders before ours, wins."""
    if _PkgResourcesFinder not in sys.meta_path:
        sys.meta_path.append(_PkgResourcesFinder)


def make_spec(find_exported: Callable[[str], Any]) -> ModuleSpec:
    """The spec of `dripline.extensions`; `find_exported` returns what extensions export under a name, or None."""
    spec = ModuleSpec(PACKAGE, _NamespaceLoader(find_exported), is_package=True)
    spec.submodule_search_locations = folders()
    return spec


def refresh() -> None:
    """Look for folders again: `sys.path` may have grown since the package was imported."""
    package = sys.modules.get(PACKAGE)
    if package is not None:
        package.__path__[:] = folders()


def folders() -> list[str]:
    """Every folder whose packages are extensions, in the order of the import path."""
    root = sys.modules[_ROOT]
    root.__path__ = extend_path(root.__path__, _ROOT)
    places = [os.path.join(folder, "extensions") for folder in root.__path__]
    for name, path in editable_packages():
        if name == _ROOT:
            places.append(os.path.join(path, "extensions"))
        elif name == PACKAGE:
            places.append(path)
    return [place for place in dict.fromkeys(places) if os.path.isdir(place)]


def editable_packages() -> list[tuple[str, str]]:
    """Names of packages, with folder or file, of all `pip install -e` that setuptools serves by own finders.

    Such packages stand on no import path, so a look at the folders does not show them. Several installations may
    each have a `dripline`; they come in the order in which Python asks them.
    """
    found: dict[tuple[str, str], None] = {}
    for finder in sys.meta_path:
        module = sys.modules.get(getattr(finder, "__module__", ""))
        mapping = getattr(module, "MAPPING", None)
        if isinstance(mapping, dict):
            found.update({(str(name), str(path)): None for name, path in mapping.items()})
        namespaces = getattr(module, "NAMESPACES", None)
        if isinstance(namespaces, dict):
            found.update({(str(name), str(path)): None for name, paths in namespaces.items() for path in paths})
    return list(found)


def module_names() -> Iterator[tuple[str, str]]:
    """Name and source of every extension in the namespace, in the order of the import path.

    A package without `__init__.py` has no source; its folder is given.
    """
    for folder in folders():
        for entry in sorted(_entries(folder)):
            path = os.path.join(folder, entry)
            if entry.endswith(".py") and entry != "__init__.py" and entry[:-3].isidentifier():
                yield entry[:-3], path
            elif entry.isidentifier() and entry != "__pycache__" and _has_content(path):
                init = os.path.join(path, "__init__.py")
                yield entry, init if os.path.isfile(init) else path
    for name, path in editable_packages():
        parent, _, leaf = name.rpartition(".")
        if parent == PACKAGE:
            init = os.path.join(path, "__init__.py")
            yield leaf, init if os.path.isfile(init) else path


def _has_content(folder: str) -> bool:
    """Whether a folder is one, and holds more than what a package that was removed left behind."""
    return any(entry != "__pycache__" for entry in _entries(folder))


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # no folder, or one that nobody here may read: nothing could be imported from it
        return []


def init_files() -> list[str]:
    """Every `__init__.py` that a package put into the namespace itself; importing the namespace runs none."""
    files = (os.path.join(folder, "__init__.py") for folder in folders())
    return [file for file in files if os.path.isfile(file)]


def run_init_file(file: str) -> ModuleType:
    """Run such a file in a module of its own, which calls itself the namespace and does not take its place."""
    module = ModuleType(PACKAGE)
    module.__file__ = file
    module.__package__ = PACKAGE
    module.__path__ = folders()
    with open(file, "rb") as source:
        code = compile(source.read(), file, "exec")
    exec(code, module.__dict__)
    return module
