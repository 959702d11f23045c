"""What a laboratory's code may raise, beside what everybody expects."""

from __future__ import annotations

import asyncio


class Unprintable(Exception):
    """An exception whose text cannot be made."""

    def __str__(self) -> str:
        """Raise what no `except Exception` catches."""
        raise GeneratorExit


OUTRAGES = [asyncio.CancelledError, GeneratorExit, SystemExit, KeyboardInterrupt, Unprintable]
