"""A lab's code may raise anything, and the service goes on."""

from __future__ import annotations

import logging
import threading
from typing import Any

from dripline.runtime.complaints import complaints_of
from dripline.runtime.dispatch import answer
from dripline.wire.message import MsgReply, MsgRequest

logger = logging.getLogger(__name__)


def answered(endpoint: Any, request: MsgRequest) -> MsgReply:
    """Let an endpoint answer a request, also when its handler calls `sys.exit` or raises what cannot be printed.

    Args:
        endpoint: who answers.
        request: the request.

    Returns:
        The reply; return code 999 when nobody expected what happened.
    """
    try:
        return answer(endpoint, request)
    except BaseException as error:
        if is_for_program(error):
            raise
        complaints_of(endpoint, logger).tell(
            f"unhandled {type(error).__name__}", "%s: unhandled exception in a handler", endpoint.name, error=error
        )
        return request.reply(999, _text_of(error))


def _text_of(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - a lab's exception may have a text that raises anything
        return type(error).__name__


def is_for_program(error: BaseException) -> bool:
    """Tell whether an exception is a Ctrl-C at the keyboard, which Python raises in the main thread only."""
    return isinstance(error, KeyboardInterrupt) and threading.current_thread() is threading.main_thread()
