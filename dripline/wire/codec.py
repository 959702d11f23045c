"""Encodes messages to AMQP properties and bodies, and decodes them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dripline.amqp.properties import RawProperties, encode_table, long_string, pack_long, short_string
from dripline.errors import UNHANDLED_EXCEPTION, DecodingError, EncodingError, MalformedReply
from dripline.wire.body import DEFAULT_LIMITS, Part, dumps, loads, to_jsonable
from dripline.wire.enums import UNKNOWN
from dripline.wire.identifiers import MAX_SPECIFIER
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest, new_uuid
from dripline.wire.sender import sender_of

logger = logging.getLogger("dripline.messages")

_PAUSE_S = 60.0  # for a value that JSON cannot hold and that comes and goes
_MOST_SUBJECTS = 10_000
_FIRST_ERROR = 100
_UNREADABLE = UNHANDLED_EXCEPTION  # stands for a return code that is missing or not a number
_NO_TYPE = "no message_type (2 reply, 3 request, 4 alert) in its headers"
_NOBODY: dict[str, Any] = {"exe": "", "hostname": "", "service_name": "", "username": "", "versions": {}}
#: Longest return message that is sent, in characters: headers that do not fit into one frame end the connection.
MAX_RETURN_MESSAGE = 6000  # bytes; with the other headers it fits in a frame of 8192, RabbitMQ's least since 4.1


class Envelope(NamedTuple):
    """One AMQP message ready to be published.

    Attributes:
        routing_key: the key to publish it with.
        properties: flags and property list of the AMQP content header.
        body: the payload or a chunk of it.
    """

    routing_key: str
    properties: bytes
    body: bytes


class Encoder:
    """Makes AMQP messages of dripline messages, for one sender.

    Args:
        sender_info: who sends; its encoded form is kept, so changes made later are not seen.
        max_payload_size: longest body of one AMQP message in bytes.
    """

    def __init__(self, sender_info: Mapping[str, Any], max_payload_size: int = 10000) -> None:
        self.sender_info = dict(sender_info)
        self.max_payload_size = max(1, max_payload_size)
        self._replacements = Replacements()
        self._sender_and_specifier = b"\x0bsender_info" + encode_table(self.sender_info) + b"\x09specifier"

    def encode(self, message: Message, timestamp: str, message_id: str = "") -> list[Envelope]:
        """Encode a message for sending and note in it who sent it and when.

        Args:
            message: gets its timestamp, sender_info and message_id set.
            timestamp: RFC 3339 in UTC with microseconds and Z.
            message_id: a UUID; a fresh one when empty.

        Returns:
            One envelope, or as many as the body has chunks.

        Raises:
            DriplineError: routing key, reply_to or correlation id longer than AMQP allows.
            EncodingError: a specifier or a payload longer than anybody takes.
        """
        message.timestamp = timestamp
        message.sender_info = self.sender_info
        message.message_id = uuid = message_id or new_uuid()
        start = self._properties_before_id(message)
        body = self._body(message)
        key, size = message.routing_key, self.max_payload_size
        if len(body) <= size:
            return [Envelope(key, start + short_string(uuid + "/0/1"), body)]
        total = -(-len(body) // size)
        longest = min(DEFAULT_LIMITS.message_bytes, DEFAULT_LIMITS.chunks * size)
        if len(body) > longest:
            raise EncodingError(f"a payload of {len(body)} bytes: {longest} are the most")
        return [
            Envelope(key, start + short_string(f"{uuid}/{i}/{total}"), body[i * size : (i + 1) * size])
            for i in range(total)
        ]

    def _body(self, message: Message) -> bytes:
        try:
            body = dumps(message.plain_payload)
        except (TypeError, ValueError):
            payload, replaced = to_jsonable(message.plain_payload)
            self._replacements.found(_subject(message), replaced)
            return dumps(payload)
        if self._replacements.logged:
            self._replacements.none_in(_subject(message))
        return body

    def _properties_before_id(self, message: Message) -> bytes:
        specifier = message.specifier_text
        if len(specifier) > MAX_SPECIFIER:
            raise EncodingError(f"a specifier of {len(specifier)} characters: {MAX_SPECIFIER} are the most")
        # Real peers write a header table in alphabetical order; so these parts follow each other.
        head, sender = _HEADS[message.message_type](message), self._sender_and_specifier
        timestamp = long_string(message.timestamp)
        headers = b"%b%b%b\x09timestamp%b" % (head, sender, long_string(specifier), timestamp)
        addresses = short_string(message.correlation_id) + short_string(message.reply_to)
        return b"%b%b%b%b" % (_FLAGS_AND_ENCODING, pack_long(len(headers)), headers, addresses)


# content_encoding, headers, correlation_id, reply_to, message_id are there, and nothing else.
_FLAGS_AND_ENCODING = b"\x66\x80" + short_string("application/json")


def _subject(message: Message) -> str:
    request = message._request if isinstance(message, MsgReply) else None
    if request is None:
        return f"to {message.routing_key}"
    words = (request.message_operation.name, request.routing_key, request.specifier_text)
    return f"reply to {' '.join(filter(None, words))}"


def _request_head(message: MsgRequest) -> bytes:
    return b"\x0blockout_key%b\x11message_operationi%b\x0cmessage_typei\0\0\0\x03" % (
        long_string(message.lockout_key_text),
        pack_long(message.raw_operation & UNKNOWN),
    )


def _reply_head(message: MsgReply) -> bytes:
    return b"\x0cmessage_typei\0\0\0\x02\x0breturn_codei%b\x0ereturn_message%b" % (
        pack_long(message.return_code & UNKNOWN),
        long_string(_shortened(message.return_message)),
    )


def _shortened(text: str) -> str:
    encoded = text[: MAX_RETURN_MESSAGE + 1].encode("utf-8", "replace")
    if len(encoded) <= MAX_RETURN_MESSAGE:
        return text
    return encoded[: MAX_RETURN_MESSAGE - 3].decode("utf-8", "ignore") + "..."


def _alert_head(_: MsgAlert) -> bytes:
    return b"\x0cmessage_typei\0\0\0\x04"


_HEADS: dict[Any, Any] = {
    MsgRequest.message_type: _request_head,
    MsgReply.message_type: _reply_head,
    MsgAlert.message_type: _alert_head,
}


class Replacements:
    """Logs where values are sent as text because JSON has no NaN, no infinity and no objects of a laboratory.

    It has no lock, which a fork could leave locked: two threads at the same moment may log the same line.

    Args:
        clock: gives the time in seconds.

    Attributes:
        logged: when the beginning was logged last, by subject.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.logged: dict[str, float] = {}
        self._clock = clock
        self._going_on: set[str] = set()  # those whose end is not logged yet

    def found(self, subject: str, replaced: Sequence[str]) -> None:
        """Note a message with such values.

        Args:
            subject: which messages these are, ``to sensor_value.peaches`` or ``reply to get peaches``.
            replaced: where the values are, as `path (type)`.
        """
        now = self._clock()
        before = self.logged.get(subject)
        if subject in self._going_on or (before is not None and now - before < _PAUSE_S):
            return
        if before is None and len(self.logged) >= _MOST_SUBJECTS:
            return
        self.logged[subject] = now
        self._going_on.add(subject)
        what = ", ".join(replaced[:10]).replace("(float)", "(NaN or infinity)")
        logger.warning("%s: sent as text what JSON cannot hold: %s", subject, what)

    def none_in(self, subject: str) -> None:
        """Note a message without such values."""
        if subject in self._going_on:
            self._going_on.discard(subject)
            logger.warning("%s: all values can be sent as they are again", subject)
        elif self._clock() - self.logged.get(subject, self._clock()) >= _PAUSE_S:
            self.logged.pop(subject, None)


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
    timestamp = headers.get("timestamp")  # it informs people; a message without a good one is as good as any
    message.timestamp = timestamp if type(timestamp) is str else ""
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


def malformed_reply(asked: str, properties: RawProperties, reason: str) -> MalformedReply:
    """Make the error for a reply that cannot be used.

    Args:
        asked: Routing key of the request.
        properties: Those of the reply, good or not.
        reason: What is wrong with it.
    """
    sender = sender_of(properties)
    return MalformedReply(f"invalid reply from {asked!r}{f' ({sender})' if sender else ''}: {reason}")


def _odd_encoding(properties: RawProperties) -> str:
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


def _sender_info(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        return {**_NOBODY, "versions": {}}
    return value if value.keys() >= _NOBODY.keys() else {**_NOBODY, "versions": {}, **value}


def _mark_invalid(message: Message, reason: str, body: bytes) -> None:
    message.invalid_reason = reason
    shown = body[:10_000].decode("utf-8", "replace")
    message.plain_payload = {"error": "Message body could not be parsed; skipping request", "invalid": shown}
