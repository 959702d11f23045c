"""An exception that is the reply."""

from __future__ import annotations

import threading
from typing import Any

import scarab
from dripline.wire.return_codes import ReturnCode, find_by_name, find_by_value

_SERVICE_ERROR = 300
_prepared = threading.local()


def set_reply_cache(return_code: ReturnCode | str, return_message: str, payload: Any = None) -> None:
    """Prepare what a `ThrowReply` without arguments, raised next on this thread, will say."""
    _prepared.reply = (return_code, return_message, payload)


class ThrowReply(Exception):
    """Raised anywhere under a handler it becomes the reply, and the service goes on.

    Args:
        return_code: A return code, its name, or its number. A name nobody declared means ``service_error``; when
            it is the only argument it is taken for the message.
        message: What happened, for people; an exception stands for its text.
        payload: Payload of the reply; a scarab value or plain Python.

    Attributes:
        return_code: The code, with ``value``, ``name`` and ``description``.
        return_message: The message.
        payload: The payload as plain Python.
    """

    def __init__(
        self,
        return_code: ReturnCode | str | int | None = None,
        message: object = None,
        payload: Any = None,
    ) -> None:
        if return_code is None and message is None and payload is None:
            return_code, message, payload = vars(_prepared).pop("reply", (None, None, None))
        code, text = _resolve(return_code, message)
        super().__init__(text)
        self.return_code = code
        self.return_message = text
        self.payload = scarab.to_python(payload) if isinstance(payload, scarab.Param) else payload


def _resolve(given: ReturnCode | str | int | None, message: object) -> tuple[ReturnCode, str]:
    code = _known(given)
    if code is not None:
        return code, "Success" if message is None else str(message)
    fallback = find_by_value(_SERVICE_ERROR)
    assert fallback is not None, "service_error is always declared"
    return fallback, str(given if message is None else message)


def _known(given: Any) -> ReturnCode | None:
    if isinstance(given, ReturnCode):
        return given
    if isinstance(given, type) and issubclass(given, ReturnCode):
        return given()
    if isinstance(given, str):
        return find_by_name(given)
    return find_by_value(0 if given is None else given)
