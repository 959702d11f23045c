"""Which extensions are installed, and what they export: known without importing any of them."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dripline.core import extensions_namespace
from dripline.core.exported_names import Exports, read_exports
from dripline.core.failure_text import describe_failure

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from importlib.metadata import EntryPoint

GROUP = "dripline.extensions"


@dataclass(frozen=True)
class Extension:
    """One extension, not necessarily imported yet.

    Attributes:
        name: how it is called: the last word of its module, or its entry point's name.
        module: what is to be imported.
        file: its source; empty when there is none to read.
        attribute: the one class that an entry point names; empty for a whole package.
        distribution: the installed distribution it comes from, where an entry point tells.
        version: that distribution's version.
    """

    name: str
    module: str
    file: str = ""
    attribute: str = ""
    distribution: str = ""
    version: str = ""

    def __str__(self) -> str:
        source = f" from {self.distribution} {self.version}" if self.distribution else ""
        return f"{self.name!r}{source}"


@dataclass
class Index:
    """All extensions in the order in which they are asked, and why some cannot be read.

    Attributes:
        extensions: in order: the namespace along the import path, then entry points by name.
        exports: what each exports, by extension.
        failures: reason by extension name, for those that cannot be read or imported.
    """

    extensions: list[Extension] = field(default_factory=list)
    exports: dict[Extension, Exports] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def exporting(self, name: str) -> list[Extension]:
        """Those that say they export a name."""
        return [extension for extension in self.extensions if name in self.exports[extension].names]

    def perhaps_exporting(self, name: str) -> list[Extension]:
        """Those that hold a name without exporting it, or whose names only importing can tell."""
        return [
            extension
            for extension in self.extensions
            if name in self.exports[extension].others or not self.exports[extension].complete
        ]

    def named(self, name: str) -> list[Extension]:
        """Those of a name, or of a module of that name."""
        return [extension for extension in self.extensions if name in (extension.name, extension.module)]


def build_index() -> Index:
    """Find all extensions of this installation."""
    extensions_namespace.refresh()
    by_module: dict[str, Extension] = {}
    for name, file in extensions_namespace.module_names():
        module = f"{extensions_namespace.PACKAGE}.{name}"
        by_module.setdefault(module, Extension(name, module, file))
    classes = [_merge_entry_point(point, by_module) for point in _entry_points()]
    index = Index([*by_module.values(), *(extension for extension in classes if extension)])
    for extension in index.extensions:
        index.exports[extension] = _exports(extension, index)
    return index


def _entry_points() -> list[EntryPoint]:
    from importlib.metadata import entry_points  # 50 ms, which a client need not pay

    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


def _merge_entry_point(point: EntryPoint, by_module: dict[str, Extension]) -> Extension | None:
    """Put a package's entry point into the table; give an extension of its own for one that names a class."""
    distribution = getattr(point, "dist", None)
    source = {
        "distribution": distribution.name if distribution else "",
        "version": distribution.version if distribution else "",
    }
    if point.attr:
        return Extension(point.name, point.module, attribute=point.attr, **source)
    known = by_module.get(point.module) or Extension(point.name, point.module, source_file(point.module))
    by_module[point.module] = replace(known, **source)
    return None


def _exports(extension: Extension, index: Index) -> Exports:
    if extension.attribute:
        return Exports({extension.name, extension.attribute.rpartition(".")[2]})
    if not extension.file:
        return Exports(complete=False)
    try:
        return read_exports(extension.file)
    except (OSError, SyntaxError, ValueError) as error:
        index.failures[extension.name] = describe_failure(error)
    return Exports()


def source_file(module: str) -> str:
    """The source of a module, found without importing it or the packages around it; empty if there is none."""
    path, name, spec = None, "", None
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        spec = _find_spec(name, path)
        if spec is None:
            return ""
        path = spec.submodule_search_locations
    return (spec.origin or "") if spec and spec.has_location else ""


def _find_spec(name: str, path: object) -> ModuleSpec | None:
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        spec: ModuleSpec | None = find(name, path) if find else None
        if spec is not None:
            return spec
    return None
