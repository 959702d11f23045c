"""Fresh identifiers of messages, and the reading of lockout keys."""

from __future__ import annotations

import os
from uuid import UUID

#: The key that stands for "no key".
NIL_UUID = UUID(int=0)
NIL_UUID_TEXT = str(NIL_UUID)


def new_uuid() -> str:
    """Make a random UUID (version 4) in its 36-character form."""
    # A third of the time of str(uuid4()); two of these go with every request.
    digits = os.urandom(16).hex()
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
