"""Messages for a person's eye: one line each, or a table that is drawn again in place."""

from __future__ import annotations

import shutil
import threading
import time
from dataclasses import dataclass
from typing import TextIO

from dripline.cli.asking import value_text
from dripline.wire.message import Message, MsgReply, MsgRequest

_HEADINGS = ("KEY", "VALUE", "FROM", "AGE", "COUNT")
_WIDEST = (40, 40, 24, 8, 8)
_GAP = "  "


def line_of(message: Message) -> str:
    """A message in one line: when, routing key, what, from whom."""
    sender = _sender(message)
    return f"{_clock(message)} {message.routing_key} {_content(message)}" + (f" ({sender})" if sender else "")


@dataclass
class _Row:
    value: str
    sender: str
    seen: float
    count: int


class LiveTable:
    """One row for each routing key, with its latest message.

    Args:
        terminal: where the table is drawn, with ANSI sequences.
    """

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._rows: dict[str, _Row] = {}
        self._lock = threading.Lock()
        self._height = 0

    def take(self, message: Message) -> None:
        """Put a message into the table; may be called on any thread."""
        with self._lock:
            old = self._rows.get(message.routing_key)
            count = old.count + 1 if old else 1
            self._rows[message.routing_key] = _Row(_content(message), _sender(message), time.monotonic(), count)

    def draw(self) -> None:
        """Draw the table over the one drawn before."""
        size = shutil.get_terminal_size()
        lines = self.lines(size.columns, size.lines - 1)
        up = f"\033[{self._height}A" if self._height else ""
        # Each line is erased up to its end, what is left below of a longer table as well.
        self._terminal.write(up + "".join(f"\r{line}\033[K\n" for line in lines) + "\033[J")
        self._terminal.flush()
        self._height = len(lines)

    def lines(self, columns: int, height: int) -> list[str]:
        """The table as lines, none longer than the terminal is wide; those heard last when they are too many."""
        now = time.monotonic()
        with self._lock:
            newest = sorted(self._rows.items(), key=lambda item: -item[1].seen)[: max(height - 1, 1)]
        rows = [(key, row.value, row.sender, _age(now - row.seen), str(row.count)) for key, row in sorted(newest)]
        if not rows:
            return ["waiting for news; Ctrl-C ends"[:columns]]
        table = [_HEADINGS, *rows]
        columns_of_cells = zip(*table, strict=True)
        widths = [
            min(max(map(len, cells)), widest) for cells, widest in zip(columns_of_cells, _WIDEST, strict=True)
        ]
        return [_line(row, widths)[:columns] for row in table]


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    return _GAP.join(_fitted(cell, width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _content(message: Message) -> str:
    text = " ".join(value_text(message.plain_payload).split())
    if isinstance(message, MsgRequest):
        words = (message.message_operation.name, message.specifier_text, text if message.plain_payload else "")
        return " ".join(word for word in words if word)
    if isinstance(message, MsgReply) and message.return_code:
        return f"{message.return_code} {message.return_message} {text}".rstrip()
    return text


def _sender(message: Message) -> str:
    return str(message.sender_info.get("service_name", ""))


def _clock(message: Message) -> str:
    """When a message was sent, UTC; its timestamp is `2026-11-21T00:21:27.508039Z`."""
    return message.timestamp[11:19] or "--:--:--"


def _age(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"


def _fitted(text: str, width: int) -> str:
    return (text if len(text) <= width else text[: width - 1] + "…").ljust(width)
