"""How a client that was made as in version 4 asks: replies as they are, and milliseconds."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from dripline.core.core import Core
from dripline.core.receiver import no_reply, patient_reply
from dripline.errors import ReplyTimeout
from dripline.runtime.sent_message import thrown
from dripline.wire.message import MsgReply, MsgRequest


def read_timeout(third: Any, fourth: Any, keywords: dict[str, Any]) -> tuple[str | UUID | None, float]:
    """Tell lockout key and timeout apart, which have changed places between versions 4 and 5.

    Args:
        third: what stands where version 5 has its ``lockout_key`` and version 4 its ``timeout``.
        fourth: what stands where version 5 has its ``timeout_s`` and version 4 its ``lockout_key``.
        keywords: further arguments by name.

    Returns:
        The key, and the timeout in milliseconds, 0 for none.
    """
    timeout = keywords.pop("timeout", None)
    if keywords:
        raise TypeError(f"unknown argument {', '.join(map(repr, keywords))}")
    key: str | UUID | None = None
    for given in (third, fourth):
        if isinstance(given, (str, UUID)):
            key = given
    if timeout is None:
        if isinstance(third, (int, float)):
            timeout = third
        elif isinstance(fourth, (int, float)):
            timeout = fourth * 1000  # nobody but version 5 has a number there
    return key, float(timeout or 0)


def ask(core: Core, request: MsgRequest, timeout_ms: float) -> MsgReply:
    """Send a request and wait for its reply.

    Returns:
        The reply, whatever its return code; when none can come, one that says why.

    Raises:
        BrokerError: The request could not be sent.
    """
    if not core.make_connection:
        raise thrown(request)
    reply = core._dripline_answered_here(request)
    if reply is not None:
        return reply
    timeout_s = timeout_ms / 1000 if timeout_ms > 0 else None
    try:
        start = time.monotonic()
        pending = core._dripline_client().submit(request, timeout_s)
        left_s = None if timeout_s is None else max(0.0, timeout_s - (time.monotonic() - start))
        return patient_reply(pending, left_s, timeout_s)
    except ReplyTimeout as error:
        return no_reply(request, error.return_code, error.message)
