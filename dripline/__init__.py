"""dripline: slow controls for laboratories, instruments as services on an AMQP mesh.

`import dripline` is cheap: its parts are imported when they are first named.

- `dripline.core`: messages, services, endpoints, entities, interfaces;
- `dripline.implementations`: ready-made services and entities;
- `dripline.extensions`: the packages of a laboratory, each as `dripline.extensions.<name>`;
- `dripline.version` (a `scarab.VersionSemantic`) and `dripline.__version__`.
"""

from __future__ import annotations

import sys
from pkgutil import extend_path
from typing import TYPE_CHECKING, Any

from dripline.wire.version import VERSION as __version__  # noqa: N811  # the name that Python's tools look for

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec

# Extension packages may bring a `dripline` folder of their own, anywhere on the import path.
__path__ = extend_path(__path__, __name__)

__all__ = ["__version__", "core", "extensions", "implementations", "version"]

_LAZY = ("core", "extensions", "implementations")


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    if name == "version":
        return _version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> Any:
    from scarab import VersionSemantic  # it brings `packaging`, which few programs need

    version = VersionSemantic()
    version.parse(__version__)
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
        if name != f"{__name__}.extensions":
            return None
        from dripline.core.extensions_namespace import make_spec

        return make_spec(name)


sys.meta_path.insert(0, _ExtensionsFinder)
