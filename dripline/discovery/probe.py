"""A process of its own in which extensions are imported, so that a list of them can tell the truth.

An extension may hang, crash or end its process; the one that asks goes on. `probe` is what to call; `main` runs in
the child, which writes a line of JSON for each extension that it came to an end with.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from dripline.discovery.class_docs import first_line
from dripline.discovery.index import Extension
from dripline.discovery.loader import ExtensionLoader
from dripline.discovery.validation import exported, kind_of
from dripline.errors import DriplineError
from dripline.wire.safe_text import duration, is_for_program, named_text_of

# The child looks for modules where we do, and not in the folder it is started in.
_CHILD = "import sys; sys.path[:] = sys.argv[1].split(chr(10)); from {0} import main; main(*sys.argv[2:])"
# What nearly all import is not theirs to wait for.
_BEFORE = "dripline.core.service"
# For starting Python and writing results, on a machine that is busy.
_MARGIN_S = 30.0


@dataclass
class Found:
    """What importing an extension showed.

    Attributes:
        reason: why it cannot be used; empty if it can.
        trace: where that happened, for its author.
        faults: what its author should mend.
        classes: dictionaries with name, kind, doc and home of the classes that it offers to configurations.
        others: further names that it offers.
    """

    reason: str = ""
    trace: str = ""
    faults: list[str] = field(default_factory=list)
    classes: list[dict[str, str]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


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
    importlib.import_module(before)
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
    found = Found(faults=loader.faults.get(extension, []))
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
