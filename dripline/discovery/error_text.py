"""An exception of somebody else's code in one line."""

from __future__ import annotations

import os
import traceback

from dripline.wire.safe_text import text_of

_OF_SERVICES = ("get", "set", "cmd", "send", "schedule", "unschedule", "name", "send_to_device")


def describe_failure(error: BaseException, beside: str = "") -> str:
    """Tell kind, text and place of an exception.

    Args:
        error: an exception that was caught.
        beside: a file; the place told is the last one in that file's folder, where its author can do something.

    Returns:
        Such as `KeyError: 'port' (muxer/my_device.py:12)`.
    """
    text = error.msg if isinstance(error, SyntaxError) else " ".join(text_of(error).split())
    kind = type(error).__name__
    place = _place(error, os.path.dirname(beside)) + _hint(error)
    return f"{kind}: {text}{place}" if text else f"{kind}{place}"


def _hint(error: BaseException) -> str:
    """What to change where a constructor uses `self.service`, which is set later."""
    if isinstance(error, AttributeError) and error.obj is None and error.name in _OF_SERVICES:
        return "; if this is self.service: it is None until the endpoint has been added to a service"
    return ""


def _place(error: BaseException, folder: str) -> str:
    if isinstance(error, SyntaxError):
        return _short(error.filename or "", error.lineno)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if folder and frame.filename.startswith(folder + os.sep)]
    if not own:
        return ""
    return _short(own[-1].filename, own[-1].lineno)


def _short(file: str, line: int | None) -> str:
    """A place with as much of the path as tells packages apart: most files are called `__init__.py`."""
    folder, name = os.path.split(file)
    return f" ({os.path.join(os.path.basename(folder), name)}:{line})"
