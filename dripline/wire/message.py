"""`MsgRequest`, `MsgReply`, `MsgAlert`, and message UUIDs."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import scarab
from dripline.wire import enums
from dripline.wire.body import to_jsonable
from dripline.wire.enums import msg_t, op_t
from dripline.wire.identifiers import NIL_UUID, NIL_UUID_TEXT, Specifier, parse_key
from dripline.wire.printing import to_json, to_text
from dripline.wire.return_codes import ReturnCode

#: What may be given as a payload: a scarab value, or plain Python that JSON can hold.
Payload = Any

# Made in advance: to ask the system for each would give all other threads a turn, in the middle of sending.
_ready: list[str] = []
_AT_ONCE = 64

if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_ready.clear)  # else both processes would use the same ones


def new_uuid() -> str:
    """Make a random UUID (version 4) in its 36-character form."""
    try:
        return _ready.pop()
    except IndexError:
        digits = os.urandom(16 * _AT_ONCE).hex()
        fresh = [_uuid(digits[at : at + 32]) for at in range(0, len(digits), 32)]
        one = fresh.pop()
        _ready.extend(fresh)
        return one


def _uuid(digits: str) -> str:
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


class Message:
    """What requests, replies and alerts have in common.

    Attributes:
        routing_key: where the message goes.
        correlation_id: UUID that a reply shares with its request.
        message_id: UUID of this message, without the chunk numbers; empty until it is sent.
        reply_to: routing key for the reply; empty when none is wanted.
        timestamp: when it was sent, RFC 3339 in UTC; empty until it is sent.
        sender_info: who sent it: exe, hostname, username, service_name, versions. Not to be changed.
        encoding: how the body is written.
        invalid_reason: why the body could not be read; None for a good one.
    """

    message_type: msg_t = msg_t.unknown
    encoding: enums.encoding = enums.encoding.json
    message_id: str = ""
    reply_to: str = ""
    timestamp: str = ""
    invalid_reason: str | None = None

    def __init__(
        self,
        payload: Payload = None,
        routing_key: str = "",
        specifier: str | Specifier = "",
        encoding: enums.encoding = enums.encoding.json,
    ) -> None:
        self.routing_key = routing_key
        self.correlation_id = ""
        self.sender_info: dict[str, Any] = {}
        self._specifier: str | Specifier = specifier
        self._set_payload(payload)
        self.encoding = encoding

    def _set_payload(self, payload: Payload) -> None:
        is_param = isinstance(payload, scarab.Param)
        self._param: scarab.Param | None = payload if is_param else None
        self._plain: Any = None if is_param else payload

    @property
    def payload(self) -> scarab.Param:
        """The payload as a scarab value. What is changed in it is what will be sent."""
        if self._param is None:
            self._param = _to_param(self._plain)
        return self._param

    @payload.setter
    def payload(self, payload: Payload) -> None:
        self._set_payload(payload)

    @property
    def plain_payload(self) -> Any:
        """The payload as plain Python, what JSON can hold."""
        return self._plain if self._param is None else scarab.to_python(self._param)

    @plain_payload.setter
    def plain_payload(self, payload: Any) -> None:
        self._set_payload(payload)

    @property
    def specifier(self) -> Specifier:
        """The attribute or method that is meant; empty when it is the endpoint itself."""
        if isinstance(self._specifier, str):
            self._specifier = Specifier(self._specifier)
        return self._specifier

    @specifier.setter
    def specifier(self, specifier: str | Specifier) -> None:
        self._specifier = specifier

    @property
    def specifier_text(self) -> str:
        """The specifier as it was written."""
        return str(self._specifier)

    def is_request(self) -> bool:
        """Tell whether this is a request."""
        return self.message_type is msg_t.request

    def is_reply(self) -> bool:
        """Tell whether this is a reply."""
        return self.message_type is msg_t.reply

    def is_alert(self) -> bool:
        """Tell whether this is an alert."""
        return self.message_type is msg_t.alert

    def encode_full_message(self) -> str:
        """Write everything about the message as one line of JSON."""
        return to_json(self)

    def __str__(self) -> str:
        return to_text(self)


class MsgRequest(Message):
    """A question or an order to an endpoint.

    Attributes:
        raw_operation: the operation's number on the wire, also one that nobody knows.
    """

    message_type = msg_t.request

    def __init__(
        self,
        payload: Payload = None,
        msg_op: op_t = op_t.unknown,
        routing_key: str = "",
        specifier: str | Specifier = "",
        reply_to: str = "",
        encoding: enums.encoding = enums.encoding.json,
    ) -> None:
        super().__init__(payload, routing_key, specifier, encoding)
        self.correlation_id = new_uuid()
        self.reply_to = reply_to
        self.raw_operation = int(msg_op)
        self._lockout_text = NIL_UUID_TEXT

    @classmethod
    def create(
        cls,
        payload: Payload = None,
        msg_op: op_t = op_t.unknown,
        routing_key: str = "",
        specifier: str | Specifier = "",
        reply_to: str = "",
        encoding: enums.encoding = enums.encoding.json,
    ) -> MsgRequest:
        """Make a request with a fresh correlation id.

        Args:
            payload: a scarab value or plain Python that JSON can hold.
            msg_op: set, get or cmd.
            routing_key: the endpoint's name.
            specifier: attribute or method of the endpoint; empty for the endpoint itself.
            reply_to: routing key for the reply; empty when none is wanted.
            encoding: how the body is written.
        """
        return cls(payload, msg_op, routing_key, specifier, reply_to, encoding)

    def reply(
        self, return_code: int | ReturnCode = 0, return_message: str = "", payload: Payload = None
    ) -> MsgReply:
        """Make the reply to this request: same correlation id, addressed to `reply_to`."""
        reply = MsgReply(return_code, return_message, payload, self.reply_to)
        reply.correlation_id = self.correlation_id
        reply._request = self
        return reply

    def adopt(self, reply: MsgReply) -> MsgReply:
        """Address a reply that was made in another way to the sender of this request; returns a copy of it."""
        if reply._request is self:
            return reply
        adopted = copy.copy(reply)
        adopted.routing_key, adopted.correlation_id, adopted._request = self.reply_to, self.correlation_id, self
        return adopted

    def claim(self) -> bool:
        """Claim the right to answer this request: True for one caller only, whatever the thread."""
        mine = object()
        # One atomic step; a lock could stay locked in a forked process.
        return self.__dict__.setdefault("_claim", mine) is mine

    def release(self) -> None:
        """Give the right back, for a reply that could not be sent."""
        self.__dict__.pop("_claim", None)

    @property
    def is_claimed(self) -> bool:
        """Whether this request has been answered, or is about to be."""
        return "_claim" in self.__dict__

    @property
    def message_operation(self) -> op_t:
        """What is asked for; `op_t.unknown` for a number that nobody knows."""
        return _OPERATIONS.get(self.raw_operation, op_t.unknown)

    @message_operation.setter
    def message_operation(self, operation: op_t) -> None:
        self.raw_operation = int(operation)

    @property
    def lockout_key(self) -> UUID:
        """The key that opens a locked endpoint; the nil UUID for none, and for one that cannot be read."""
        return parse_key(self._lockout_text) or NIL_UUID

    @lockout_key.setter
    def lockout_key(self, key: UUID | str) -> None:
        parsed = key if isinstance(key, UUID) else parse_key(key) if isinstance(key, str) else None
        if parsed is None:
            raise RuntimeError(f"a lockout key is a UUID, not {key!r}")
        self._lockout_text = str(parsed)

    @property
    def lockout_key_valid(self) -> bool:
        """False when the sender gave a key that is no UUID."""
        return parse_key(self._lockout_text) is not None

    @property
    def lockout_key_text(self) -> str:
        """The key as the sender wrote it."""
        return self._lockout_text

    @classmethod
    def read(cls, operation: int, lockout_text: str) -> MsgRequest:
        """Make a request that came from the mesh, for the codec to fill in."""
        request = cls.__new__(cls)
        request.raw_operation = operation
        request._lockout_text = lockout_text
        return request


class MsgReply(Message):
    """The answer to a request.

    Attributes:
        return_code: 0 success, 1-99 warning, 100 and above error.
        return_message: what the code means in this case, for people.
    """

    message_type = msg_t.reply
    _request: MsgRequest | None = None  # which it answers, if that was received here

    def __init__(
        self,
        return_code: int | ReturnCode = 0,
        return_message: str = "",
        payload: Payload = None,
        routing_key: str = "",
        specifier: str | Specifier = "",
        encoding: enums.encoding = enums.encoding.json,
    ) -> None:
        super().__init__(payload, routing_key, specifier, encoding)
        self.return_code = int(return_code)
        self.return_message = return_message

    @classmethod
    def create(
        cls,
        return_code: int | ReturnCode = 0,
        return_message: str = "",
        payload: Payload = None,
        routing_key: str | MsgRequest = "",
        specifier: str | Specifier = "",
        encoding: enums.encoding = enums.encoding.json,
        msg_request: MsgRequest | None = None,
    ) -> MsgReply:
        """Make a reply.

        Args:
            return_code: the code's number, or the code itself.
            return_message: what happened, for people.
            payload: a scarab value or plain Python that JSON can hold.
            routing_key: where it goes, or the request that it answers.
            specifier: usually empty.
            encoding: how the body is written.
            msg_request: the request that it answers, in place of a routing key.
        """
        request = routing_key if isinstance(routing_key, MsgRequest) else msg_request
        if request is not None:
            return request.reply(return_code, return_message, payload)
        assert isinstance(routing_key, str), "it was no request"
        return cls(return_code, return_message, payload, routing_key, specifier, encoding)

    def claim(self) -> bool:
        """Claim the right to be the reply to its request; see `MsgRequest.claim`."""
        return self._request is None or self._request.claim()

    def release(self) -> None:
        """Give the right back, since this reply could not be sent; see `MsgRequest.release`."""
        if self._request is not None:
            self._request.release()


class MsgAlert(Message):
    """News that a service gives to whoever listens."""

    message_type = msg_t.alert

    def __init__(
        self,
        payload: Payload = None,
        routing_key: str = "",
        specifier: str | Specifier = "",
        encoding: enums.encoding = enums.encoding.json,
    ) -> None:
        super().__init__(payload, routing_key, specifier, encoding)
        self.correlation_id = new_uuid()

    @classmethod
    def create(
        cls,
        payload: Payload = None,
        routing_key: str = "",
        specifier: str | Specifier = "",
        encoding: enums.encoding = enums.encoding.json,
    ) -> MsgAlert:
        """Make an alert.

        Args:
            payload: a scarab value or plain Python that JSON can hold.
            routing_key: by convention what kind of news, then from whom: `sensor_value.peaches`.
            specifier: usually empty.
            encoding: how the body is written.
        """
        return cls(payload, routing_key, specifier, encoding)


def _to_param(payload: Any) -> scarab.Param:
    try:
        return scarab.to_param(payload)
    except TypeError:  # it holds what JSON cannot hold, and that will be sent as text
        return scarab.to_param(to_jsonable(payload)[0])


_OPERATIONS = {int(operation): operation for operation in op_t}


#: Without calibration; services in C++ reply with ``value``.
RAW_FIELDS = ("value_raw", "value")
VALUE_FIELDS = ("value_cal", *RAW_FIELDS)


def value_of(payload: Any, fields: Sequence[str] = VALUE_FIELDS, default: Any = None) -> Any:
    """Return the value in a payload.

    Args:
        payload: Plain Python; if it is not a mapping, it is the value.
        fields: Where to look for the value, in this order; then the only entry of ``values`` counts.
        default: The result for mappings without a value.
    """
    if not isinstance(payload, Mapping):
        return payload
    for field in fields:
        if field in payload:
            return payload[field]
    values = payload.get("values")
    if len(payload) == 1 and isinstance(values, list) and len(values) == 1:
        return values[0]
    return default
