"""JSON responses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dripline.config.suggest import pip_install
from dripline.errors import ConfigurationError
from dripline.wire.message import MsgReply
from dripline.wire.return_codes import name_of

try:
    from aiohttp import web
except ImportError:
    raise ConfigurationError(f"the HTTP server needs aiohttp: {pip_install('http')}") from None

_RETRY_S = "1"


def reply_answer(reply: MsgReply, status: int) -> web.Response:
    """Make the answer that a reply becomes."""
    content = _content(reply.return_code, reply.return_message, reply.plain_payload)
    return json_answer(content, status, {"dl_return_code": str(reply.return_code)})


def error_answer(status: int, code: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """Make the answer to what was not asked, or could not be.

    Args:
        status: of HTTP.
        code: a return code.
        text: what is wrong, in one line.
        headers: further headers; empty ones are left out.
    """
    kept = {key: value for key, value in (headers or {}).items() if value}
    if status == 503:
        kept["Retry-After"] = _RETRY_S
    return json_answer(_content(code, text, None), status, kept)


def json_answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Make an answer of JSON that every browser reads."""
    return web.json_response(content, status=status, headers=headers, dumps=_dumps)


def _content(code: int, text: str, payload: Any) -> dict[str, Any]:
    return {"return_code": code, "return_name": name_of(code), "return_message": text, "payload": payload}


def _dumps(content: Any) -> str:
    try:
        return json.dumps(content, allow_nan=False)
    except ValueError:  # browsers read no NaN
        return json.dumps(_without_nan(content))


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list) else value
