"""Imports extensions when one of their classes is needed; failures are logged once."""

from __future__ import annotations

import importlib
import logging
import traceback
from types import ModuleType
from typing import Any

from dripline.discovery import namespace_package
from dripline.discovery.index import Extension
from dripline.discovery.validation import describe_failure, faults, is_version
from dripline.errors import DriplineError
from dripline.wire.safe_text import is_for_program
from dripline.wire.sender import add_version

logger = logging.getLogger("dripline.extensions")


class ExtensionLoader:
    """Imports each extension at most once.

    Args:
        failures: reason by extension, for those that cannot be used; what fails is added.

    Attributes:
        faults: what should be mended, by extension, for those that were imported.
        traces: where those that cannot be imported fail.
    """

    def __init__(self, failures: dict[Extension, str]) -> None:
        self.faults: dict[Extension, list[str]] = {}
        self.traces: dict[Extension, str] = {}
        self._failures = failures
        self._modules: dict[tuple[str, str], ModuleType | None] = {}

    def load(self, extension: Extension) -> ModuleType | None:
        """Import an extension; None when it fails, which is told once and kept."""
        key = (extension.module, extension.file)
        if key not in self._modules:
            self._modules[key] = self._import(extension)
        elif self._modules[key] is None:
            self._failures.setdefault(extension, self._reason(key))  # a second entry point of the same package
        return self._modules[key]

    def take(self, extension: Extension, name: str) -> Any:
        """What an extension has under a name; None when it has nothing of that name or fails."""
        found: Any = self.load(extension)
        if found is None or not extension.attribute:
            return self._part(extension, found, name)
        if name not in (extension.name, extension.attribute.rpartition(".")[2]):
            return None
        for part in extension.attribute.split("."):
            found = self._part(extension, found, part)
        if found is None:
            reason = f"its entry point names {extension.attribute!r}, which {extension.module!r} does not have"
            self._failures.setdefault(extension, reason)
        return found

    def _part(self, extension: Extension, whole: Any, name: str) -> Any:
        try:
            return getattr(whole, name, None)
        except BaseException as error:  # a package may import its parts when they are named
            if is_for_program(error):
                raise
            self._failures[extension] = describe_failure(error, beside=extension.file)
            return None

    def _import(self, extension: Extension) -> ModuleType | None:
        namespace_package.offer_pkg_resources()
        try:
            if not extension.module:
                raise ImportError("its entry point is neither a module nor module:Class")
            if extension.is_init_file:
                module = namespace_package.run_init_file(extension.file)
            else:
                module = importlib.import_module(extension.module)
            found = faults(module)  # a package may have code behind its names
        except BaseException as error:  # an extension's fault must not be ours
            if is_for_program(error):
                raise
            reason = describe_failure(error, beside=extension.file)
            self._failures[extension] = reason
            self.traces[extension] = "".join(traceback.format_exception(error))
            logger.warning("extension %s cannot be imported: %s", extension, reason)
            logger.debug("extension %s", extension, exc_info=error)
            return None
        self.faults[extension] = found
        for fault in found:
            logger.warning("extension %s: %s", extension, fault)
        _announce_version(extension, module)
        return module

    def _reason(self, key: tuple[str, str]) -> str:
        return next(
            (reason for known, reason in self._failures.items() if (known.module, known.file) == key), "fails"
        )


def _announce_version(extension: Extension, module: ModuleType) -> None:
    """Tell the mesh about an extension's version, from the package itself or from how it is installed."""
    version = getattr(module, "version", None)
    if not is_version(version):
        version = extension.version
    try:
        known = {"version": version} if isinstance(version, str) else version
        add_version(f"dripline.extensions.{extension.name}", known)
    except DriplineError:
        logger.debug("extension %s tells no version", extension)  # it need not have one
