"""From AMQP properties and body to message: whatever has a meaning is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dripline.errors import UNHANDLED_EXCEPTION, DecodingError, MalformedReply
from dripline.wire.chunks import AmqpProperties, Part
from dripline.wire.enums import UNKNOWN
from dripline.wire.json_body import loads
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest
from dripline.wire.sender import sender_of
from dripline.wire.specifier import MAX_SPECIFIER

_FIRST_ERROR = 100
_UNREADABLE = UNHANDLED_EXCEPTION  # stands for a return code that is missing or not a number
_NO_TYPE = "no message_type (2 reply, 3 request, 4 alert) in its headers"
_NOBODY: dict[str, Any] = {"exe": "", "hostname": "", "service_name": "", "username": "", "versions": {}}


def read_message(part: Part, body: bytes) -> Message:
    """Read a message.

    Args:
        part: any part of it; all carry the same headers.
        body: its whole body.

    Returns:
        The message. One whose body cannot be read has an `invalid_reason` and says so in its payload; a
        request of that kind can still be answered.

    Raises:
        DecodingError: it is no message at all.
    """
    headers = part.properties.headers
    if not isinstance(headers, Mapping):
        raise DecodingError("no headers, so it is not a dripline message")
    message = _new_message(headers)
    properties = part.properties
    message.routing_key = part.routing_key
    message.message_id = part.uuid
    message.correlation_id = _text(properties.correlation_id, "correlation_id")
    message.reply_to = _text(properties.reply_to, "reply_to")
    specifier = _text(headers.get("specifier"), "specifier")
    message._specifier = specifier[:MAX_SPECIFIER]
    message.timestamp = _timestamp(headers.get("timestamp"))
    message.sender_info = _sender_info(headers.get("sender_info"))
    message._param = None
    try:
        if len(specifier) > MAX_SPECIFIER:
            raise DecodingError(f"a specifier of {len(specifier)} characters, more than {MAX_SPECIFIER}")
        message._plain = loads(body)
    except DecodingError as error:
        _mark_invalid(message, f"{error}{_odd_encoding(properties)}", body)
    return message


def incomplete_message(part: Part) -> Message:
    """Read the headers of a message whose other chunks never came; it has an `invalid_reason`.

    Raises:
        DecodingError: it is no message at all.
    """
    message = read_message(part, b"")
    _mark_invalid(message, f"not all of its {part.total} chunks came", part.body)
    return message


def read_reply(part: Part, body: bytes, asked: str) -> MsgReply:
    """Read the reply to a request.

    Args:
        part: Any part of it.
        body: Its whole body.
        asked: Routing key of the request.

    Raises:
        MalformedReply: It is not a reply, or says that it succeeded and its body cannot be read.
    """
    properties = part.properties
    try:
        reply = read_message(part, body)
    except ValueError as error:  # also a damaged table of headers
        raise malformed_reply(asked, properties, str(error)) from None
    if not isinstance(reply, MsgReply):
        kind = reply.message_type
        raise malformed_reply(asked, properties, f"message_type is {kind.value} ({kind.name}), not 2 (reply)")
    if reply.invalid_reason is not None and reply.return_code < _FIRST_ERROR:
        raise malformed_reply(asked, properties, reply.invalid_reason)
    if reply.return_code != _UNREADABLE or reply.return_message:
        return reply
    code = (properties.headers or {}).get("return_code")
    if type(code) is not int:
        wrong = f"return_code is {_shown(code)}, not an integer"
        wrong = "no return_code in its headers" if code is None else wrong
        reply.return_message = malformed_reply(asked, properties, wrong).message
    return reply


def malformed_reply(asked: str, properties: AmqpProperties, reason: str) -> MalformedReply:
    """Make the error for a reply that cannot be used.

    Args:
        asked: Routing key of the request.
        properties: Those of the reply, good or not.
        reason: What is wrong with it.
    """
    sender = sender_of(properties)
    return MalformedReply(f"invalid reply from {asked!r}{f' ({sender})' if sender else ''}: {reason}")


def _odd_encoding(properties: AmqpProperties) -> str:
    encoding = properties.content_encoding
    # What it says is not believed either way, but it may explain why a body cannot be read.
    return "" if encoding in (None, "application/json") else f"; its content_encoding is {encoding!r}"


def _new_message(headers: Mapping[str, Any]) -> Message:
    kind = headers.get("message_type")
    if kind is None:  # some services answer without it
        kind = 2 if "return_code" in headers else 3 if "message_operation" in headers else None
    if type(kind) is not int:
        raise DecodingError(_NO_TYPE if kind is None else f"message_type is {_shown(kind)}, not an integer")
    if kind == 3:
        return _new_request(headers)
    if kind == 2:
        return _new_reply(headers)
    if kind == 4:
        return MsgAlert.__new__(MsgAlert)
    raise DecodingError(f"message_type {kind} is unknown; known: 2 reply, 3 request, 4 alert")


def _new_request(headers: Mapping[str, Any]) -> MsgRequest:
    key = headers.get("lockout_key", "")
    if type(key) is not str:  # only text can be a key; the rest is a wrong one, and answered as such
        key = "" if key is None else _shown(key)
    return MsgRequest.read(_integer(headers.get("message_operation"), UNKNOWN), key)


def _new_reply(headers: Mapping[str, Any]) -> MsgReply:
    reply = MsgReply.__new__(MsgReply)
    reply.return_code = _integer(headers.get("return_code"), _UNREADABLE)
    reply.return_message = _text(headers.get("return_message"), "return_message")
    return reply


def _integer(value: Any, default: int) -> int:
    return value if type(value) is int else default  # a bool is no integer here


def _text(value: Any, name: str) -> str:
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray)):
        return value.decode("utf-8", "replace")
    raise DecodingError(f"{name} is {_shown(value)}, no string")


def _shown(value: Any) -> str:
    # Of tables only their type: a hostile one is nested too deeply for repr().
    known = isinstance(value, (str, bytes, int, float))
    return f"{type(value).__name__} {repr(value)[:60]}" if known else type(value).__name__


def _timestamp(value: Any) -> str:
    # It informs people; a message without a good one is as good as any.
    return value if type(value) is str else ""


def _sender_info(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        return {**_NOBODY, "versions": {}}
    return value if value.keys() >= _NOBODY.keys() else {**_NOBODY, "versions": {}, **value}


def _mark_invalid(message: Message, reason: str, body: bytes) -> None:
    message.invalid_reason = reason
    shown = body[:10_000].decode("utf-8", "replace")
    message.plain_payload = {"error": "Message body could not be parsed; skipping request", "invalid": shown}
