"""The OpenAPI document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dripline.runtime.client import Present
from dripline.wire import VERSION

_NO_ARRAY = {"type": ["object", "string", "number", "boolean", "null"]}
_PAYLOAD = {
    "type": "object",
    "properties": {"values": {"anyOf": [{"type": "array", "items": {}}, _NO_ARRAY]}},
    "example": {"values": [3.2]},
}
_VALUES = {
    "description": "The value to set, in a payload or alone; an array is taken for the values",
    "anyOf": [
        {
            **_PAYLOAD,
            "required": ["values"],
            "properties": {"values": {"anyOf": [{"type": "array", "items": {}, "minItems": 1}, _NO_ARRAY]}},
        },
        {"type": "array", "items": {}, "minItems": 1},
        {"type": ["string", "number", "boolean", "null"]},
    ],
}
_ARGUMENTS = {
    "description": "Arguments: `values` in their order, others by name; what is no object is taken for the values",
    "anyOf": [_PAYLOAD, {"type": ["array", "string", "number", "boolean", "null"]}],
}
_REPLY = {
    "type": "object",
    "required": ["return_code", "return_name", "return_message", "payload"],
    "properties": {
        "return_code": {"type": "integer", "description": "0 success, 1-99 done with a warning, else an error"},
        "return_name": {"type": "string", "example": "success"},
        "return_message": {"type": "string"},
        "payload": {"description": "What the endpoint answered, such as {value_raw, value_cal}"},
    },
}
_LISTING = {
    "type": "object",
    "required": ["services"],
    "properties": {
        "services": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "endpoints": {"type": ["array", "null"], "items": {"type": "object"}},
                },
            },
        }
    },
}
_ERRORS = {
    "400": "The request is wrong",
    "401": "Who asks is not known",
    "403": "Locked, or refused",
    "404": "No such endpoint or attribute",
    "405": "The endpoint has no such method",
    "408": "The body did not come in time",
    "413": "The body is too long",
    "500": "The service failed",
    "502": "The instrument cannot be reached",
    "503": "There is no broker, or too many ask; try again after `Retry-After` seconds",
    "504": "No answer in time",
}


def openapi(present: Sequence[Present], asks_who: bool) -> dict[str, Any]:
    """Describe a server.

    Args:
        present: the services of the mesh; their endpoints are offered as routing keys.
        asks_who: whether a token or a name is wanted.
    """
    names = sorted({str(entry.get("name")) for service in present for entry in service.endpoints or ()})
    names += [service.name for service in present]
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "dripline", "version": VERSION, "description": "The endpoints of a mesh"},
        "paths": {
            "/dl": {"get": _operation("list", "List services and endpoints", _LISTING, [])},
            "/dl/{routing_key}": {
                "parameters": [_routing_key(names)],
                "get": _operation("get", "Get what an endpoint reads, or an attribute", _REPLY, [_SPECIFIER]),
                "put": _with_body("set", "Set an endpoint, or an attribute", _VALUES, [_SPECIFIER, _LOCKOUT_KEY]),
                "post": _with_body("cmd", "Call a method", _ARGUMENTS, [_METHOD, _LOCKOUT_KEY]),
            },
        },
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "login": {"type": "http", "scheme": "basic"},
            }
        },
    }
    if asks_who:
        document["security"] = [{"token": []}, {"login": []}]
    return document


_SPECIFIER = {
    "name": "specifier",
    "in": "header",
    "schema": {"type": "string"},
    "description": "An attribute; for POST the method",
}
_METHOD = {**_SPECIFIER, "required": True, "schema": {"type": "string", "minLength": 1}}
_LOCKOUT_KEY = {
    "name": "lockout-key",
    "in": "header",
    "schema": {"type": "string"},
    "description": "Key of a locked endpoint, a UUID with or without hyphens",
}


def _routing_key(names: Sequence[str]) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    if names:
        schema["examples"] = list(names)
    return {"name": "routing_key", "in": "path", "required": True, "schema": schema}


def _operation(name: str, summary: str, reply: dict[str, Any], parameters: list[Any]) -> dict[str, Any]:
    answers: dict[str, Any] = {"200": {"description": "Done", "content": {"application/json": {"schema": reply}}}}
    for code, description in _ERRORS.items():
        answers[code] = {"description": description, "content": {"application/json": {"schema": _REPLY}}}
    answers["503"]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds"}}
    return {"operationId": name, "summary": summary, "parameters": parameters, "responses": answers}


def _with_body(name: str, summary: str, body: dict[str, Any], parameters: list[Any]) -> dict[str, Any]:
    operation = _operation(name, summary, _REPLY, parameters)
    required = body is _VALUES
    operation["requestBody"] = {"required": required, "content": {"application/json": {"schema": body}}}
    return operation
