"""Inventory for `dl extensions`: distribution, classes and import result of every extension.

Extensions are imported in a separate process: one may hang, crash or end its process, and the list is complete
all the same. `probe` starts that process, `main` runs in it and writes a line of JSON for each extension.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from dripline.config.suggest import pip_install
from dripline.discovery.class_finder import ClassFinder
from dripline.discovery.exported_names import first_line, read_docs
from dripline.discovery.index import Extension
from dripline.discovery.loader import ExtensionLoader
from dripline.discovery.validation import exported, kind_of
from dripline.errors import DriplineError
from dripline.wire.safe_text import duration, is_for_program, named_text_of

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
class Found:
    """What importing an extension showed.

    Attributes:
        reason: why it cannot be used; empty if it can.
        trace: where that happened, for its author.
        notes: what its author, or whoever installed it, should know.
        classes: dictionaries with name, kind, doc and home of the classes that it offers to configurations.
        others: further names that it offers, which no configuration can name.
    """

    reason: str = ""
    trace: str = ""
    notes: list[str] = field(default_factory=list)
    classes: list[dict[str, str]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


@dataclass
class Listed(Found):
    """One extension of the list.

    Attributes:
        extension: which.
        state: `ok`, `broken` or `disabled`.
    """

    extension: Extension = field(kw_only=True)
    state: str = OK

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
        _listed(extension, found[extension])
        if extension in found
        else Listed(why, extension=extension, state=DISABLED)
        for extension, why in disabled.items()
    ]
    for one in listed:
        if one.state != OK:
            one.classes = _read_classes(one.extension, finder)
    _note_conflicts([one for one in listed if one.state == OK], finder)
    return listed


def _listed(extension: Extension, found: Found) -> Listed:
    return Listed(**vars(found), extension=extension, state=BROKEN if found.reason else OK)


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


# The child looks for modules where we do, and not in the folder it is started in.
_CHILD = "import sys; sys.path[:] = sys.argv[1].split(chr(10)); from {0} import main; main(*sys.argv[2:])"
# What nearly all import is not theirs to wait for.
_BEFORE = "dripline.core.service"
# For starting Python and writing results, on a machine that is busy.
_MARGIN_S = 30.0


def probe(extensions: Sequence[Extension], limit_s: float) -> list[Found]:
    """Import extensions in a child; once more without it whenever one takes the child with it.

    Args:
        extensions: what to import.
        limit_s: how long each may take.

    Raises:
        DriplineError: not even dripline can be imported there.
    """
    found: dict[int, Found] = {}
    while missing := [number for number in range(len(extensions)) if number not in found]:
        results, code, trace = _run_child([extensions[number] for number in missing], limit_s)
        found.update(zip(missing, results, strict=False))
        if len(results) < len(missing):
            culprit = missing[len(results)]
            found[culprit] = Found(_end_told(code, trace, limit_s, extensions[culprit]), trace)
    return [found[number] for number in range(len(extensions))]


def _run_child(extensions: Sequence[Extension], limit_s: float) -> tuple[list[Found], int | None, str]:
    """What the child found out before it ended, its exit code (None: it did not end), and where it was then."""
    with tempfile.TemporaryDirectory() as folder:
        wanted, results, trace = (Path(folder) / name for name in ("wanted", "results", "trace"))
        wanted.write_text(json.dumps([asdict(extension) for extension in extensions]))
        code = _CHILD.format(__name__)
        words = [sys.executable, "-c", code, "\n".join(sys.path), str(folder), str(limit_s), _BEFORE]
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            ended = process.wait(limit_s * len(extensions) + _MARGIN_S)
        except subprocess.TimeoutExpired:
            ended = None
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # also what an extension started
            process.wait()
        if not results.exists():
            raise DriplineError(
                "the process in which extensions are imported does not start; "
                f"python -c 'import {_BEFORE}' shows why"
            )
        lines = results.read_text().splitlines()
        stack = trace.read_text() if trace.exists() else ""
    return [Found(**json.loads(line)) for line in lines], ended, stack


def _end_told(code: int | None, stack: str, limit_s: float, extension: Extension) -> str:
    place = _place(stack, os.path.dirname(extension.place))
    if code is None or stack.startswith("Timeout ("):
        return f"importing it takes longer than {duration(limit_s)}{place}"
    if code < 0:
        return f"importing it ends the process with {signal.Signals(-code).name}{place}"
    return f"importing it ends the process with exit code {code}"


def _place(stack: str, folder: str) -> str:
    """The innermost place of a stack in a folder; `faulthandler` writes `File "pumps.py", line 3 in <module>`."""
    for line in stack.splitlines():
        if folder and line.startswith(f'  File "{folder}{os.sep}'):
            file, _, rest = line.removeprefix('  File "').partition('", line ')
            return f" ({os.path.basename(folder)}/{os.path.relpath(file, folder)}:{rest.split()[0]})"
    return ""


def main(folder: str, limit_s: str, before: str) -> None:
    """Import what the parent wants, in the child, after a module that is not counted."""
    import_module(before)
    wanted = json.loads((Path(folder) / "wanted").read_text())
    with (Path(folder) / "results").open("w") as results, (Path(folder) / "trace").open("w") as stack:
        faulthandler.enable(stack, all_threads=False)
        for fields in wanted:
            # A thread of C, which no extension can keep from working.
            faulthandler.dump_traceback_later(float(limit_s), file=stack, exit=True)
            failures: dict[Extension, str] = {}
            found = _look(Extension(**fields), ExtensionLoader(failures), failures)
            faulthandler.cancel_dump_traceback_later()
            print(json.dumps(asdict(found)), file=results, flush=True)
    os._exit(0)  # an extension may have started threads, or have something to say at the end


def _look(extension: Extension, loader: ExtensionLoader, failures: dict[Extension, str]) -> Found:
    module = loader.load(extension)
    if module is None:
        return Found(failures[extension], loader.traces.get(extension, ""))
    found = Found(notes=loader.faults.get(extension, []))
    try:
        for name, value in _offered(extension, module, loader):
            _sort_in(name, value, found)
    except BaseException as error:  # whatever an extension does when it is looked at
        if is_for_program(error):
            raise
        found = Found(named_text_of(error), "".join(traceback.format_exception(error)))
    if extension in failures:
        return Found(failures[extension])
    if extension.attribute and not found.classes:
        found.reason = f"its entry point names {extension.attribute!r}, which is no class for a configuration"
    return found


def _offered(extension: Extension, module: ModuleType, loader: ExtensionLoader) -> list[tuple[str, Any]]:
    if extension.attribute:
        return [(extension.name, loader.take(extension, extension.name))]
    named = [(name, getattr(module, name)) for name in exported(module)]
    if extension.is_init_file:
        return [(name, value) for name, value in named if getattr(value, "__module__", "") == extension.module]
    return named


def _sort_in(name: str, value: Any, found: Found) -> None:
    kind = kind_of(value) if isinstance(value, type) else ""
    if kind:
        home = f"{value.__module__}.{value.__qualname__}"
        found.classes.append({"name": name, "kind": kind, "doc": first_line(value.__doc__), "home": home})
    elif value is not None:
        found.others.append(name)
