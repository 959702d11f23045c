"""What no boundary may hold back."""

from __future__ import annotations

import threading


def is_for_program(error: BaseException) -> bool:
    """Whether an exception is a Ctrl-C or a signal, which Python raises in the main thread only."""
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()
