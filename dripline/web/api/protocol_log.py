"""What aiohttp says of requests that it cannot read: a line, and not a traceback for each."""

from __future__ import annotations

import asyncio
import logging

from dripline.runtime.rate_limited_log import RateLimitedLogger

from aiohttp import ClientConnectionError, http, web  # isort: skip  # `answers` says how to get it

logger = logging.getLogger("dripline.web")


def protocol_log() -> logging.Logger:
    """Make a logger for aiohttp, whose messages are told once a minute for each kind."""
    log = logging.Logger("aiohttp")
    log.addHandler(_Telling())
    return log


class _Telling(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._limited_log = RateLimitedLogger(logger)

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, (ConnectionError, ClientConnectionError, asyncio.CancelledError)):
            return  # the client hung up
        if isinstance(error, (http.HttpProcessingError, web.RequestPayloadError)):
            text = " ".join(getattr(error, "message", str(error)).split())
            self._limited_log.tell("no request", "%s: %s", record.getMessage(), text)
        else:
            self._limited_log.tell(str(record.msg), "%s", record.getMessage(), error=error)
