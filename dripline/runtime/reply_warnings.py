"""Warnings that a handler leaves for the reply it leads to."""

from __future__ import annotations

import threading


class _Notes(threading.local):
    def __init__(self) -> None:
        self.text: str | None = None


_notes = _Notes()


def clear() -> None:
    """Forget what was left."""
    _notes.text = None


def leave(text: str) -> None:
    """Leave a warning; the reply made on this thread carries it with return code 1 if it is a success."""
    _notes.text = text if _notes.text is None else f"{_notes.text}; {text}"


def take() -> str | None:
    """Return what was left, and forget it."""
    text, _notes.text = _notes.text, None
    return text


def restore(text: str | None) -> None:
    """Put back what was taken, in place of all that was left since."""
    _notes.text = text
