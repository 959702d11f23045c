"""Loggers are named by part: moving a file changes no line of a log, and no configuration of logging."""

from __future__ import annotations

import re
from pathlib import Path

import dripline

#: `dripline.extensions` is also above the loggers of a laboratory's own modules.
PARTS = {
    "dripline.alerts",
    "dripline.broker",
    "dripline.cli",
    "dripline.config",
    "dripline.connection",
    "dripline.database",
    "dripline.extensions",
    "dripline.instruments",
    "dripline.messages",
    "dripline.service",
    "dripline.simulation",
    "dripline.testing",
    "dripline.web",
}
_CALL = re.compile(r"getLogger\((.*?)\)")


def test_each_logger_is_one_of_a_part() -> None:
    """Not one of a file."""
    folder = Path(dripline.__file__).parent
    sources = [path for path in folder.rglob("*.py") if "demo_files" not in path.parts]
    calls = {call for path in sources for call in _CALL.findall(path.read_text(encoding="utf-8"))}
    names = {call.strip('"') for call in calls if call.startswith('"')}
    assert {name for name in names if name.startswith("dripline.")} == PARTS
    assert "__name__" not in calls
