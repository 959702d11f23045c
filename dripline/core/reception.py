"""What comes into a service's queues is handed to whom it is for."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

from dripline.core.children import Children
from dripline.core.endpoint import Endpoint
from dripline.runtime.boundary import Boundary, text_of
from dripline.runtime.complaints import Complaints
from dripline.runtime.dispatch import BROADCAST_COMMANDS, answer
from dripline.runtime.handler_watch import HandlerWatch
from dripline.runtime.in_hand import note_failure
from dripline.runtime.quick_lane import HEALTH
from dripline.runtime.throw_reply import ThrowReply
from dripline.wire.enums import op_t
from dripline.wire.errors import DriplineError
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest
from dripline.wire.sender import describe_sender

if TYPE_CHECKING:
    from dripline.core.service import Service

logger = logging.getLogger(__name__)


class Reception:
    """The front desk of a service.

    Args:
        service: the service.
        children: its endpoints.
        watch: sees how long handlers take.
    """

    def __init__(self, service: Service, children: Children, watch: HandlerWatch) -> None:
        self._service = service
        self._children = children
        self._complaints = Complaints(logger)
        self._watch = watch

    def take(self, message: Message) -> None:
        """Take a message from the service's queue; whatever happens, the worker that brings it goes on."""
        self._surely(message, self._service, lambda: self._take(message))

    def take_quick(self, message: Message) -> None:
        """Answer a ping or a question for the health beside a busy handler: neither touches anything of it."""
        if not self._answered_quickly(message):
            self.take(message)  # it only looked like one

    def _answered_quickly(self, message: Message) -> bool:
        if not isinstance(message, MsgRequest) or not message.reply_to:
            return False
        endpoint = self._asked(message)
        quick = {(op_t.cmd, "ping"): endpoint, (op_t.get, HEALTH): self._service}
        asked = quick.get((message.message_operation, message.specifier.to_string()))
        if asked is None or asked is not endpoint:
            return False
        self._service.send(answer(endpoint, message))
        return True

    def _asked(self, request: MsgRequest) -> Endpoint | None:
        if self._is_broadcast(request.routing_key):
            return self._service
        return self._children.find(request.routing_key)

    def taker_for(self, endpoint: Endpoint) -> Callable[[Message], None]:
        """Return what takes messages from an endpoint's own queue."""

        def take(message: Message) -> None:
            self._surely(message, endpoint, lambda: _hand_over(message, endpoint))

        return take

    def takers(self) -> dict[str, Callable[[Message], None]]:
        """Return what takes messages from each of the endpoints' own queues, by name."""
        return {name: self.taker_for(endpoint) for name, endpoint in self._children.own_queue.items()}

    def _surely(self, message: Message, whose: Endpoint, handle: Callable[[], None]) -> None:
        text = "%s: could not handle the %s for %r"
        names = self._service.name, message.message_type.name, message.routing_key
        with Boundary(self._complaints, text, *names) as attempt:
            try:
                self._in_turn(message, whose, handle)
            except (DriplineError, ThrowReply) as error:
                note_failure(error)
                self._complaints.tell(
                    f"dropped a message: {type(error).__name__}", "%s: dropped the %s for %r: %s",
                    self._service.name, message.message_type.name, message.routing_key, text_of(error),
                )  # fmt: skip
        if attempt.error is not None:
            note_failure(attempt.error)

    def _in_turn(self, message: Message, whose: Endpoint, handle: Callable[[], None]) -> None:
        turn = self._children.turn_of(whose)
        with self._watch.over(message):
            # The turn of who reads a value to log it may last as long as that of a handler that hangs.
            if not turn.enter(wait=False):
                if self._answered_quickly(message):
                    return
                turn.enter()
            try:
                handle()
            finally:
                turn.leave()

    def _take(self, message: Message) -> None:
        if isinstance(message, MsgAlert):
            _hand_over(message, self._service)
            return
        if isinstance(message, MsgRequest) and self._is_broadcast(message.routing_key):
            self._take_broadcast(message)
            return
        endpoint = self._children.find(message.routing_key)
        if endpoint is not None:
            _hand_over(message, endpoint)
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
        self._service.on_request_message(request)

    def _lock_children(self, request: MsgRequest) -> None:
        if request.lockout_key_valid and not request.lockout_key.int and request.specifier.to_string() == "lock":
            request.lockout_key = uuid.uuid4()  # one key for all, which the reply tells
        address, request.reply_to = request.reply_to, ""
        for endpoint in self._children:
            endpoint.on_request_message(request)
        request.reply_to = address

    def _reply(self, request: MsgRequest, code: int, text: str) -> None:
        if request.reply_to:
            self._service.send(request.reply(code, text))


def _hand_over(message: Message, endpoint: Endpoint) -> None:
    if isinstance(message, MsgRequest):
        endpoint.on_request_message(message)
    elif message.invalid_reason is not None:
        sender = describe_sender(message.sender_info)
        # A bad request is answered; of others only the log can tell.
        raise DriplineError(message.invalid_reason + (f" (from {sender})" if sender else ""))
    elif isinstance(message, MsgReply):
        endpoint.on_reply_message(message)
    elif isinstance(message, MsgAlert):
        endpoint.on_alert_message(message)
