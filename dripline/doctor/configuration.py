"""Examines configuration files and mesh settings."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from dripline.config.diagnostics import WARNING, Diagnostic, diagnostics_of
from dripline.doctor.installation import short
from dripline.doctor.report import FindingRecorder
from dripline.errors import ConfigurationError
from dripline.programs.common_options import CommonOptions

if TYPE_CHECKING:
    from dripline.programs.session import Session

_PREFIX = "DRIPLINE_"
# Name, and whether its value is a secret.
_VARIABLES = {
    "DRIPLINE_USER": False,
    "DRIPLINE_PASSWORD": True,
    "DRIPLINE_DISABLE_EXTENSIONS": False,
    "DRIPLINE_TEST_BROKER": True,
    "DRIPLINE_HTTP_TOKEN": True,
    "DRIPLINE_HTTP_USER": False,
    "DRIPLINE_HTTP_PASSWORD": True,
}


def examine_configuration(record: FindingRecorder, common: CommonOptions, files: Sequence[str]) -> Session | None:
    """Look at environment, mesh file, options and the files given.

    Args:
        record: where the findings go.
        common: the common options.
        files: configurations to check.

    Returns:
        What leads to the mesh; None when that cannot be made of the settings.
    """
    _look_at_environment(record)
    known: set[str] = set()
    _check_files(record, files, known)
    session = _open_session(record, common, known)
    if session is not None:
        mesh = session.mesh
        where = f"{'amqps' if mesh.tls else 'amqp'}://{mesh.broker}:{mesh.broker_port}"
        record.ok(
            f"broker {where}, virtual host {mesh.virtual_host!r}, user {session.username!r} ({_sources(common)})",
            broker=mesh.broker,
            port=mesh.broker_port,
            virtual_host=mesh.virtual_host,
            user=session.username,
            tls=mesh.tls,
        )
    return session


def _look_at_environment(record: FindingRecorder) -> None:
    from dripline.config.suggest import did_you_mean

    given = sorted(name for name in os.environ if name.startswith(_PREFIX))
    for name in given:
        if name not in _VARIABLES and not name.startswith("DRIPLINE_TEST_"):
            near = did_you_mean(name, _VARIABLES)
            if near:  # others may be for ENV{NAME} in a configuration
                record.warning(f"environment variable {name} is none that dripline knows{near}", f"unset {name}")
    for name in given:
        if name in _VARIABLES and not os.environ[name]:
            record.warning(f"environment variable {name} is empty", f"unset {name}")
    known = [_shown(name) for name in given if name in _VARIABLES and os.environ[name]]
    if known:
        record.ok(f"environment: {', '.join(known)}")


def _shown(name: str) -> str:
    return f"{name}=…" if _VARIABLES[name] else f"{name}={os.environ[name]}"


def _check_files(record: FindingRecorder, files: Sequence[str], known: set[str]) -> None:
    if not files:
        return
    from dripline.checking import check_files

    findings = check_files(files)
    _record_once(record, findings.sorted(), known)
    if not findings.errors:
        noun = "file is" if len(files) == 1 else "files are"
        record.ok(f"{len(files)} {noun} right: {', '.join(files)}", files=list(files))


def _open_session(record: FindingRecorder, common: CommonOptions, known: set[str]) -> Session | None:
    from dripline.programs.session import load_session

    defaults = {"dripline_mesh": {"max_connection_attempts": 1}}
    try:
        result = load_session(common, defaults=defaults)
        _record_once(record, [one for one in result.loaded.diagnostics if one.severity == WARNING], known)
        return result.session()
    except ConfigurationError as error:
        _record_once(record, diagnostics_of(error), known)
        return None


def _record_once(record: FindingRecorder, found: Iterable[Diagnostic], known: set[str]) -> None:
    """Record diagnostics, each once: the user's mesh file belongs to every configuration."""
    for one in found:
        text = str(one)
        if text not in known:
            known.add(text)
            remedy = f"edit {short(one.place.source)}" if os.path.isfile(one.place.source) else ""
            (record.warning if one.severity == WARNING else record.broken)(text, remedy)


def _sources(common: CommonOptions) -> str:
    from dripline.config.load import user_mesh_file

    sources = [name for name in (user_mesh_file(), common.config) if name]
    options = (common.broker, common.port, common.username, common.password, common.password_file)
    named = [short(name) for name in sources] + ["options"] * any(option is not None for option in options)
    return ", ".join(named) or "all defaults"
