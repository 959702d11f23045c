"""Setup done by `import dripline`: version object, lazy submodules, the extensions namespace.

It is not in `dripline/__init__.py`, because old extension packages overwrite that file: `_dripline.import_guard`.
"""

from __future__ import annotations

import os
import sys
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

from dripline.wire import VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

_PACKAGE = "dripline"
_FOLDER = os.path.dirname(os.path.abspath(__file__))
_LAZY = ("core", "extensions", "implementations")
_ALL = ["__version__", *_LAZY, "version"]
#: What was found in place of our `__init__.py`; empty if all is well.
culprit = ""


def set_up(module: ModuleType) -> None:
    """Make a module the package `dripline`.

    Args:
        module: `sys.modules["dripline"]`, whatever file it was loaded from.
    """
    folders = dict.fromkeys([_FOLDER, *getattr(module, "__path__", ())])
    vars(module).update(
        # Extension packages may bring a `dripline` folder of their own, anywhere on the import path.
        __path__=extend_path(list(folders), _PACKAGE),
        __all__=_ALL,
        __version__=VERSION,
        __getattr__=_attribute,
        __dir__=lambda: sorted({*vars(module), *_ALL}),
    )
    if _ExtensionsFinder not in sys.meta_path:
        sys.meta_path.insert(0, _ExtensionsFinder)


def ensure() -> None:
    """Set up the package if another `dripline/__init__.py` was executed and the import guard is not installed.

    That is so for folders on `PYTHONPATH`, where Python reads no `.pth` files.
    """
    module = sys.modules[_PACKAGE]
    if vars(module).get("__getattr__") is not _attribute:
        set_up(module)
        warn(module.__file__ or os.path.join(_FOLDER, "__init__.py"))


def warn(replacement: str) -> None:
    """Warn about what was found in place of our `__init__.py`.

    Args:
        replacement: The file that replaced ours, ours if it is missing, or the folder that `namespace_packages`
            declared.
    """
    import logging

    from dripline.discovery.distributions import describe_replacement

    global culprit
    culprit = replacement
    logging.getLogger(_PACKAGE).warning("%s. Remedy: %s", *describe_replacement(replacement))


def _attribute(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return import_module(f"{_PACKAGE}.{name}")
    if name == "version":
        return _version()
    raise AttributeError(f"module {_PACKAGE!r} has no attribute {name!r}")


def _version() -> Any:
    from scarab import VersionSemantic  # it brings `packaging`, which few programs need

    version = VersionSemantic()
    version.parse(VERSION)
    version.package = "driplineorg/dripline-python"
    version.commit = "na"
    return version


class _ExtensionsFinder:
    """Makes `dripline.extensions`, which no file of ours holds.

    Packages bring, overwrite and remove `dripline/extensions/__init__.py` as they are installed and removed; what
    stands there must neither hide other packages nor be able to break `import dripline.extensions`.
    """

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """Answer for `dripline.extensions` only."""
        if name != f"{_PACKAGE}.extensions":
            return None
        from dripline.discovery.namespace_package import make_spec

        return make_spec(_find_exported)


def _find_exported(name: str) -> Any:
    """Find what an extension exports; its package knows nothing of who finds classes."""
    from dripline.discovery.class_finder import class_finder

    return class_finder().find_in_extensions(name)
