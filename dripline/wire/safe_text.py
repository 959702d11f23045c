"""Escapes text from elsewhere for logs and terminals; texts of exceptions and durations.

A peer chooses what is in its messages, and a file's author what is in the file. Control characters there would
rewrite a terminal or begin a line that looks like one of ours, bidirectional marks would show it in another order.
"""

from __future__ import annotations

import math
import re
import threading
import traceback
from collections.abc import Iterator

_UNUSUAL = re.compile(r"[^ -~]")
_UNUSUAL_IN_LINES = re.compile(r"[^ -~\n]")
_INDENT = "    "
_LONGEST_LINE = 2000


def safe_text(text: object) -> str:
    r"""Escape what cannot be printed, line breaks included: the result is one line.

    Escaped as Python writes it (``\n``, ``\x1b``, ``\u202e``) are control characters, line and paragraph
    separators, bidirectional and other invisible marks, spaces other than the usual one, lone surrogates and what
    is not assigned. Backslashes stay, so that doing it twice changes nothing.

    Args:
        text: Anything; what is not a text is shown by `str()`.
    """
    shown = _text_of(text)
    return shown if shown.isprintable() else _UNUSUAL.sub(_escaped, shown)


def safe_lines(text: object) -> str:
    r"""Escape as `safe_text` does, but keep line breaks (``\n`` only): for text whose lines are ours."""
    shown = _text_of(text)
    return shown if shown.isprintable() else _UNUSUAL_IN_LINES.sub(_escaped, shown)


def safe_json(text: str) -> str:
    r"""Escape in JSON text what cannot be printed, as JSON writes it (``\u202e``): it remains the same document.

    Args:
        text: A JSON document, whose lines stay; one with ``ensure_ascii=False`` contains most of it raw.
    """
    return text if text.isprintable() else _UNUSUAL_IN_LINES.sub(_escaped_in_json, text)


def safe_traceback(error: BaseException) -> str:
    """Format an exception as Python does; what it and its causes say is one line each, escaped and not too long.

    Args:
        error: The exception.

    Returns:
        Its lines, without a line break at the end.
    """
    try:
        text = _traceback_of(error)
    except BaseException as failure:  # whatever a laboratory's exception has may raise anything
        if is_for_program(failure):
            raise
        text = f"{''.join(traceback.format_tb(error.__traceback__))}{type(error).__name__}: {safe_text(error)}"
    return "\n".join(safe_text(_cut(line)) for line in text.rstrip("\n").split("\n"))


def indented(text: str) -> str:
    """Escape text of several lines and indent each of them, so that none looks like a line of a log."""
    return "\n".join(_INDENT + line for line in safe_lines(text).rstrip("\n").split("\n"))


def _traceback_of(error: BaseException) -> str:
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    for said in _said_by(error):
        text = text.replace(f": {said}\n", f": {safe_text(said)}\n")
    return text


def _said_by(error: BaseException) -> Iterator[str]:
    """What an exception, its causes and the members of its group say, where that has several lines."""
    waiting, seen = [error], {id(error)}
    while waiting:
        one = waiting.pop()
        said = _text_of(one)
        if "\n" in said:
            yield said
        members = getattr(one, "exceptions", ())
        for other in (one.__cause__, one.__context__, *(members if isinstance(members, tuple) else ())):
            if isinstance(other, BaseException) and id(other) not in seen:
                seen.add(id(other))
                waiting.append(other)


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}..."


def _text_of(value: object) -> str:
    try:
        return str(value)
    except BaseException as failure:  # a laboratory's exception may have a text that raises anything
        if is_for_program(failure):
            raise
        return f"<{type(value).__name__} without a text>"


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    return character if character.isprintable() else repr(character)[1:-1]


def _escaped_in_json(match: re.Match[str]) -> str:
    character = match[0]
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))


# Up to the last @ of a line: a password may hold anything that nobody escaped.
_LOGIN = re.compile(r"(:?//?).*@")
# Without any slash: what is shown is often shown because it is written wrongly.
_BARE_LOGIN = re.compile(r"[^\s:'\"=]+:[^\s/].*@")
_SECRET_WORD = re.compile(r"^([\w.-]*(?:password|secret|token)[\w.-]*=).+", re.IGNORECASE | re.DOTALL)


def hide_login(text: str) -> str:
    """A text in which addresses show no user and no password: `amqps://…@lab:5671/`.

    Args:
        text: anything.
    """
    return _BARE_LOGIN.sub("…@", _LOGIN.sub(r"\1…@", text)) if "@" in text else text


def hide_word(word: str) -> str:
    """A `key=value` word of the command line as it may be quoted: `password=…`.

    Args:
        word: as it was written.
    """
    return _SECRET_WORD.sub(r"\1…", hide_login(word))


def is_for_program(error: BaseException) -> bool:
    """Whether an exception is a Ctrl-C or a signal, which Python raises in the main thread only."""
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()


def text_of(error: BaseException) -> str:
    """Return the text of an exception, or what stands for it when making it raises another one."""
    try:
        return str(error)
    except BaseException as failure:
        if is_for_program(failure):
            raise
        return f"<no text: {type(failure).__name__}>"


def named_text_of(error: BaseException) -> str:
    """Return the class and the text of an exception, as return messages have them."""
    return f"{type(error).__name__}: {text_of(error)}"


def duration(seconds: float) -> str:
    """Write a duration with its unit, such as `10 s`, `2.5 s` or `0.05 s`.

    Args:
        seconds: The duration; a remaining time such as 0.999187 is rounded.
    """
    if not math.isfinite(seconds):
        return f"{seconds:g} s"
    digits = 1 if abs(seconds) >= 0.995 else 1 - math.floor(math.log10(abs(seconds))) if seconds else 0
    text = f"{seconds:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} s"
