"""The list of extensions as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from textwrap import indent
from typing import Any

from dripline.cli.output import terminal_size
from dripline.discovery.inventory import DISABLED, BuiltIn, Listed, short_path
from dripline.wire.version import VERSION

_WIDEST_NAME = 32


def json_of(listed: Sequence[Listed], ready_made: Sequence[BuiltIn]) -> dict[str, Any]:
    """The list for programs."""
    return {
        "extensions": [one.as_json() for one in listed],
        "built_in": [{**asdict(one), "missing": one.missing or None} for one in ready_made],
    }


def text_of(listed: Sequence[Listed], ready_made: Sequence[BuiltIn], traces: bool = False) -> str:
    """The list for people.

    Args:
        listed: the extensions.
        ready_made: dripline's own classes.
        traces: whether to show where broken extensions break.
    """
    lines = [] if listed else ["no extension is installed", ""]
    for one in listed:
        lines += [*_extension(one, traces), ""]
    lines.append(f"built in: dripline {VERSION}")
    rows = [(one.name, one.kind, _remark(one) or one.doc) for one in ready_made]
    return "\n".join([*lines, *_rows(rows)])


def _remark(one: BuiltIn) -> str:
    return f"needs {one.missing}" if one.missing else ""


def _extension(one: Listed, traces: bool) -> list[str]:
    source = one.extension.source
    known = f"{source.distribution} {source.version}".strip() or "no distribution"
    place = f"in development at {short_path(source.project)}" if source.project else ""
    if not source.distribution and one.extension.place:
        place = short_path(one.extension.place)
    state = ": ".join(part for part in (one.state if one.state != DISABLED else "", one.reason) if part)
    lines = [f"{one.extension.name}: {state}", "  " + ", ".join(filter(None, (known, one.origin, place)))]
    lines += _rows([(cls["name"], cls["kind"], cls["doc"]) for cls in one.classes])
    if one.others:
        lines.append(f"  and {', '.join(one.others)}")
    lines += [f"  note: {note}" for note in one.notes]
    return lines + (indent(one.trace.rstrip(), "  | ").splitlines() if traces and one.trace else [])


def _rows(rows: Sequence[tuple[str, str, str]]) -> list[str]:
    """Names, kinds and texts in columns, no line longer than the terminal is wide."""
    columns = terminal_size().columns
    width = min(max((len(name) for name, _, _ in rows), default=0), _WIDEST_NAME)
    lines = (f"  {name.ljust(width)}  {kind or '-':8}  {text}".rstrip() for name, kind, text in rows)
    return [line if len(line) <= columns else line[: columns - 1] + "…" for line in lines]
