"""Standard output: raw for programs, escaped for terminals.

Text from the mesh or from a file must not steer a terminal, but `dl get x > file` writes it as it is.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dripline.wire.safe_text import safe_json, safe_lines, safe_text

if TYPE_CHECKING:
    from dripline.wire.message import Message


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


def show_message(message: Message, json_print: bool = False, pretty_print: bool = False) -> None:
    """Print a message to standard output: a readable block, a line of JSON, or indented JSON.

    Args:
        message: The message.
        json_print: Whether as a line of JSON.
        pretty_print: Whether as indented JSON.
    """
    from dripline.wire.printing import to_json, to_text

    if json_print or pretty_print:
        show_json(to_json(message, indent=None if json_print else 4))
    else:
        print(to_text(message, safe_text if on_terminal() else str), flush=True)


def complain(line: str) -> None:
    """Print a line on standard error."""
    print(safe_text(line), file=sys.stderr)


def forget_output() -> None:
    """Go on without standard output: its reader has gone, as in `dl mon | head -3`, or its disk is full."""
    # Python would complain once more when it flushes at the end.
    with suppress(io.UnsupportedOperation):  # a program in Python has put something else there
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
