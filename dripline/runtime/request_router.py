"""What comes into a service's queues is handed to whom it is for."""

from __future__ import annotations

import copy
import logging
import threading
import uuid
from collections.abc import Callable
from typing import Any, Protocol
from weakref import WeakSet

from dripline.errors import DriplineError
from dripline.runtime.boundary import Boundary
from dripline.runtime.children import Children
from dripline.runtime.dispatch import BROADCAST_COMMANDS, Target, answer
from dripline.runtime.handler_timeout import HandlerTimeout
from dripline.runtime.in_flight import note_failure
from dripline.runtime.rate_limited_log import RateLimitedLogger
from dripline.runtime.sent_message import SentMessagePackage
from dripline.wire.enums import op_t
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest
from dripline.wire.return_codes import ThrowReply
from dripline.wire.safe_text import named_text_of, safe_text, text_of
from dripline.wire.sender import describe_sender

logger = logging.getLogger("dripline.service")


class Host(Target, Protocol):
    """A service, as what comes in needs it."""

    broadcast_key: str

    def send(self, a_message: Message) -> SentMessagePackage:
        """Send a reply."""


class RequestRouter:
    """Hands each message that comes in to the service or an endpoint, one at a time.

    Args:
        service: the service.
        children: its endpoints.
        handler_timeout: sees how long handlers take.
    """

    def __init__(self, service: Host, children: Children, handler_timeout: HandlerTimeout) -> None:
        self._service = service
        self._children = children
        self._limited_log = RateLimitedLogger(logger)
        self._handler_timeout = handler_timeout
        self._lock = threading.Lock()
        self._kept: WeakSet[MsgRequest] = WeakSet()  # handled and not answered; nobody can answer a forgotten one

    def take(self, message: Message) -> None:
        """Take a message from the service's queue; whatever happens, the worker that brings it goes on."""
        self._surely(message, self._service, lambda: self._take(message))

    def may_overtake(self, request: MsgRequest) -> bool:
        """Whether a request touches nothing of a handler, so that it need not wait for a busy one."""
        find = getattr(self._asked(request), "_dripline_built_in", None)  # an endpoint may be of no class of ours
        built_in = find(request) if find is not None else None
        return built_in is not None and built_in.may_overtake

    def take_prioritized(self, message: Message) -> None:
        """Answer a request that may overtake, beside a busy handler."""
        endpoint = self._asked(message)
        if endpoint is not None and isinstance(message, MsgRequest) and message.reply_to:
            self._service.send(answer(endpoint, message))

    def give_up(self, request: MsgRequest) -> None:
        """Answer in place of a handler that takes too long, unless it has answered in this very moment."""
        what = f"{request.message_operation.name} {request.routing_key}"
        what += f" takes longer than {self._handler_timeout.timeout_s:g} s"
        if request.reply_to:
            reply = request.reply(305, f"{what}; it goes on meanwhile")
            if not self._service.send(reply).successful_send:
                return
            what += "; answered with 305"
        logger.warning("%s: %s", self._service.name, safe_text(what))

    def of_request_here(self, reply: MsgReply) -> MsgReply:
        """Recognize a reply that a laboratory's code made by hand to the request that this thread handles."""
        request = self._handler_timeout.message_here()
        if reply._request is not None or not isinstance(request, MsgRequest) or not request.reply_to:
            return reply
        is_its = reply.routing_key == request.reply_to and reply.correlation_id in ("", request.correlation_id)
        return request.adopt(reply) if is_its else reply

    def kept(self) -> set[str]:
        """Return the correlation ids of requests that were handled and may be answered later."""
        with self._lock:
            return {request.correlation_id for request in self._kept if not request.is_claimed}

    def _asked(self, request: Message) -> Target | None:
        if self._is_broadcast(request.routing_key):
            return self._service
        return self._children.find(request.routing_key)

    def taker_for(self, endpoint: Target) -> Callable[[Message], None]:
        """Return what takes messages from an endpoint's own queue."""

        def take(message: Message) -> None:
            self._surely(message, endpoint, lambda: self._hand_over(message, endpoint))

        return take

    def takers(self) -> dict[str, Callable[[Message], None]]:
        """Return what takes messages from each of the endpoints' own queues, by name."""
        return {name: self.taker_for(endpoint) for name, endpoint in self._children.own_queue.items()}

    def _surely(self, message: Message, whose: Target, handle: Callable[[], None]) -> None:
        failure: BaseException | None = None
        text = "%s: could not handle the %s for %r"
        names = self._service.name, message.message_type.name, message.routing_key
        with Boundary(self._limited_log, text, *names) as attempt:
            try:
                self._in_turn(message, whose, handle)
            except (DriplineError, ThrowReply) as error:
                failure = error
                self._limited_log.tell(
                    f"dropped a message: {type(error).__name__}", "%s: dropped the %s for %r: %s",
                    self._service.name, message.message_type.name, message.routing_key, text_of(error),
                )  # fmt: skip
        failure = attempt.error or failure
        if failure is not None:
            note_failure(failure)
            if isinstance(message, MsgRequest) and not message.is_claimed:
                self._reply(message, *_told(failure))

    def _in_turn(self, message: Message, whose: Target, handle: Callable[[], None]) -> None:
        lock = self._children.lock_of(whose)
        with self._handler_timeout.over(message):
            # The lock of who reads a value to log it may last as long as that of a handler that hangs.
            if not lock.acquire(wait=False):
                if isinstance(message, MsgRequest) and self.may_overtake(message):
                    self.take_prioritized(message)
                    return
                lock.acquire()
            try:
                handle()
            finally:
                lock.release()

    def _take(self, message: Message) -> None:
        if isinstance(message, MsgAlert):
            self._hand_over(message, self._service)
            return
        if isinstance(message, MsgRequest) and self._is_broadcast(message.routing_key):
            self._take_broadcast(message)
            return
        endpoint = self._children.find(message.routing_key)
        if endpoint is not None:
            self._hand_over(message, endpoint)
            return
        if isinstance(message, MsgRequest):
            self._reply(message, 102, f"{self._service.name} has no endpoint for {message.routing_key!r}")
        raise DriplineError("it is for none of the endpoints")

    def _is_broadcast(self, routing_key: str) -> bool:
        key = self._service.broadcast_key
        return routing_key == key or routing_key.startswith(f"{key}.")

    def _take_broadcast(self, request: MsgRequest) -> None:
        specifier = request.specifier.to_string()
        if request.message_operation is not op_t.cmd or specifier not in BROADCAST_COMMANDS:
            known = ", ".join(sorted(BROADCAST_COMMANDS))
            self._reply(request, 306, f"a broadcast is one of the commands {known}")
            return
        if specifier in ("lock", "unlock"):
            self._lock_children(request)
        self._hand_over(request, self._service)

    def _lock_children(self, request: MsgRequest) -> None:
        if request.lockout_key_valid and not request.lockout_key.int and request.specifier.to_string() == "lock":
            request.lockout_key = uuid.uuid4()  # one key for all, which the reply tells
        silent = copy.copy(request)
        silent.reply_to = ""
        for endpoint in self._children:
            endpoint.on_request_message(silent)

    def _reply(self, request: MsgRequest, code: int, text: str, payload: Any = None) -> None:
        if request.reply_to:
            self._service.send(request.reply(code, text, payload))

    def _hand_over(self, message: Message, endpoint: Target) -> None:
        if isinstance(message, MsgRequest):
            reply = endpoint.on_request_message(message)
            if message.reply_to and not message.is_claimed:  # a laboratory's own version of that method
                self._settle(message, reply)
        elif message.invalid_reason is not None:
            sender = describe_sender(message.sender_info)
            # A bad request is answered; of others only the log can tell.
            raise DriplineError(message.invalid_reason + (f" (from {sender})" if sender else ""))
        elif isinstance(message, MsgReply):
            endpoint.on_reply_message(message)
        elif isinstance(message, MsgAlert):
            endpoint.on_alert_message(message)

    def _settle(self, request: MsgRequest, reply: object) -> None:
        """Send a reply that was only returned; if there is none, another thread may answer the request later."""
        if isinstance(reply, MsgReply):
            self._service.send(request.adopt(reply))
            return
        with self._lock:
            self._kept.add(request)


def _told(failure: BaseException) -> tuple[int, str, Any]:
    """Return code, message and payload with which a failure outside of the endpoints' handlers is answered."""
    if isinstance(failure, ThrowReply):
        return int(failure.return_code), failure.return_message, failure.payload
    return 999, named_text_of(failure), None
