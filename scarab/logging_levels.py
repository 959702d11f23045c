"""Verbosities of the reference's log as levels of Python's."""

from __future__ import annotations

import logging

# In the reference's order: trace, debug, info, progress, warning, error, fatal.
_LEVELS = (
    logging.DEBUG,
    logging.DEBUG,
    logging.INFO,
    logging.INFO,
    logging.WARNING,
    logging.ERROR,
    logging.CRITICAL,
)


def s2py_verbosity(verbosity: int) -> int:
    """Give the level of Python's logging for a verbosity of the reference, from 0 (trace) to 6 (fatal)."""
    return _LEVELS[verbosity] if 0 <= verbosity < len(_LEVELS) else logging.NOTSET
