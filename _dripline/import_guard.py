"""Keeps `import dripline` working if another package has replaced or deleted `dripline/__init__.py`.

Old extension packages contain a `dripline/__init__.py`. pip installs it over ours, and deletes it when the package
is uninstalled. The `namespace_packages` option of setuptools adds an empty `dripline` to `sys.modules` at startup.

`dripline-import-guard.pth` in site-packages calls `install` in every Python process of the environment; importing
this module must therefore be cheap.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing typing takes longer than all the rest
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

_NAME = "dripline"
_INIT = "__init__.py"
# Our package alone has a module of this name, and our `__init__.py` imports it.
_SETUP = "package_setup"
_OUR_FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), _NAME)


class _Loader:
    """Loads `dripline` without running any `__init__.py`.

    Args:
        culprit: What took the place of our `__init__.py`; empty if there is nothing to warn about.
    """

    def __init__(self, culprit: str) -> None:
        self._culprit = culprit

    def create_module(self, spec: ModuleSpec) -> None:
        """Let Python create the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Give the module everything that our `__init__.py` gives it."""
        from dripline.package_setup import set_up, warn

        set_up(module)
        if self._culprit:
            warn(self._culprit)


class _Finder:
    """Finds our `dripline` if its usual import would not give a working package."""

    _placeholder = ""

    @classmethod
    def find_spec(cls, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """Answer for `dripline` only."""
        module = sys.modules.get(_NAME)
        if module is not None and _is_placeholder(module):  # .pth files may run after ours: every import looks
            cls._placeholder = _remove_placeholders() or cls._placeholder
        if name != _NAME:
            return None
        found = _spec_from_other_finders()
        if found is None or _is_another_dripline(found):
            return None
        folder = _folder_of_ours(found)
        culprit = _culprit_in(found, folder) or cls._placeholder
        if not culprit and found.origin:
            return None
        return _make_spec(folder, culprit)


def install() -> None:
    """Add the guard to this process."""
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)


def _make_spec(folder: str, culprit: str) -> ModuleSpec:
    from importlib.machinery import ModuleSpec

    spec = ModuleSpec(_NAME, _Loader(culprit), origin=os.path.join(folder, f"{_SETUP}.py"), is_package=True)  # type: ignore[arg-type]  # it needs no base class either
    spec.submodule_search_locations = [folder]
    spec.has_location = True
    return spec


def _spec_from_other_finders() -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = None if finder is _Finder else getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = find(_NAME, None) if find else None
        if spec is not None:
            return spec
    return None


def _is_another_dripline(spec: ModuleSpec) -> bool:
    """Whether a complete dripline that is not ours, such as the reference, comes first on the import path."""
    folders = [] if spec.origin is None else list(spec.submodule_search_locations or ())
    return any(os.path.isdir(os.path.join(folder, "core")) and not _has_setup(folder) for folder in folders)


def _folder_of_ours(spec: ModuleSpec) -> str:
    """The first folder with our package; the one that the guard belongs to if the import path leads to none."""
    return next(filter(_has_setup, spec.submodule_search_locations or ()), _OUR_FOLDER)


def _has_setup(folder: str) -> bool:
    return os.path.isfile(os.path.join(folder, f"{_SETUP}.py"))


def _culprit_in(spec: ModuleSpec, folder: str) -> str:
    """The file that is imported instead of our `__init__.py`, or where ours is missing; empty if all is well."""
    if spec.origin:
        return "" if _is_intact(spec.origin) else spec.origin
    # Without any `__init__.py`: folders of extensions before ours are well, our own is not.
    return os.path.join(folder, _INIT) if folder in (spec.submodule_search_locations or ()) else ""


def _is_intact(file: str) -> bool:
    try:
        with open(file, "rb") as source:
            return _SETUP.encode() in source.read()
    except OSError:  # inside an archive
        return True


def _is_placeholder(module: ModuleType) -> bool:
    """Whether a module was created and never executed, as `namespace_packages` does it."""
    is_being_imported = getattr(module.__spec__, "_initializing", False)
    return not (is_being_imported or "__builtins__" in vars(module) or "__version__" in vars(module))


def _remove_placeholders() -> str:
    """Remove them from `sys.modules`, so that the next import is a real one; return the folder of `dripline`."""
    extensions = sys.modules.get(f"{_NAME}.extensions")
    if extensions is not None and _is_placeholder(extensions):
        del sys.modules[f"{_NAME}.extensions"]
    module = sys.modules.pop(_NAME)
    return next(iter(getattr(module, "__path__", ())), _NAME)
