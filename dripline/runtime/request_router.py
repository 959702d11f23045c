"""Passes messages of a queue to endpoints, one at a time, with a handler timeout."""

from __future__ import annotations

import copy
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakSet

from dripline.errors import DriplineError
from dripline.runtime.children import Children
from dripline.runtime.dispatch import BROADCAST_COMMANDS, Target, answer
from dripline.runtime.pending_replies import SentMessagePackage
from dripline.runtime.rate_limited_log import Boundary, RateLimitedLogger, Taker
from dripline.runtime.worker import note_failure
from dripline.wire import return_codes as codes
from dripline.wire.enums import op_t
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest
from dripline.wire.return_codes import ThrowReply
from dripline.wire.safe_text import named_text_of, safe_text
from dripline.wire.sender import describe_sender

logger = logging.getLogger("dripline.service")


@dataclass
class _Handling:
    message: Message
    start: float  # in seconds of the monotonic clock
    told: bool = False  # whether it was told that it takes too long


class HandlerTimeout:
    """Times the handlers on all threads of a service, and answers for one that takes too long.

    Args:
        timeout_s: how long a handler may take before its request is answered without it; 0 for no limit.
        on_timeout: called once with a request that takes longer, on a thread of its own.

    Attributes:
        timeouts: how many requests took too long.
    """

    def __init__(self, timeout_s: float, on_timeout: Callable[[MsgRequest], None]) -> None:
        self.timeout_s = timeout_s
        self.timeouts = 0
        self._on_timeout = on_timeout
        self._limited_log = RateLimitedLogger(logger)
        self._in_flight: dict[int, _Handling] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    @property
    def busy_s(self) -> float:
        """How long the oldest message has been in hand, in seconds; 0 when there is none."""
        now = time.monotonic()
        return now - min((handling.start for handling in list(self._in_flight.values())), default=now)

    @contextmanager
    def over(self, message: Message) -> Iterator[None]:
        """Time the block that handles a message."""
        if self.timeout_s > 0 and self._thread is None:
            self._start()
        thread = threading.get_ident()
        outer = self._in_flight.get(thread)
        self._in_flight[thread] = _Handling(message, time.monotonic())
        try:
            yield
        finally:
            if outer is None:
                self._in_flight.pop(thread, None)
            else:
                self._in_flight[thread] = outer

    def message_here(self) -> Message | None:
        """Return the message that the calling thread is handling, if there is one."""
        handling = self._in_flight.get(threading.get_ident())
        return None if handling is None else handling.message

    def stop(self) -> None:
        """Stop."""
        self._stopped.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(1.0)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._stopped.clear()
                self._thread = threading.Thread(target=self._run, name="dripline-handler-timeout", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(self.timeout_s / 8):
            now = time.monotonic()
            for handling in list(self._in_flight.values()):
                late = now - handling.start > self.timeout_s and not handling.told
                if late and isinstance(handling.message, MsgRequest):
                    handling.told = True
                    self.timeouts += 1
                    key = handling.message.routing_key
                    with Boundary(self._limited_log, "the request for %r could not be given up", key):
                        self._on_timeout(handling.message)


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

    Attributes:
        take: takes messages from the service's queue; whatever happens, the worker that brings them goes on.
    """

    def __init__(self, service: Host, children: Children, handler_timeout: HandlerTimeout) -> None:
        self._service = service
        self._children = children
        self._limited_log = RateLimitedLogger(logger)
        self._handler_timeout = handler_timeout
        self._lock = threading.Lock()
        self._kept: WeakSet[MsgRequest] = WeakSet()  # handled and not answered; nobody can answer a forgotten one
        self.take = self._taker(service, self._take)

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
            code = codes.DL_ServiceErrorTimeout.value
            reply = request.reply(code, f"{what}; it goes on meanwhile")
            if not self._service.send(reply).successful_send:
                return
            what += f"; answered with {code}"
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

    def taker_for(self, endpoint: Target) -> Taker:
        """Return what takes messages from an endpoint's own queue."""
        return self._taker(endpoint, lambda message: self._hand_over(message, endpoint))

    def takers(self) -> dict[str, Taker]:
        """Return what takes messages from each of the endpoints' own queues, by name."""
        return {name: self.taker_for(endpoint) for name, endpoint in self._children.own_queue.items()}

    def _taker(self, whose: Target, handle: Callable[[Message], None]) -> Taker:
        return Taker(lambda message: self._in_turn(message, whose, handle), self._boundary, self._failed)

    def _boundary(self, message: Message) -> Boundary:
        return Boundary(
            self._limited_log, "%s: could not handle the %s for %r",
            self._service.name, message.message_type.name, message.routing_key,
            expected=(DriplineError, ThrowReply), expected_text="%s: dropped the %s for %r",
        )  # fmt: skip

    def _failed(self, message: Message, failure: BaseException) -> None:
        """Answer in place of what has failed outside of the endpoints' handlers."""
        note_failure(failure)
        if not isinstance(message, MsgRequest) or message.is_claimed:
            return
        if isinstance(failure, ThrowReply):
            self._reply(message, int(failure.return_code), failure.return_message, failure.payload)
        else:
            self._reply(message, codes.DL_UnhandledException.value, named_text_of(failure))

    def _in_turn(self, message: Message, whose: Target, handle: Callable[[Message], None]) -> None:
        lock = self._children.lock_of(whose)
        with self._handler_timeout.over(message):
            # The lock of who reads a value to log it may last as long as that of a handler that hangs.
            if not lock.acquire(wait=False):
                if isinstance(message, MsgRequest) and self.may_overtake(message):
                    self.take_prioritized(message)
                    return
                lock.acquire()
            try:
                handle(message)
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
            self._reply(
                message,
                codes.DL_AmqpErrorRoutingkeyNotfound.value,
                f"{self._service.name} has no endpoint for {message.routing_key!r}",
            )
        raise DriplineError("it is for none of the endpoints")

    def _is_broadcast(self, routing_key: str) -> bool:
        key = self._service.broadcast_key
        return routing_key == key or routing_key.startswith(f"{key}.")

    def _take_broadcast(self, request: MsgRequest) -> None:
        specifier = request.specifier.to_string()
        if request.message_operation is not op_t.cmd or specifier not in BROADCAST_COMMANDS:
            known = ", ".join(sorted(BROADCAST_COMMANDS))
            self._reply(
                request, codes.DL_ServiceErrorInvalidMethod.value, f"a broadcast is one of the commands {known}"
            )
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
