"""Runs several services as child processes that stop together."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import IO

from dripline.checking.file_check import check_together
from dripline.config.diagnostics import Diagnostics, diagnostics_of
from dripline.errors import ConfigurationError
from dripline.programs.common_options import MESH_KEYS, CommonOptions
from dripline.programs.session import Session
from dripline.programs.signals import StopEvent

logger = logging.getLogger("dripline.cli")

# A service gives the requests in hand five seconds, unless told otherwise.
_GRACE_S = 7.0
_LOOK_S = 0.1


def open_all(files: Sequence[str], open_one: Callable[[str], Session]) -> list[Session]:
    """Check every file.

    Raises:
        ConfigurationError: with the lines of all files that are wrong.
    """
    sessions: list[Session] = []
    found = Diagnostics()
    for file in files:
        try:
            sessions.append(open_one(file))
        except ConfigurationError as error:
            found += diagnostics_of(error)
    found += check_together(sessions)
    found.raise_errors()
    return sessions


def run_all(
    files: Sequence[str],
    sessions: Sequence[Session],
    common: CommonOptions,
    *,
    words: Sequence[str] = (),
    log: IO[bytes] | None = None,
    on_look: Callable[[], None] | None = None,
) -> int:
    """Run the service of each file until a signal comes or one of them ends.

    They end together: if one ends by itself, whatever the reason, the log says which and why, and the others are
    stopped. If this process is killed, the services notice the end of their standard input and stop as well.

    Args:
        files: one file for each service.
        sessions: what the files hold.
        common: options that are handed on.
        words: `key=value` words for every service.
        log: where they log; standard error when None.
        on_look: called again and again while they run.

    Returns:
        The exit code: that of the first service that ended by itself, 1 instead of 0; else the highest of all.
    """
    stop = StopEvent()
    children: dict[str, subprocess.Popen[bytes]] = {}
    codes: dict[str, int] = {}
    first = 0
    with stop.armed():
        try:
            for file, session in zip(files, sessions, strict=True):
                children[file] = _start(file, session, [*words, *_handed_on(common)], log)
            while not first and not stop.wait(_LOOK_S):
                first = _ended_by_themselves(children, codes)
                if on_look is not None and not first:
                    on_look()
        finally:
            try:
                _end(children, codes)
            except BaseException:  # a second signal: at once
                for child in children.values():
                    child.kill()
                    child.wait()
                raise
    return first or max(map(_exit_code, codes.values()))


def _start(file: str, session: Session, further: Sequence[str], log: IO[bytes] | None) -> subprocess.Popen[bytes]:
    name = str(session.configuration.get("name"))
    words = [sys.executable, "-m", "dripline.cli.dl_serve", "-c", file, "--log-name", name, "--end-with-stdin"]
    # Secrets go through the environment: everybody on the machine sees the words of a process.
    environment = {**os.environ, "DRIPLINE_USER": session.username, "DRIPLINE_PASSWORD": session.password}
    return subprocess.Popen(
        [*words, *further],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def _handed_on(common: CommonOptions) -> list[str]:
    words: list[str] = []
    for option in ("auth_file", "password_file", *MESH_KEYS):
        value, name = getattr(common, option), option.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{name}" if value else f"--no-{name}")
        elif value is not None:
            words += [f"--{name}", str(value)]
    return [*words, *["-v"] * common.verbose, *["-q"] * common.quiet]


def _ended_by_themselves(children: dict[str, subprocess.Popen[bytes]], codes: dict[str, int]) -> int:
    """Log the services that have ended though nobody stopped them; returns the first exit code, 0 for none."""
    first = 0
    for file, child in children.items():
        code = child.poll()
        if code is not None:
            codes[file] = code
            logger.error("the service of %s %s; stopping the other services", file, _end_text(code))
            first = first or _exit_code(code) or 1
    return first


def _end_text(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (kill -9, or the system ran out of memory)" if -code == signal.SIGKILL else ""
    return f"was killed by {name}{hint}"


def _exit_code(code: int) -> int:
    return code if code >= 0 else 128 - code  # as a shell does


def _end(children: dict[str, subprocess.Popen[bytes]], codes: dict[str, int]) -> None:
    """End all that still run: politely first, then at once."""
    deadline = time.monotonic() + _GRACE_S
    for child in children.values():
        if child.poll() is None:
            child.terminate()
    for file, child in children.items():
        try:
            code = child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            logger.warning("the service of %s does not end; killing it", file)
            child.kill()
            code = child.wait()
        codes.setdefault(file, 0 if code == -signal.SIGTERM else code)  # it was asked before it listened
        if child.stdin:
            child.stdin.close()
