"""`ClassFinder`: searches files, extensions and built-in classes for a class name.

Asked in this order: the file that `module_path` names, extensions, `dripline.implementations`, `dripline.core`. An
extension is imported only when a class of it is wanted; one that fails is reported by name with its reason, and
disturbs nobody else.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from functools import cache, cached_property
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

from dripline.config.suggest import did_you_mean
from dripline.discovery.index import Disabled, Extension, Index, build_index
from dripline.discovery.loader import ExtensionLoader
from dripline.discovery.namespace_package import offer_pkg_resources
from dripline.discovery.validation import checked_class, describe_failure
from dripline.errors import ConfigurationError
from dripline.wire.safe_text import is_for_program
from scarab import Authentication, MainApp

logger = logging.getLogger("dripline.extensions")

_BUILT_IN = ("dripline.implementations", "dripline.core")


@cache
def class_finder() -> ClassFinder:
    """The finder of this process."""
    return ClassFinder()


class ClassFinder:
    """Finds classes by name, and remembers what it met on the way."""

    def __init__(self) -> None:
        self._disabled = Disabled.by_environment()
        self._found: dict[tuple[str, str], type] = {}
        self._owners: dict[type, Extension] = {}

    @cached_property
    def index(self) -> Index:
        """All extensions of this installation, those that are disabled too."""
        return build_index()

    @cached_property
    def loader(self) -> ExtensionLoader:
        """What imports extensions and keeps what is wrong with them."""
        return ExtensionLoader(self.index.failures)

    @property
    def failures(self) -> dict[str, str]:
        """Reason by name of extensions that cannot be used, as far as they were tried."""
        return {extension.name: reason for extension, reason in self.index.failures.items()}

    @property
    def disabled(self) -> Disabled:
        """Which extensions are not to be used."""
        return self._disabled

    @disabled.setter
    def disabled(self, disabled: Disabled) -> None:
        self._disabled = disabled
        self._found.clear()

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

    def find_in_extensions(self, name: str) -> Any:
        """Find what an extension exports, a class before anything else; None when there is nothing."""
        candidates = self._enabled(self.index.exporting(name))
        first_other = None
        for extension in candidates:
            found = self.loader.take(extension, name)
            if isinstance(found, type):
                self._owners[found] = extension
                self._log_choice(name, found, extension, candidates)
                return found
            first_other = found if first_other is None else first_other
        return first_other

    def load(self, extension: Extension) -> ModuleType | None:
        """Import an extension; None when it is disabled, or fails, which is told once and kept in `failures`."""
        return None if self._disabled.reason(extension) else self.loader.load(extension)

    def owner_of(self, cls: type) -> str:
        """Who has a class that was found, such as `extension 'pumps' from lab 1.0`; empty for dripline's own."""
        return f"extension {self._owners[cls]}" if cls in self._owners else ""

    def known_names(self) -> set[str]:
        """Every class name that can stand in a configuration, without importing extensions."""
        enabled = self._enabled(self.index.extensions)
        names = {name for extension in enabled for name in self.index.exports[extension].names}
        for package in _BUILT_IN:
            offered = importlib.import_module(package).__all__
            names.update(name for name in offered if name[:1].isupper())
        return names

    def _enabled(self, extensions: list[Extension]) -> list[Extension]:
        return [extension for extension in extensions if not self._disabled.reason(extension)]

    def _search(self, name: str, module_path: str | None) -> type:
        if module_path and (found := getattr(load_file(module_path), name, None)) is not None:
            return checked_class(found, name, f"the file {module_path}")
        other = None
        for search in (self.find_in_extensions, self._find_built_in, self._find_qualified, self._find_hidden):
            found = search(name)
            if isinstance(found, type):
                return found
            other = found if other is None else other
        if other is not None:
            owners = self._enabled(self.index.exporting(name))
            return checked_class(other, name, f"extension {owners[0]}" if owners else "")
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
        if not package:
            return None
        owners = self.index.named(package) or self._of_distribution(package)
        for extension in self._enabled(owners):
            found = self.loader.take(extension, class_name)
            if found is not None:
                if isinstance(found, type):
                    self._owners[found] = extension
                return found
        return None if owners else _from_module(package, class_name)

    def _of_distribution(self, name: str) -> list[Extension]:
        return [extension for extension in self.index.extensions if extension.is_of_distribution(name)]

    def _find_hidden(self, name: str) -> Any:
        """The last resort: classes that are not exported, and extensions that do not tell what they export."""
        for extension in self._enabled(self.index.perhaps_exporting(name)):
            found = self.loader.take(extension, name)
            if isinstance(found, type):
                self._owners[found] = extension
                return found
        return None

    def _log_choice(self, name: str, cls: type, chosen: Extension, candidates: list[Extension]) -> None:
        usable = [one for one in candidates if one is not chosen and one not in self.index.failures]
        others = [one for one in usable if not self._is_same(name, cls, chosen, one)]
        if others:
            logger.warning(
                "class %r is in the extensions %s; that of %r is taken, 'module: %s.%s' names another",
                name, " and ".join(map(str, [chosen, *others])), chosen.name, others[0].name, name,
            )  # fmt: skip

    def _is_same(self, name: str, cls: type, chosen: Extension, other: Extension) -> bool:
        """Whether two extensions have the very same class: one takes it from the other, or announces it."""
        taken_from = self.index.exports[other].imported.get(name, "")
        return any(
            f"{inner}.".startswith(f"{outer}.")
            for inner, outer in (
                (cls.__module__, other.module),
                (taken_from, chosen.module),
                (other.module if other.attribute else "", chosen.module),
            )
        ) and not (other.is_init_file or chosen.is_init_file)

    def _unknown(self, name: str, module_path: str | None) -> str:
        owners = self.index.exporting(name) or self.index.named(name.rpartition(".")[0])
        for extension in owners:
            if extension in self.index.failures:
                return f"class {name!r} is in extension {extension}, which fails: {self.index.failures[extension]}"
        for extension in owners:
            if reason := self._disabled.reason(extension):
                return f"class {name!r} is in extension {extension}, which is {reason}"
        for extension in self.index.exporting(name):
            return (
                f"class {name!r} is not there, though __all__ of extension {extension} names it; "
                "define it, or take it out of __all__"
            )
        return self._nowhere(name, module_path)

    def _nowhere(self, name: str, module_path: str | None) -> str:
        file = f"{module_path}, " if module_path else ""
        text = f"no class {name!r} in {file}any extension, dripline.implementations or dripline.core"
        text += did_you_mean(name, self.known_names(), count=2)
        if self.failures:
            reasons = "; ".join(f"{who}: {reason}" for who, reason in sorted(self.failures.items()))
            text += f" (extensions that fail: {reasons})"
        return text


def _from_module(package: str, class_name: str) -> Any:
    for module in (f"dripline.{package}", package):
        try:
            return getattr(importlib.import_module(module), class_name, None)
        except BaseException as error:  # whoever's module it is, its fault must not be ours
            if is_for_program(error):
                raise
            if isinstance(error, ModuleNotFoundError) and f"{module}.".startswith(f"{error.name}."):
                continue
            raise ConfigurationError(f"{module!r} cannot be imported: {describe_failure(error)}") from error
    return None


@cache
def load_file(path: str) -> ModuleType:
    """Run the Python file that `module_path` names, once.

    Raises:
        ConfigurationError: there is no such file, or it fails.
    """
    offer_pkg_resources()
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
    except BaseException as error:
        del sys.modules[name]
        if is_for_program(error):
            raise
        raise ConfigurationError(f"module_path: {path!r} fails: {describe_failure(error, beside=file)}") from error
    return module


def secrets_of_extensions() -> Authentication:
    """Secrets with the groups that the extension `add_auth_spec` registers; a group that fails is logged."""
    app = MainApp()
    finder = class_finder()
    for extension in finder.index.named("add_auth_spec"):
        add = getattr(finder.load(extension), "AddAuthSpec", None)
        if add is None:
            continue
        try:
            add(app)
        except BaseException as error:  # an extension's fault must not be ours
            if is_for_program(error):
                raise
            logger.warning(
                "extension %s: AddAuthSpec fails: %s", extension, describe_failure(error, extension.file)
            )
    return app.auth
