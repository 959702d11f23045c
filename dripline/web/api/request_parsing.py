"""From an HTTP request to a request on the mesh."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dripline.errors import DecodingError
from dripline.runtime.dispatch import COMMANDS_WITHOUT_VALUES
from dripline.wire.body import loads
from dripline.wire.enums import op_t
from dripline.wire.message import MsgRequest

_OPERATIONS = {"GET": op_t.get, "HEAD": op_t.get, "PUT": op_t.set, "POST": op_t.cmd}
_LONGEST_KEY = 255
# What the page of dripline-python sends as "values" with a command for which nothing was entered.
_PLACEHOLDERS = (0, "", None)


class BadRequest(ValueError):
    """What came over HTTP is no request."""


def mesh_request(
    method: str, path: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
) -> MsgRequest:
    """Make a request.

    Args:
        method: GET, HEAD, PUT or POST.
        path: the routing key, with slashes or dots between its words, decoded.
        headers: ``specifier`` and ``lockout-key`` are read.
        query: likewise, for addresses that are typed.
        body: JSON; ``{"values": [3]}``, ``{"values": 3}`` or the value alone.

    Raises:
        BadRequest: with what is wrong.
    """
    routing_key = path.strip("/").replace("/", ".")
    if not routing_key.strip("."):
        raise BadRequest("the address has no endpoint: /dl/<endpoint>")
    if len(routing_key.encode(errors="replace")) > _LONGEST_KEY:
        raise BadRequest(f"the endpoint's name is longer than the {_LONGEST_KEY} bytes of a routing key")
    specifier = headers.get("specifier") or query.get("specifier") or ""
    operation = _OPERATIONS[method]
    payload = None if operation is op_t.get else _payload(body, specifier)
    if operation is op_t.set and not (isinstance(payload, dict) and payload.get("values")):
        raise BadRequest('a PUT carries the value to set: {"values": [3]}')
    if operation is op_t.cmd and not specifier:
        raise BadRequest("a POST names the method to call in the header 'specifier'")
    request = MsgRequest.create(payload, operation, routing_key, specifier)
    key = headers.get("lockout-key") or query.get("lockout-key")
    if key:
        try:
            request.lockout_key = key
        except RuntimeError:
            raise BadRequest(f"the lockout key {key!r} is not a UUID") from None
    return request


def _payload(body: bytes, specifier: str) -> Any:
    if not body.strip():
        return None
    try:
        payload = loads(body)
    except DecodingError as error:
        reason = str(error).removeprefix("not valid JSON: ").removeprefix("not usable JSON: ")
        raise BadRequest(f"the body is not valid JSON: {reason}") from None
    if not isinstance(payload, dict):
        payload = {"values": payload}
    value = payload.get("values", [])
    if not isinstance(value, list):  # as the page of dripline-python sends it
        left_out = specifier in COMMANDS_WITHOUT_VALUES and value in _PLACEHOLDERS
        payload["values"] = [] if left_out else [value]
    return payload
