"""Fresh identifiers of messages, and the reading of lockout keys."""

from __future__ import annotations

import os
from uuid import UUID

#: The key that stands for "no key".
NIL_UUID = UUID(int=0)
NIL_UUID_TEXT = str(NIL_UUID)


# Made in advance: to ask the system for each would give all other threads a turn, in the middle of sending.
_ready: list[str] = []
_AT_ONCE = 64

if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_ready.clear)  # else both processes would use the same ones


def new_uuid() -> str:
    """Make a random UUID (version 4) in its 36-character form."""
    try:
        return _ready.pop()
    except IndexError:
        digits = os.urandom(16 * _AT_ONCE).hex()
        fresh = [_uuid(digits[at : at + 32]) for at in range(0, len(digits), 32)]
        one = fresh.pop()
        _ready.extend(fresh)
        return one


def _uuid(digits: str) -> str:
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def parse_key(text: str) -> UUID | None:
    """Read a lockout key, with or without hyphens or braces.

    Returns:
        The key, the nil UUID for an empty text, None when the text is no UUID.
    """
    if not text or text == NIL_UUID_TEXT:
        return NIL_UUID
    try:
        return UUID(text)
    except ValueError:
        return None
