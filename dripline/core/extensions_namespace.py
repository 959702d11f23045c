"""The package `dripline.extensions`: made here, of every folder of that name on the import path."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from pkgutil import extend_path
from types import ModuleType
from typing import Any

PACKAGE = "dripline.extensions"


class _NamespaceLoader(Loader):
    """Loads the package without running any file."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        from dripline.core import pkg_resources_finder

        module.__doc__ = "The extension packages of this installation, each as dripline.extensions.<name>."
        vars(module)["__getattr__"] = _attribute
        pkg_resources_finder.install()


def make_spec(name: str) -> ModuleSpec:
    """The spec of `dripline.extensions` for the import system."""
    spec = ModuleSpec(name, _NamespaceLoader(), is_package=True)
    spec.submodule_search_locations = folders()
    return spec


def refresh() -> None:
    """Look for folders again: `sys.path` may have grown since the package was imported."""
    package = sys.modules.get(PACKAGE)
    if package is not None:
        package.__path__[:] = folders()


def folders() -> list[str]:
    """Every folder whose packages are extensions, in the order of the import path."""
    import dripline

    dripline.__path__ = extend_path(dripline.__path__, dripline.__name__)
    places = [os.path.join(root, "extensions") for root in dripline.__path__]
    mapping = editable_packages()
    if "dripline" in mapping:
        places.append(os.path.join(mapping["dripline"], "extensions"))
    if PACKAGE in mapping:
        places.append(mapping[PACKAGE])
    return [place for place in dict.fromkeys(places) if os.path.isdir(place)]


def editable_packages() -> dict[str, str]:
    """Folder or file by package name, of all `pip install -e` that setuptools serves by a finder of its own.

    Such packages stand on no import path, so a look at the folders does not show them.
    """
    found: dict[str, str] = {}
    for finder in sys.meta_path:
        module = sys.modules.get(getattr(finder, "__module__", ""))
        mapping = getattr(module, "MAPPING", None)
        if isinstance(mapping, dict):
            found.update({str(name): str(path) for name, path in mapping.items()})
    return found


def module_names() -> Iterator[tuple[str, str]]:
    """Name and source file of every extension in the namespace, in the order of the import path.

    A package without `__init__.py` has no source; its file is an empty text.
    """
    for folder in folders():
        for entry in sorted(os.listdir(folder)):
            path = os.path.join(folder, entry)
            if entry.endswith(".py") and entry != "__init__.py" and entry[:-3].isidentifier():
                yield entry[:-3], path
            elif entry.isidentifier() and entry != "__pycache__" and os.path.isdir(path):
                init = os.path.join(path, "__init__.py")
                yield entry, init if os.path.isfile(init) else ""
    for name, path in editable_packages().items():
        parent, _, leaf = name.rpartition(".")
        if parent == PACKAGE:
            init = os.path.join(path, "__init__.py")
            yield leaf, init if os.path.isfile(init) else path if os.path.isfile(path) else ""


def _attribute(name: str) -> Any:
    """`dripline.extensions.<name>`: an extension, or a class that one exports."""
    if name.startswith("__"):
        raise AttributeError(name)
    from importlib import import_module

    try:
        return import_module(f"{PACKAGE}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{PACKAGE}.{name}":
            raise
    from dripline.core.class_finder import class_finder

    found = class_finder().find_in_extensions(name)
    if found is None:
        raise AttributeError(
            f"module {PACKAGE!r} has no attribute {name!r}; no extension of that name is installed"
        )
    return found
