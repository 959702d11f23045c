"""What is installed: each extension with its distribution, classes and state, and our own classes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from dripline.config.extras import pip_install
from dripline.discovery.class_docs import first_line, read_docs
from dripline.discovery.class_finder import ClassFinder
from dripline.discovery.index import Extension
from dripline.discovery.probe import Found, probe
from dripline.discovery.validation import kind_of

OK, BROKEN, DISABLED = "ok", "broken", "disabled"

# Extra of dripline's distribution, and the module that it brings.
_MODULE_OF = {"http": "aiohttp", "postgres": "psycopg", "serial": "serial", "sql": "sqlalchemy", "visa": "pyvisa"}
_NEEDS = {
    "HTTPServer": "http",
    "PostgreSQLInterface": "postgres",
    "PostgresSensorLogger": "postgres",
    "SQLTable": "sql",
    "SensorLogger": "sql",
    "SerialSCPIService": "serial",
    "VISAService": "visa",
}


@dataclass
class Listed:
    """One extension of the list.

    Attributes:
        extension: which.
        state: `ok`, `broken` or `disabled`.
        reason: why it is not ok.
        trace: where it breaks.
        notes: what its author, or whoever installed it, should know.
        classes: dictionaries with name, kind and doc.
        others: further names that it offers, which no configuration can name.
    """

    extension: Extension
    state: str = OK
    reason: str = ""
    trace: str = ""
    notes: list[str] = field(default_factory=list)
    classes: list[dict[str, str]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """How it is found: by the namespace, an entry point, or both."""
        point = self.extension.entry_point
        if not self.extension.module.startswith("dripline.extensions"):
            return f"entry point {point!r}"
        return f"namespace and entry point {point!r}" if point else "namespace"

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        source = self.extension.source
        return {
            "name": self.extension.name,
            "module": self.extension.module,
            "distribution": source.distribution or None,
            "version": source.version or None,
            "origin": self.origin,
            "editable": source.project or None,
            "file": self.extension.place or None,
            "state": self.state,
            "reason": self.reason or None,
            "notes": self.notes,
            "classes": [{key: one[key] for key in ("name", "kind", "doc")} for one in self.classes],
            "others": self.others,
        }


@dataclass(frozen=True)
class BuiltIn:
    """A class of dripline's own that a configuration can name.

    Attributes:
        name: as `module` has it.
        kind: service or endpoint.
        doc: first line of its documentation.
        missing: what must be installed before it can be used, as a command; empty if nothing is.
    """

    name: str
    kind: str
    doc: str
    missing: str = ""


def take_inventory(finder: ClassFinder, limit_s: float) -> list[Listed]:
    """List all extensions; those that are not disabled are imported, in a process of their own.

    Args:
        finder: knows what is installed and what is disabled.
        limit_s: how long importing one may take.
    """
    extensions = finder.index.extensions
    disabled = {extension: finder.disabled.reason(extension) for extension in extensions}
    enabled = [extension for extension in extensions if not disabled[extension]]
    found = dict(zip(enabled, probe(enabled, limit_s), strict=True))
    listed = [
        _listed(extension, found[extension]) if extension in found else Listed(extension, DISABLED, why)
        for extension, why in disabled.items()
    ]
    for one in listed:
        if one.state != OK:
            one.classes = _read_classes(one.extension, finder)
    _note_conflicts([one for one in listed if one.state == OK], finder)
    return listed


def _listed(extension: Extension, found: Found) -> Listed:
    state = BROKEN if found.reason else OK
    return Listed(extension, state, found.reason, found.trace, found.faults, found.classes, found.others)


def _read_classes(extension: Extension, finder: ClassFinder) -> list[dict[str, str]]:
    """What the text of an extension tells, where it cannot be imported."""
    docs = read_docs(extension.file, finder.index.exports[extension].names) if extension.file else {}
    return [{"name": name, "kind": "", "doc": docs[name]} for name in sorted(docs)]


def _note_conflicts(listed: list[Listed], finder: ClassFinder) -> None:
    """Tell each class that is hidden by one of the same name in an extension before it."""
    taken: dict[str, tuple[Listed, str]] = {}
    for one in listed:
        exported = finder.index.exports[one.extension].names
        for cls in one.classes:
            if cls["name"] not in exported:
                continue  # it is found when nobody exports one
            first, home = taken.setdefault(cls["name"], (one, cls["home"]))
            if home != cls["home"]:
                name = f"{one.extension.name}.{cls['name']}"
                one.notes.append(
                    f"class {cls['name']!r} is in extension {first.extension} too, which is taken; "
                    f"'module: {name}' names this one"
                )


def built_in() -> list[BuiltIn]:
    """The classes that dripline brings, by name."""
    found: dict[str, BuiltIn] = {}
    for package in ("dripline.core", "dripline.implementations"):
        module = import_module(package)
        for name in dir(module):
            if name[0].isupper() and (one := _described(package, name)):
                found[name] = one
    return [found[name] for name in sorted(found, key=str.lower)]


def _described(package: str, name: str) -> BuiltIn | None:
    extra = _NEEDS.get(name, "")
    missing = pip_install(extra) if extra and find_spec(_MODULE_OF[extra]) is None else ""
    try:
        cls = getattr(import_module(package), name)
    except ImportError as error:  # its module begins with a library that is not there
        return BuiltIn(name, "", "", missing or str(error))
    kind = kind_of(cls) if isinstance(cls, type) else ""
    return BuiltIn(name, kind, first_line(cls.__doc__), missing) if kind in ("service", "endpoint") else None


def short_path(path: str) -> str:
    """A path as people read it, from their home on."""
    home = os.path.join(os.path.expanduser("~"), "")
    return os.path.join("~", path.removeprefix(home)) if path.startswith(home) else path
