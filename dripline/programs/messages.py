"""Making messages of what a command line says, and showing them on standard output."""

from __future__ import annotations

from typing import Any

from dripline.errors import RequestError
from dripline.programs import output
from dripline.wire.enums import op_t
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest
from dripline.wire.printing import to_json, to_text
from dripline.wire.safe_text import safe_text


def _invalid_request(message: str) -> RequestError:
    return RequestError(message, return_code=401, name="client_error_invalid_request")


def make_request(
    operation: str, routing_key: str, payload: dict[str, Any], specifier: str = "", lockout_key: str | None = None
) -> MsgRequest:
    """Make a request.

    Args:
        operation: `get`, `set` or `cmd`.
        routing_key: the endpoint.
        payload: plain Python.
        specifier: attribute or method of the endpoint.
        lockout_key: key of a locked endpoint, a UUID.

    Raises:
        RequestError: a set without a value, or a key that is no UUID; nothing needs to be sent to know that.
    """
    if operation == "set" and not payload.get("values"):
        raise _invalid_request(f"nothing to set {routing_key!r} to: give a value")
    request = MsgRequest.create(payload, op_t[operation], routing_key, specifier)
    if lockout_key is not None:
        try:
            request.lockout_key = lockout_key
        except RuntimeError as error:
            raise _invalid_request(str(error)) from None
    return request


def make_message(
    operation: str, routing_key: str, payload: dict[str, Any], specifier: str = "", lockout_key: str | None = None
) -> Any:
    """Make a request, a `reply` or an `alert`; as `make_request` otherwise."""
    if operation == "reply":
        return MsgReply.create(payload=payload, routing_key=routing_key, specifier=specifier)
    if operation == "alert":
        return MsgAlert.create(payload, routing_key, specifier)
    return make_request(operation, routing_key, payload, specifier, lockout_key)


def show(message: Message, json_print: bool = False, pretty_print: bool = False) -> None:
    """Print a message to standard output: a readable block, a line of JSON, or indented JSON.

    Args:
        message: The message.
        json_print: Whether as a line of JSON.
        pretty_print: Whether as indented JSON.
    """
    if json_print or pretty_print:
        output.show_json(to_json(message, indent=None if json_print else 4))
    else:
        print(to_text(message, safe_text if output.on_terminal() else str), flush=True)
