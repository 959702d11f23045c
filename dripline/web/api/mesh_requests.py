"""Converts HTTP requests to mesh requests and sends them from the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from typing import Any, TypeVar

from dripline.errors import ConnectionLost, DecodingError, ReplyTimeout
from dripline.runtime.client import MeshClient
from dripline.runtime.dispatch import COMMANDS_WITHOUT_VALUES
from dripline.runtime.pending_replies import PendingReply
from dripline.wire.body import loads
from dripline.wire.enums import op_t
from dripline.wire.message import MsgReply, MsgRequest

_OPERATIONS = {"GET": op_t.get, "HEAD": op_t.get, "PUT": op_t.set, "POST": op_t.cmd}
_LONGEST_KEY = 255
# What the page of dripline-python sends as "values" with a command for which nothing was entered.
_PLACEHOLDERS = (0, "", None)
_LOOK_S = 0.05
_Result = TypeVar("_Result")


class BadRequest(ValueError):
    """What came over HTTP is no request."""


def mesh_request(
    method: str, path: str, headers: Mapping[str, str], query: Mapping[str, str], body: bytes
) -> MsgRequest:
    """Make a request.

    Args:
        method: GET, HEAD, PUT or POST.
        path: the routing key, with slashes or dots between its words, decoded.
        headers: ``specifier`` and ``lockout-key`` are read.
        query: likewise, for addresses that are typed.
        body: JSON; ``{"values": [3]}``, ``{"values": 3}`` or the value alone.

    Raises:
        BadRequest: with what is wrong.
    """
    routing_key = path.strip("/").replace("/", ".")
    if not routing_key.strip("."):
        raise BadRequest("the address has no endpoint: /dl/<endpoint>")
    if len(routing_key.encode(errors="replace")) > _LONGEST_KEY:
        raise BadRequest(f"the endpoint's name is longer than the {_LONGEST_KEY} bytes of a routing key")
    specifier = headers.get("specifier") or query.get("specifier") or ""
    operation = _OPERATIONS[method]
    payload = None if operation is op_t.get else _payload(body, specifier)
    if operation is op_t.set and not (isinstance(payload, dict) and payload.get("values")):
        raise BadRequest('a PUT carries the value to set: {"values": [3]}')
    if operation is op_t.cmd and not specifier:
        raise BadRequest("a POST names the method to call in the header 'specifier'")
    request = MsgRequest.create(payload, operation, routing_key, specifier)
    key = headers.get("lockout-key") or query.get("lockout-key")
    if key:
        try:
            request.lockout_key = key
        except RuntimeError:
            raise BadRequest(f"the lockout key {key!r} is not a UUID") from None
    return request


def _payload(body: bytes, specifier: str) -> Any:
    if not body.strip():
        return None
    try:
        payload = loads(body)
    except DecodingError as error:
        reason = str(error).removeprefix("not valid JSON: ").removeprefix("not usable JSON: ")
        raise BadRequest(f"the body is not valid JSON: {reason}") from None
    if not isinstance(payload, dict):
        payload = {"values": payload}
    value = payload.get("values", [])
    if not isinstance(value, list):  # as the page of dripline-python sends it
        left_out = specifier in COMMANDS_WITHOUT_VALUES and value in _PLACEHOLDERS
        payload["values"] = [] if left_out else [value]
    return payload


class MeshRequests:
    """Sends requests and waits for replies on threads.

    Args:
        client: asks the mesh; it is connected elsewhere.
        at_once: how many requests wait at once; the caller keeps to it. There is a thread more for `call`.
    """

    def __init__(self, client: MeshClient, at_once: int) -> None:
        self._client = client
        self._threads = ThreadPoolExecutor(at_once + 1, "dripline-http")

    async def ask(self, request: MsgRequest, timeout_s: float, done: Callable[[object], object]) -> MsgReply:
        """Send a request and wait for its reply; when this is cancelled, nobody waits any longer.

        Args:
            request: the request.
            timeout_s: longest wait, in seconds; also for a connection that was lost.
            done: called when the thread is free again, from any thread.

        Raises:
            DriplineError: there is no broker, nobody is bound for the key, or no reply came in time.
        """
        sent = _SentRequest(self._client, request, timeout_s)
        future = self._threads.submit(sent.run)
        future.add_done_callback(done)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            sent.give_up()
            raise

    async def call(self, function: Callable[[], _Result]) -> _Result:
        """Call a function that asks the mesh, on a thread.

        Raises:
            DriplineError: there has been no broker yet, or what the function raises.
        """
        if (failure := self._client.link.failure) is not None:
            raise copy(failure)
        return await asyncio.get_running_loop().run_in_executor(self._threads, function)

    def close(self) -> None:
        """Start nothing any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class _SentRequest:
    """One request on its way, on a thread."""

    def __init__(self, client: MeshClient, request: MsgRequest, timeout_s: float) -> None:
        self._client = client
        self._request = request
        self._timeout_s = timeout_s
        self._given_up = threading.Event()
        self._pending: PendingReply | None = None

    def run(self) -> MsgReply:
        deadline = time.monotonic() + self._timeout_s
        self._await_connection(deadline)
        try:
            pending = self._client.link.send_request(self._request, timeout_s=_left(deadline))
        except TimeoutError as error:
            raise ReplyTimeout(f"could not ask {self._request.routing_key!r}: {error}") from None
        self._pending = pending
        if self._given_up.is_set():
            raise _gone()
        return pending.wait(_left(deadline))

    def give_up(self) -> None:
        """End the wait; from any thread."""
        self._given_up.set()
        pending = self._pending
        if pending is not None:
            pending.fail(_gone())

    def _await_connection(self, deadline: float) -> None:
        link = self._client.link
        while not link.is_open:
            if (failure := link.failure) is not None:
                raise copy(failure)
            if self._given_up.wait(min(_LOOK_S, _left(deadline))):
                raise _gone()
            if not _left(deadline):
                raise ConnectionLost(f"not connected to the broker at {link.address}; trying to connect again")


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _gone() -> ConnectionLost:
    return ConnectionLost("who asked has gone")
