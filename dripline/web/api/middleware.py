"""Middleware: authentication, and JSON errors for every failure."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from dripline.runtime.rate_limited_log import RateLimitedLogger
from dripline.web.api.auth import Auth
from dripline.web.api.connections import Connections
from dripline.web.api.responses import error_answer

from aiohttp import ClientConnectionError, http, web  # isort: skip  # `responses` says how to get it

from dripline.errors import UNHANDLED_EXCEPTION

logger = logging.getLogger("dripline.web")

_ANSWER_S = 30.0
_FILE_S = 600.0
_HANGING_UP = (ConnectionError, ClientConnectionError, web.RequestPayloadError)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def middleware(auth: Auth, connections: Connections) -> Any:
    """Make the middleware of a server.

    Args:
        auth: says who may ask.
        connections: the server's.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: _Handler) -> web.StreamResponse:
        with connections.asking(request.protocol):
            refusal = _refusal(auth, request)
            answer = await _handled(request, handler) if refusal is None else refusal
            _let_read(auth, request, answer)
            is_sent = await _send(request, answer)
        return _Sent(keep_alive=is_sent and bool(answer.keep_alive))

    return middleware


class _Sent(web.StreamResponse):
    """What aiohttp gets instead of an answer that was sent already: it would send a file a second time."""

    def __init__(self, keep_alive: bool) -> None:
        super().__init__()
        self._may_go_on = keep_alive

    @property
    def keep_alive(self) -> bool:
        """Whether the connection may be used for another request."""
        return self._may_go_on

    async def prepare(self, _request: web.BaseRequest) -> None:
        """Do nothing."""

    async def write_eof(self, _data: bytes = b"") -> None:
        """Do nothing."""


def _refusal(auth: Auth, request: web.Request) -> web.Response | None:
    if request.method == "OPTIONS" and auth.lets_read(request.headers) and auth.stranger(request.headers) is None:
        # A browser asks first whether a page from elsewhere may; it sends no token with that.
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Methods": "GET, HEAD, PUT, POST",
                "Access-Control-Allow-Headers": "Authorization, Content-Type, specifier, lockout-key",
                "Access-Control-Max-Age": "600",
            },
        )
    refusal = auth.refusal(request.headers)
    if refusal is None:
        return None
    status, reason = refusal
    headers = {"WWW-Authenticate": 'Basic realm="dripline"'} if status == 401 else None
    return error_answer(status, 307, reason, headers)


async def _handled(request: web.Request, handler: _Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as error:  # no such page, a body that is too long
        return error_answer(error.status, 401, error.reason, {"Allow": error.headers.get("Allow", "")})
    except Exception as error:
        if isinstance(error, _HANGING_UP) and has_gone(request):
            return web.Response()  # nobody reads it
        logger.exception("a request for %s could not be handled", request.rel_url.raw_path)
        return error_answer(500, UNHANDLED_EXCEPTION, "the HTTP server failed; its log says more")


def _let_read(auth: Auth, request: web.Request, answer: web.StreamResponse) -> None:
    origin = auth.lets_read(request.headers)
    if origin is not None:
        answer.headers["Access-Control-Allow-Origin"] = origin
        answer.headers["Vary"] = "Origin"


def has_gone(request: web.Request) -> bool:
    """Whether the client has hung up."""
    return request.transport is None or request.transport.is_closing()


async def _send(request: web.Request, answer: web.StreamResponse) -> bool:
    """Send an answer to its end here, since a connection is not quiet meanwhile; whether the client took it."""

    async def send() -> None:
        await answer.prepare(request)
        await answer.write_eof()

    try:
        await asyncio.wait_for(send(), _FILE_S if isinstance(answer, web.FileResponse) else _ANSWER_S)
    except (asyncio.TimeoutError, ConnectionError):  # the client does not read, or has gone
        if request.transport is not None:
            request.transport.abort()
        return False
    except Exception:
        if not has_gone(request):
            raise
        return False  # half an answer, of which each library says something else
    return True


def protocol_log() -> logging.Logger:
    """Make a logger for aiohttp that logs each kind of message at most once a minute."""
    log = logging.Logger("aiohttp")
    log.addHandler(_RateLimitedHandler())
    return log


class _RateLimitedHandler(logging.Handler):
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
