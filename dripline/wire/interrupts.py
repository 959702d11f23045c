"""Exceptions of a laboratory's code: which of them no boundary may hold back, and what they say."""

from __future__ import annotations

import threading


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
