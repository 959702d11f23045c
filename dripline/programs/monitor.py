"""Follows messages: prints lines, or a live table."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from dripline.formula.readings import float_of
from dripline.programs.output import forget_output, terminal_size, value_text
from dripline.programs.signals import Interrupted, StopEvent, on_signal
from dripline.wire.message import Message, MsgReply, MsgRequest
from dripline.wire.safe_text import safe_text

if TYPE_CHECKING:
    from dripline.programs.session import Session

logger = logging.getLogger("dripline.cli")

_CONNECT_S = 30.0
_HEADINGS = ("KEY", "VALUE", "FROM", "AGE", "COUNT")
_KEY, _VALUE, _FROM, _AGE, _COUNT = range(5)
_WIDEST = (48, 40, 24, 8, 8)
_TO_THE_RIGHT = (_AGE, _COUNT)
#: What goes first where the terminal is narrow.
_LEFT_OUT = (_COUNT, _FROM, _AGE)
_NARROW = 12
_GAP = "  "
#: Digits of a number that a person reads; the whole of it is in the lines.
_DIGITS = 7

_BOLD, _DIM, _YELLOW, _RED, _PLAIN = "\033[1m", "\033[2m", "\033[33m", "\033[31m", "\033[0m"
_SEVERITIES = {"warning": _YELLOW, "critical": _RED}


def listen(
    session: Session,
    request_keys: Sequence[str],
    alert_keys: Sequence[str],
    on_message: Callable[[Message], None],
    on_tick: Callable[[], None] | None = None,
    tick_s: float = 0.25,
) -> None:
    """Call a function with every message, until SIGINT or SIGTERM or until nobody reads standard output.

    Args:
        session: whom to listen to.
        request_keys: binding keys on the requests exchange.
        alert_keys: binding keys on the alerts exchange.
        on_message: called on another thread, one message at a time.
        on_tick: called on this thread, again and again.
        tick_s: how often, in seconds.
    """
    stop = StopEvent()
    failures: list[BaseException] = []

    def guarded(message: Message) -> None:
        if stop.is_set():
            return
        try:
            on_message(message)
        except BrokenPipeError:
            forget_output()
            stop.set()
        except Exception as error:  # noqa: BLE001  # it must end the command as one of the main thread does
            failures.append(error)
            stop.set()

    def give_up() -> None:
        stop.set()
        raise Interrupted

    # Connecting comes first: Ctrl-C shall interrupt it, and the wait for a broker that has fallen silent.
    with session.client().in_time() as client:
        client.open(timeout_s=_CONNECT_S)
        with stop.armed():
            with suppress(Interrupted), on_signal(give_up):
                client.monitor(request_keys, alert_keys, guarded, _CONNECT_S)
            logger.info("listening to requests %s and alerts %s", list(request_keys), list(alert_keys))
            while not stop.wait(tick_s if on_tick else None):
                if on_tick:
                    on_tick()
    if failures:
        raise failures[0]


def can_be_drawn(terminal: TextIO) -> bool:
    """Whether a table can be drawn somewhere: a pipe and a terminal without ANSI sequences get lines."""
    return terminal.isatty() and os.environ.get("TERM") != "dumb"


def line_of(message: Message) -> str:
    """A message in one line: when, routing key, what, from whom."""
    sender = _sender(message)
    return f"{_clock(message)} {safe_text(message.routing_key)} {_content(message)}" + (
        f" ({sender})" if sender else ""
    )


@dataclass
class _Row:
    value: str
    sender: str
    seen: float
    count: int


class LiveTable:
    """One row for each routing key, with its latest message.

    Args:
        terminal: where the table is drawn, with ANSI sequences; coloured unless ``NO_COLOR`` is set.
    """

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal
        self._coloured = not os.environ.get("NO_COLOR")
        self._rows: dict[str, _Row] = {}
        self._lock = threading.Lock()
        self._height = 0
        self._columns = 0
        self._widths = [0] * len(_HEADINGS)

    def take(self, message: Message) -> None:
        """Put a message into the table; may be called on any thread."""
        with self._lock:
            old = self._rows.get(message.routing_key)
            count = old.count + 1 if old else 1
            self._rows[message.routing_key] = _Row(_shown(message), _sender(message), time.monotonic(), count)

    def draw(self) -> None:
        """Draw the table over the one drawn before."""
        size = terminal_size()
        lines = self.lines(size.columns, size.lines - 1)
        if self._coloured:
            lines = [_painted(line) for line in lines]
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
        rows = [
            (safe_text(key), row.value, row.sender, _age(now - row.seen), str(row.count))
            for key, row in sorted(newest)
        ]
        if not rows:
            return ["waiting for news; Ctrl-C ends"[:columns]]
        table = [_HEADINGS, *rows]
        widths = self._layout(table, columns)
        return [_line(row, widths)[:columns] for row in table]

    def _layout(self, table: Sequence[tuple[str, ...]], columns: int) -> list[int]:
        """How wide each column is, 0 for one that is left out. They only grow, so that nothing jumps about."""
        if columns != self._columns:
            self._columns, self._widths = columns, [0] * len(_HEADINGS)
        wanted = [max(map(len, cells)) for cells in zip(*table, strict=True)]
        self._widths = [
            max(before, min(width, widest))
            for before, width, widest in zip(self._widths, wanted, _WIDEST, strict=True)
        ]
        widths = list(self._widths)
        _shrink(widths, _VALUE, columns)
        for column in _LEFT_OUT:
            if _total(widths) > columns:
                widths[column] = 0
                widths[_VALUE] = self._widths[_VALUE]
                _shrink(widths, _VALUE, columns)
        _shrink(widths, _KEY, columns)
        return widths


def _total(widths: list[int]) -> int:
    shown = [width for width in widths if width]
    return sum(shown) + len(_GAP) * (len(shown) - 1)


def _shrink(widths: list[int], column: int, columns: int) -> None:
    """Make a column narrower where the table is too wide, but not too narrow to be of use."""
    least = min(widths[column], _NARROW)
    widths[column] = max(least, widths[column] - max(0, _total(widths) - columns))


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    shown = [
        _fitted(cell, width, column)
        for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        if width
    ]
    return _GAP.join(shown).rstrip()


def _fitted(text: str, width: int, column: int) -> str:
    if len(text) > width:  # what tells keys apart is at their end
        text = "…" + text[len(text) - width + 1 :] if column == _KEY else text[: width - 1] + "…"
    return text.rjust(width) if column in _TO_THE_RIGHT else text.ljust(width)


def _painted(line: str) -> str:
    """A line of the table in colour: what is no news is dim, what is not well is yellow or red."""
    key, gap, rest = line.partition(_GAP)
    if key.strip() == _HEADINGS[_KEY]:
        return f"{_BOLD}{line}{_PLAIN}"
    words = key.rpartition(".")
    if key.startswith("status_message."):
        colour = _SEVERITIES.get(words[2])
        return f"{colour}{line}{_PLAIN}" if colour else line
    return f"{_DIM}{words[0]}{words[1]}{_PLAIN}{words[2]}{gap}{rest}"


def _shown(message: Message) -> str:
    """What a table shows of a message; a number with as many digits as are read."""
    text = _content(message)
    number = float_of(text)
    return text if number is None or len(text) <= _DIGITS + 2 else f"{number:.{_DIGITS}g}"


def _content(message: Message) -> str:
    text = safe_text(" ".join(value_text(message.plain_payload).split()))
    if isinstance(message, MsgRequest):
        words = (
            message.message_operation.name,
            safe_text(message.specifier_text),
            text if message.plain_payload else "",
        )
        return " ".join(word for word in words if word)
    if isinstance(message, MsgReply) and message.return_code:
        return f"{message.return_code} {safe_text(message.return_message)} {text}".rstrip()
    return text


def _sender(message: Message) -> str:
    return safe_text(str(message.sender_info.get("service_name", "")))


def _clock(message: Message) -> str:
    """When a message was sent, UTC; its timestamp is `2026-11-21T00:21:27.508039Z`."""
    return safe_text(message.timestamp[11:19]) or "--:--:--"


def _age(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"
