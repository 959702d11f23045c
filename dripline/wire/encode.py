"""From message to AMQP properties and bodies, byte for byte what real peers write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from dripline.amqp.properties import encode_table, long_string, pack_long, short_string
from dripline.errors import EncodingError
from dripline.wire.chunks import DEFAULT_LIMITS
from dripline.wire.enums import UNKNOWN
from dripline.wire.identifiers import new_uuid
from dripline.wire.json_body import dumps, to_jsonable
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest
from dripline.wire.replacements import Replacements
from dripline.wire.specifier import MAX_SPECIFIER

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
        headers = b"".join(
            (
                _HEADS[message.message_type](message),
                self._sender_and_specifier,
                long_string(specifier),
                _TIMESTAMP,
                long_string(message.timestamp),
            )
        )
        return b"".join(
            (
                _FLAGS_AND_ENCODING,
                pack_long(len(headers)),
                headers,
                short_string(message.correlation_id),
                short_string(message.reply_to),
            )
        )


# content_encoding, headers, correlation_id, reply_to, message_id are there, and nothing else.
_FLAGS_AND_ENCODING = b"\x66\x80" + short_string("application/json")
_TIMESTAMP = b"\x09timestamp"


def _subject(message: Message) -> str:
    request = message._request if isinstance(message, MsgReply) else None
    if request is None:
        return f"to {message.routing_key}"
    words = (request.message_operation.name, request.routing_key, request.specifier_text)
    return f"reply to {' '.join(filter(None, words))}"


def _request_head(message: MsgRequest) -> bytes:
    return b"".join(
        (
            b"\x0blockout_key",
            long_string(message.lockout_key_text),
            b"\x11message_operationi",
            pack_long(message.raw_operation & UNKNOWN),
            b"\x0cmessage_typei\0\0\0\x03",
        )
    )


def _reply_head(message: MsgReply) -> bytes:
    return b"".join(
        (
            b"\x0cmessage_typei\0\0\0\x02\x0breturn_codei",
            pack_long(message.return_code & UNKNOWN),
            b"\x0ereturn_message",
            long_string(_shortened(message.return_message)),
        )
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
