"""What commands print: raw where a program reads it, escaped on a terminal and on standard error.

Text from the mesh or from a file must not steer a terminal, but `dl get x > file` writes it as it is.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import Any

from dripline.wire.safe_text import safe_json, safe_lines, safe_text


def on_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def show(text: str) -> None:
    """Print text whose lines are ours.

    Args:
        text: One or several lines.
    """
    print(safe_lines(text) if on_terminal() else text, flush=True)


def show_value(text: str) -> None:
    """Print a value; on a terminal it is one line, whatever it contains."""
    print(safe_text(text) if on_terminal() else text, flush=True)


def show_json(text: str) -> None:
    """Print a JSON document; on a terminal with more escapes, but the same document."""
    print(safe_json(text) if on_terminal() else text, flush=True)


def complain(line: str) -> None:
    """Print a line on standard error."""
    print(safe_text(line), file=sys.stderr)


def terminal_size() -> os.terminal_size:
    """Return the size of the terminal, or 80 by 24 if it reports 0, as pseudo-terminals may."""
    size = shutil.get_terminal_size()
    return os.terminal_size((size.columns or 80, size.lines or 24))


def value_text(payload: Any) -> str:
    """What a person wants to see of a payload.

    Args:
        payload: Its value (see `value_of`) is shown, or all of it if it has none.

    Returns:
        Text as it is, everything else as JSON; nothing for None.
    """
    from dripline.wire.message import value_of

    value = value_of(payload, default=payload)
    if value is None:
        return "" if payload is None else "null"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
