"""From the name of a class in a configuration to the class.

Asked in this order: the file that `module_path` names, extensions, `dripline.implementations`, `dripline.core`. An
extension is imported only when a class of it is wanted; one that fails is reported by name with its reason, and
disturbs nobody else.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from functools import cache, lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

from dripline.config.suggest import did_you_mean
from dripline.core import pkg_resources_finder
from dripline.core.extension_index import Extension, Index, build_index
from dripline.core.failure_text import describe_failure
from dripline.wire.errors import ConfigurationError, DriplineError
from dripline.wire.sender import add_version

logger = logging.getLogger(__name__)

_BUILT_IN = ("dripline.implementations", "dripline.core")


@lru_cache(maxsize=1)
def class_finder() -> ClassFinder:
    """The finder of this process."""
    return ClassFinder()


class ClassFinder:
    """Finds classes by name, and remembers what it met on the way."""

    def __init__(self) -> None:
        self._index: Index | None = None
        self._modules: dict[str, ModuleType | None] = {}
        self._found: dict[tuple[str, str], type] = {}

    @property
    def index(self) -> Index:
        """All extensions of this installation."""
        if self._index is None:
            self._index = build_index()
        return self._index

    @property
    def failures(self) -> dict[str, str]:
        """Reason by name of extensions that cannot be used, as far as they were tried."""
        return self.index.failures

    def find(self, name: str, module_path: str | None = None) -> type:
        """Find a class.

        Args:
            name: the class's name as `module:` in a configuration gives it; `package.Class` picks one of several.
            module_path: a Python file that is asked first.

        Raises:
            ConfigurationError: nobody has such a class; the text names near ones and extensions that failed.
        """
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"'module' must be the name of a class, not {name!r}")
        key = (name, module_path or "")
        if key not in self._found:
            self._found[key] = self._search(name, module_path)
        return self._found[key]

    def find_in_extensions(self, name: str) -> type | None:
        """Find a class that an extension exports; None when there is none."""
        candidates = self.index.exporting(name)
        for extension in candidates:
            found: type | None = self._take(extension, name)
            if found is not None:
                self._tell_choice(name, extension, candidates)
                return found
        return None

    def load(self, extension: Extension) -> ModuleType | None:
        """Import an extension; None when it fails, which is told once and kept in `failures`."""
        if extension.module not in self._modules:
            self._modules[extension.module] = self._import(extension)
        return self._modules[extension.module]

    def _search(self, name: str, module_path: str | None) -> type:
        if module_path and (found := getattr(_load_file(module_path), name, None)) is not None:
            return _checked(found, name)
        for search in (self.find_in_extensions, self._find_built_in, self._find_qualified, self._find_hidden):
            found = search(name)
            if found is not None:
                return _checked(found, name)
        raise ConfigurationError(self._unknown(name, module_path))

    def _find_built_in(self, name: str) -> Any:
        if not name.isidentifier():
            return None
        for package in _BUILT_IN:
            try:
                found = getattr(importlib.import_module(package), name, None)
            except ImportError as error:  # a ready-made class whose library is not installed
                raise ConfigurationError(f"class {name!r} cannot be used: {error}") from error
            if isinstance(found, type):
                return found
        return None

    def _find_qualified(self, name: str) -> Any:
        """`package.Class`: the package an extension, a part of dripline, or any module that can be imported."""
        package, _, class_name = name.rpartition(".")
        for extension in self.index.named(package):
            found = self._take(extension, class_name)
            if found is not None:
                return found
        if not package or package in self.index.failures:
            return None
        for module in (f"dripline.{package}", package):
            try:
                return getattr(importlib.import_module(module), class_name, None)
            except ModuleNotFoundError as error:
                if not f"{module}.".startswith(f"{error.name}."):
                    raise ConfigurationError(
                        f"{module!r} cannot be imported: {describe_failure(error)}"
                    ) from error
        return None

    def _find_hidden(self, name: str) -> Any:
        """The last resort: classes that are not exported, and extensions that do not tell what they export."""
        for extension in self.index.perhaps_exporting(name):
            found = self._take(extension, name)
            if isinstance(found, type):
                return found
        return None

    def _take(self, extension: Extension, name: str) -> Any:
        module: Any = self.load(extension)
        if module is None or not extension.attribute:
            return getattr(module, name, None)
        if name not in (extension.name, extension.attribute.rpartition(".")[2]):
            return None
        for part in extension.attribute.split("."):
            module = getattr(module, part, None)
        if module is None:
            self.failures[extension.name] = f"{extension.module!r} has no {extension.attribute!r}"
        return module

    def _import(self, extension: Extension) -> ModuleType | None:
        pkg_resources_finder.install()
        try:
            module = importlib.import_module(extension.module)
        except (Exception, SystemExit) as error:  # an extension's fault must not be ours
            reason = describe_failure(error, beside=extension.file)
            self.failures[extension.name] = reason
            logger.warning("extension %s cannot be imported: %s", extension, reason)
            logger.debug("extension %s", extension, exc_info=error)
            return None
        _announce_version(extension, module)
        return module

    def _tell_choice(self, name: str, chosen: Extension, candidates: list[Extension]) -> None:
        others = [str(extension) for extension in candidates if extension.module != chosen.module]
        if others:
            logger.warning(
                "class %r is in the extensions %s and %s; the first is taken, '%s.%s' as module names one",
                name, chosen, " and ".join(others), chosen.name, name,
            )  # fmt: skip

    def _unknown(self, name: str, module_path: str | None) -> str:
        broken = [extension for extension in self.index.exporting(name) if extension.name in self.failures]
        if broken:
            first = broken[0]
            return f"class {name!r} is in extension {first}, which fails: {self.failures[first.name]}"
        places = ["extension", "dripline.implementations", "dripline.core"]
        if module_path:
            places.insert(0, module_path)
        text = f"no class {name!r} in any {', '.join(places[:-1])} or {places[-1]}"
        text += did_you_mean(name, self.known_names(), count=2)
        if self.failures:
            reasons = "; ".join(f"{who}: {reason}" for who, reason in sorted(self.failures.items()))
            text += f" (extensions that fail: {reasons})"
        return text

    def known_names(self) -> set[str]:
        """Every class name that can stand in a configuration, without importing extensions."""
        names = {name for exports in self.index.exports.values() for name in exports.names}
        for package in _BUILT_IN:
            names.update(name for name in dir(importlib.import_module(package)) if name[:1].isupper())
        return names


def _checked(found: Any, name: str) -> type:
    if not isinstance(found, type):
        raise ConfigurationError(f"{name!r} is no class but {found!r}")
    return found


def _announce_version(extension: Extension, module: ModuleType) -> None:
    """Tell the mesh about an extension's version, from the package itself or from how it is installed."""
    version = getattr(module, "version", None)
    for source in (
        {"version": version} if isinstance(version, str) else version,
        {"version": extension.version},
    ):
        try:
            add_version(extension.name, source)
        except DriplineError:
            continue  # an extension need not have a version
        return


@cache
def _load_file(path: str) -> ModuleType:
    """Run the Python file that `module_path` names, once.

    Raises:
        ConfigurationError: there is no such file, or it fails.
    """
    pkg_resources_finder.install()
    file = os.path.abspath(os.path.expanduser(path))
    if not os.path.isfile(file):
        raise ConfigurationError(f"module_path: there is no file {path!r}")
    name = "dripline_module_path_" + os.path.splitext(os.path.basename(file))[0]
    spec = spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"module_path: {path!r} is no Python file")
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look for the module of a class
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise ConfigurationError(f"module_path: {path!r} fails: {describe_failure(error, beside=file)}") from error
    return module
