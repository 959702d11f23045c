"""Index of installed extensions and their exports, built without importing them; which are disabled."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from dripline.discovery import namespace_package
from dripline.discovery.distributions import Source, normalized, project_of, source_of
from dripline.discovery.exported_names import Exports, read_exports
from dripline.discovery.validation import describe_failure

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from importlib.metadata import EntryPoint

logger = logging.getLogger("dripline.extensions")

GROUP = "dripline.extensions"


@dataclass(frozen=True)
class Extension:
    """One extension, not necessarily imported yet.

    Attributes:
        name: how it is called: the last word of its module, or its entry point's name; `extensions` for classes in
            the `__init__.py` of the namespace itself.
        module: what is to be imported.
        file: its source; empty when there is none to read.
        attribute: the one class that an entry point names; empty for a whole package.
        distribution: the installed distribution it comes from, where an entry point tells.
        version: that distribution's version.
        entry_point: the name of the entry point that announces it; empty when the namespace alone does.
        folder: where it lies, also when it has no source.
    """

    name: str
    module: str
    file: str = ""
    attribute: str = ""
    distribution: str = ""
    version: str = ""
    entry_point: str = ""
    folder: str = ""

    @property
    def is_init_file(self) -> bool:
        """Whether it is the `__init__.py` of the namespace itself, of which there may be several."""
        return self.module == namespace_package.PACKAGE

    @property
    def place(self) -> str:
        """Its file, or its folder where it has no source; empty when neither is known."""
        return self.file or self.folder

    @property
    def source(self) -> Source:
        """The distribution it comes from. Costs a look at all that is installed when no entry point tells it."""
        if self.distribution:
            return Source(self.distribution, self.version, project_of(self.distribution))
        return source_of(self.place) if self.place else Source()

    def __str__(self) -> str:
        source = self.source
        origin = f" from {source.distribution} {source.version}" if source.distribution else ""
        return f"{self.name!r}{origin}"

    def is_called(self, name: str) -> bool:
        """Whether a name means this extension: its own, its module's, its entry point's."""
        return name in (
            self.name,
            self.module,
            self.module.removeprefix("dripline."),
            self.entry_point or self.name,
        )

    def is_of_distribution(self, name: str) -> bool:
        """Whether it comes from a distribution, however its name is spelled. Costs what `source` does."""
        return bool(name) and normalized(self.source.distribution) == normalized(name)


@dataclass
class Index:
    """All extensions in the order in which they are asked, and why some cannot be read.

    Attributes:
        extensions: in order: the namespace along the import path, packages of entry points, their classes,
            each by name, then the `__init__.py` files of the namespace itself.
        exports: what each exports, by extension.
        failures: reason by extension, for those that cannot be read or imported.
    """

    extensions: list[Extension] = field(default_factory=list)
    exports: dict[Extension, Exports] = field(default_factory=dict)
    failures: dict[Extension, str] = field(default_factory=dict)

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
        return [extension for extension in self.extensions if extension.is_called(name)]


def build_index() -> Index:
    """Find all extensions of this installation."""
    namespace_package.refresh()
    by_module: dict[str, Extension] = {}
    for name, path in namespace_package.module_names():
        module = f"{namespace_package.PACKAGE}.{name}"
        by_module.setdefault(module, _in_namespace(name, module, path))
    classes = [_merge_entry_point(point, by_module) for point in _entry_points()]
    files = namespace_package.init_files()
    inits = [Extension("extensions", namespace_package.PACKAGE, file) for file in files]
    index = Index([*by_module.values(), *(extension for extension in classes if extension), *inits])
    for extension in list(index.extensions):
        index.exports[extension] = _exports(extension, index)
        if extension.is_init_file and extension not in index.failures and not index.exports[extension].names:
            index.extensions.remove(extension)  # the usual one: a line that extends the path
    return index


def _in_namespace(name: str, module: str, path: str) -> Extension:
    is_source = path.endswith(".py")
    return Extension(name, module, path if is_source else "", folder="" if is_source else path)


def _entry_points() -> list[EntryPoint]:
    # The namespace itself is nobody's: what its `__init__.py` has is found without being announced.
    points = [point for point in _readable_points() if _target(point)[0] != namespace_package.PACKAGE]
    return sorted(points, key=lambda point: (point.name, _distribution(point)[0], point.value))


def _readable_points() -> Iterable[EntryPoint]:
    from importlib.metadata import distributions, entry_points  # 50 ms, which a client need not pay

    try:
        return entry_points(group=GROUP)
    except Exception as error:  # noqa: BLE001  # some distribution's file is damaged, perhaps nobody's of ours
        logger.warning("some entry points cannot be read: %s", describe_failure(error))
    found: list[EntryPoint] = []
    for distribution in distributions():
        with suppress(Exception):  # told above
            found += distribution.entry_points.select(group=GROUP)
    return found


def _target(point: EntryPoint) -> tuple[str, str]:
    """Module and attribute that an entry point names; nothing when its text is none."""
    try:
        return point.module, point.attr
    except (AttributeError, AssertionError, ValueError):  # as the versions of the standard library say so
        return "", ""


def _distribution(point: EntryPoint) -> tuple[str, str]:
    distribution = getattr(point, "dist", None)
    # A distribution that was removed halfway has neither.
    return (distribution.name or "", distribution.version or "") if distribution else ("", "")


def _merge_entry_point(point: EntryPoint, by_module: dict[str, Extension]) -> Extension | None:
    """Put a package's entry point into the table; give an extension of its own for one that names a class."""
    name, version = _distribution(point)
    module, attribute = _target(point)
    source = {"distribution": name, "version": version, "entry_point": point.name}
    if attribute or not module:
        return Extension(point.name, module, source_file(module), attribute, **source)
    known = by_module.get(module) or Extension(point.name, module, source_file(module))
    by_module[module] = replace(known, **source)
    return None


def _exports(extension: Extension, index: Index) -> Exports:
    if extension.attribute:
        return Exports({extension.name, extension.attribute.rpartition(".")[2]})
    if not extension.file.endswith(".py"):
        return Exports(complete=False)
    try:
        exports = read_exports(extension.file)
    except Exception as error:  # noqa: BLE001  # a parser has many ways to give up; the others must be found
        index.failures[extension] = describe_failure(error)
        return Exports()
    return _own_classes(exports) if extension.is_init_file else exports


def _own_classes(exports: Exports) -> Exports:
    """What only the namespace's own `__init__.py` has: all else in it is another extension's, and found there."""
    return Exports({name for name in exports.classes if not name.startswith("_")}, set(exports.imported))


def source_file(module: str) -> str:
    """The source of a module, found without importing it or the packages around it; empty if there is none."""
    if not all(module.split(".")):
        return ""
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


KEY = "extensions"
VARIABLE = "DRIPLINE_DISABLE_EXTENSIONS"


@dataclass(frozen=True)
class Disabled:
    """Which extensions are not to be used.

    Attributes:
        names: who says so, by name of an extension, its module or its distribution; `*` means all.
    """

    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def by_environment(cls) -> Disabled:
        """Those that `DRIPLINE_DISABLE_EXTENSIONS` names, separated by commas."""
        words = (word.strip() for word in os.environ.get(VARIABLE, "").split(","))
        return cls({word: VARIABLE for word in words if word})

    def reason(self, extension: Extension) -> str:
        """Why an extension is not to be used, `disabled by …`; empty if it is."""
        for name, who in self.names.items():
            if name == "*" or extension.is_called(name) or extension.is_of_distribution(name):
                return f"disabled by {who}"
        return ""

    def unknown(self, extensions: Sequence[Extension]) -> list[str]:
        """The names that mean none of some extensions."""
        single = {name: Disabled({name: who}) for name, who in self.names.items() if name != "*"}
        return [name for name, only in single.items() if not any(map(only.reason, extensions))]


def is_rules(value: Any) -> bool:
    """Whether a service's `extensions` are these rules, and not an argument of a laboratory's class."""
    return value is None or (isinstance(value, Mapping) and set(value) <= {"disable", "requires"})
