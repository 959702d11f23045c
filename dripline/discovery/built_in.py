"""The classes that dripline brings, with the extra that each needs."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from dripline.config.extras import pip_install
from dripline.discovery.class_docs import first_line
from dripline.discovery.validation import kind_of

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


def built_in() -> list[BuiltIn]:
    """All of them, by name."""
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
