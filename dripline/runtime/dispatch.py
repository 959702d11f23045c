"""Finds the endpoint of a request, checks its lockout, and turns results and exceptions into replies."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, TypeVar

from dripline.runtime.liveness import LifeSigns, awaited_by, is_automatic
from dripline.runtime.rate_limited_log import Boundary, limited_log_of
from dripline.wire import return_codes as codes
from dripline.wire.enums import op_t
from dripline.wire.message import MsgAlert, MsgReply, MsgRequest
from dripline.wire.return_codes import ThrowReply
from dripline.wire.safe_text import named_text_of

logger = logging.getLogger("dripline.service")

T = TypeVar("T")

_NIL = uuid.UUID(int=0)


class Lockout:
    """Who has locked an endpoint, and with which key.

    Attributes:
        key: The key that opens it, nil when it is not locked.
        tag: `sender_info` of the locker, empty when it is not locked.
    """

    def __init__(self) -> None:
        self.key = _NIL
        self.tag: Mapping[str, Any] = {}

    @property
    def is_locked(self) -> bool:
        """Whether it is locked."""
        return self.key != _NIL

    def admits(self, key: uuid.UUID) -> bool:
        """Whether a request with ``key`` may change something."""
        return not self.is_locked or key == self.key

    def lock(self, key: uuid.UUID, tag: Mapping[str, Any]) -> uuid.UUID | None:
        """Lock.

        Args:
            key: The key to lock with; one is generated when it is nil.
            tag: `sender_info` of who locks.

        Returns:
            The key, or None when it is locked already.
        """
        if self.is_locked:
            return None
        self.key = key if key != _NIL else uuid.uuid4()
        self.tag = tag
        return self.key

    def unlock(self, key: uuid.UUID, *, force: bool = False) -> bool:
        """Unlock; tells whether key or force sufficed."""
        if not force and key != self.key:
            return False
        self.key, self.tag = _NIL, {}
        return True

    def status(self) -> dict[str, Any]:
        """Return the payload of the reply to ``is-locked``."""
        return {"is_locked": True, "tag": dict(self.tag)} if self.is_locked else {"is_locked": False}


class Target(Protocol):
    """What answers requests: an endpoint."""

    name: str
    service: Any
    _dripline_lockout: Lockout

    def on_request_message(self, a_request: MsgRequest) -> MsgReply:
        """Answer a request."""

    def on_reply_message(self, a_reply: MsgReply) -> None:
        """Take a reply."""

    def on_alert_message(self, an_alert: MsgAlert) -> None:
        """Take an alert."""

    def _dripline_built_in(self, request: MsgRequest) -> BuiltIn | None:
        """Return the built-in specifier that a request uses, if it does."""

    def _dripline_life_signs(self, awaited: list[str]) -> LifeSigns | None:
        """Return what a waiting client learns from a ping; None without a service."""

    def do_get_request(self, a_request_message: MsgRequest) -> MsgReply:
        """Answer a get."""

    def do_set_request(self, a_request_message: MsgRequest) -> MsgReply:
        """Answer a set."""

    def do_cmd_request(self, a_request_message: MsgRequest) -> MsgReply:
        """Answer a cmd."""


class BuiltIn(NamedTuple):
    """A specifier that every endpoint has, or every service.

    Attributes:
        answer: Answers a request that uses it.
        may_overtake: Whether it touches nothing of a handler, so that it need not wait for a busy one.
    """

    answer: Callable[[Target, MsgRequest], MsgReply]
    may_overtake: bool = False


BuiltIns = Mapping[tuple[op_t, str], BuiltIn]


def find_by_routing_key(routing_key: str, endpoints: Mapping[str, T]) -> T | None:
    """Find the endpoint that a routing key addresses: the longest name that begins it, in whole words.

    Args:
        routing_key: For example ``peaches`` or ``peaches.sub.key``.
        endpoints: Endpoints by name.
    """
    name = routing_key
    while name:
        found = endpoints.get(name)
        if found is not None:
            return found
        name, _, _ = name.rpartition(".")
    return None


class ReplyWarnings(threading.local):
    """Warnings that a handler leaves for the reply it leads to, on the same thread."""

    text: str | None = None

    def leave(self, text: str) -> None:
        """Leave a warning: the reply carries it with return code 1 if it is a success."""
        self.text = text if self.text is None else f"{self.text}; {text}"

    def take(self) -> str | None:
        """Return what was left, and forget it."""
        text, self.text = self.text, None
        return text

    def restore(self, text: str | None) -> None:
        """Put back what was taken, in place of all that was left since."""
        self.text = text


reply_warnings = ReplyWarnings()


def answer(target: Target, request: MsgRequest) -> MsgReply:
    """Let an endpoint answer a request, whatever happens.

    Args:
        target: The endpoint.
        request: The request, which may be invalid.

    Returns:
        The reply, also to whatever a handler raises; the service goes on.
    """
    outer = reply_warnings.take()  # of the handler that asks this endpoint of its own service
    reply: object = None
    with Boundary(limited_log_of(target, logger), "%s: unhandled exception in a handler", target.name) as boundary:
        try:
            reply = _checked(target, request)
            warning = reply_warnings.take()
            if warning is not None and isinstance(reply, MsgReply) and reply.return_code == 0:
                reply.return_code, reply.return_message = codes.DL_WarningNoActionTaken.value, warning
        except ThrowReply as thrown:
            reply = request.reply(thrown.return_code, thrown.return_message, thrown.payload)
        finally:
            reply_warnings.restore(outer)
    if isinstance(reply, MsgReply):
        return request.adopt(reply)
    error = boundary.error
    text = f"{named_text_of(error)}{_without_service(target, error)}" if error else "the handler made no reply"
    return request.reply(codes.DL_UnhandledException.value, text)


def _without_service(target: Target, error: BaseException) -> str:
    """A hint for a handler that uses `self.service` of an endpoint that has none."""
    if isinstance(error, AttributeError) and error.obj is None and getattr(target, "service", target) is None:
        return f"; {target.name} belongs to no service (self.service is None): add it to one with add_child"
    return ""


def _checked(target: Target, request: MsgRequest) -> MsgReply:
    if request.invalid_reason is not None:
        return request.reply(
            codes.DL_ServiceErrorDecodingFail.value, "Request message was not valid", request.plain_payload
        )
    if not request.lockout_key_valid:
        return request.reply(codes.DL_ServiceErrorInvalidKey.value, "Lockout key could not be parsed")
    operation = request.message_operation
    built_in = target._dripline_built_in(request)
    if built_in is not None:
        surplus = _surplus_argument(request)
        return (
            built_in.answer(target, request)
            if surplus is None
            else request.reply(codes.DL_ServiceErrorInvalidValue.value, surplus)
        )
    if operation is op_t.get:
        return target.do_get_request(request)
    if not target._dripline_lockout.admits(request.lockout_key):
        return _denied(request)
    if operation is op_t.set:
        return target.do_set_request(request)
    if operation is op_t.cmd:
        return target.do_cmd_request(request)
    return request.reply(
        codes.DL_ServiceErrorInvalidMethod.value, f"Unrecognized message operation: <{request.raw_operation}>"
    )


def _denied(request: MsgRequest) -> MsgReply:
    return request.reply(
        codes.DL_ServiceErrorAccessDenied.value, f"Request denied due to lockout (key used: {request.lockout_key})"
    )


def _surplus_argument(request: MsgRequest) -> str | None:
    """What to say about an argument that a built-in command does not take; None if there is none."""
    name, payload = request.specifier.to_string(), request.plain_payload
    if (
        request.message_operation is not op_t.cmd
        or name not in _ARGUMENTS
        or payload is None
        or is_automatic(request)
    ):
        return None
    if not isinstance(payload, dict):
        return f"the payload of {name!r} must be a map of arguments"
    known = _ARGUMENTS[name]
    takes = f"takes only {', '.join(known)}" if known else "takes no arguments"
    values = payload.get("values")
    if values not in (None, []):
        return f"{name!r} {takes}; unexpected: {values!r}"[:_LONGEST_COMPLAINT]
    for key in payload:
        if key not in known and key != "values":
            return f"{name!r} {takes}; unexpected: {key!r}"[:_LONGEST_COMPLAINT]
    return None


def _ping(target: Target, request: MsgRequest) -> MsgReply:
    awaited = awaited_by(request)
    signs = target._dripline_life_signs(awaited) if awaited is not None else None
    hello = f"Hello, {request.sender_info.get('exe', 'whoever you are')}"
    return request.reply(0, hello, signs.payload() if signs is not None else None)


def _lock(target: Target, request: MsgRequest) -> MsgReply:
    if not target._dripline_lockout.admits(request.lockout_key):
        return _denied(request)
    key = target._dripline_lockout.lock(request.lockout_key, request.sender_info)
    if key is None:
        return request.reply(codes.DL_ResourceError.value, "Unable to lock server")
    return request.reply(0, "Server is now locked", {"key": str(key)})


def _unlock(target: Target, request: MsgRequest) -> MsgReply:
    if not target._dripline_lockout.is_locked:
        return request.reply(codes.DL_WarningNoActionTaken.value, "Already unlocked")
    payload: Any = request.plain_payload
    force = isinstance(payload, dict) and payload.get("force") is True
    if target._dripline_lockout.unlock(request.lockout_key, force=force):
        return request.reply(0, "Server unlocked")
    return request.reply(codes.DL_ResourceError.value, "Failed to unlock server")


#: The specifiers that every endpoint has.
BUILT_IN: BuiltIns = {
    (op_t.get, "is-locked"): BuiltIn(
        lambda target, request: request.reply(0, "Checked lock status", target._dripline_lockout.status())
    ),
    (op_t.cmd, "ping"): BuiltIn(_ping, may_overtake=True),
    (op_t.cmd, "lock"): BuiltIn(_lock),
    (op_t.cmd, "unlock"): BuiltIn(_unlock),
    (op_t.cmd, "set_condition"): BuiltIn(
        lambda _, request: request.reply(0, "No action taken (this is the default method)")
    ),
}

# What a condition means is up to the laboratory's own service, so `set_condition` takes anything.
_ARGUMENTS: dict[str, tuple[str, ...]] = {"ping": (), "lock": (), "unlock": ("force",)}
_LONGEST_COMPLAINT = 300

#: Commands that take no positional arguments.
COMMANDS_WITHOUT_VALUES = frozenset(_ARGUMENTS)

#: Commands that may be sent to all services at once.
BROADCAST_COMMANDS = frozenset(specifier for operation, specifier in BUILT_IN if operation is op_t.cmd)
