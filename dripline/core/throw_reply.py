"""`ThrowReply` and related names of the reference."""

from __future__ import annotations

from typing import NoReturn

from dripline.errors import DriplineError
from dripline.runtime.pending_replies import thrown
from dripline.wire.enums import op_t
from dripline.wire.message import MsgRequest
from dripline.wire.return_codes import (
    DL_ServiceError,
    DL_Success,
    ThrowReply,
    get_return_codes_dict,
    set_reply_cache,
)

__all__ = [
    "DL_ServiceError",
    "DL_Success",
    "DriplineError",
    "ThrowReply",
    "get_return_codes_dict",
    "set_reply_cache",
    "throw_dripline_error",
    "throw_message",
]


def throw_dripline_error(message: str = "") -> NoReturn:
    """Raise `DriplineError`.

    Raises:
        DriplineError: Always.
    """
    raise DriplineError(message)


def throw_message() -> NoReturn:
    """Raise the error of a sender without connection, for tests of code that handles it.

    Raises:
        RuntimeError: Always; the text shows a request.
    """
    raise thrown(MsgRequest.create(msg_op=op_t.get, routing_key="hey"))
