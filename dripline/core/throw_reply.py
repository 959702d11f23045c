"""`ThrowReply`, and the reference's other names around it."""

from __future__ import annotations

from typing import NoReturn

from dripline.runtime.throw_reply import ThrowReply, set_reply_cache
from dripline.wire.errors import DriplineError

__all__ = ["DriplineError", "ThrowReply", "set_reply_cache", "throw_dripline_error"]


def throw_dripline_error(message: str = "") -> NoReturn:
    """Raise `DriplineError`.

    Raises:
        DriplineError: Always.
    """
    raise DriplineError(message)
