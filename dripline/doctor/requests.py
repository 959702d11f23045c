"""Many short questions to services, with the time each took."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dripline.errors import BrokerError, DriplineError
from dripline.wire.enums import op_t
from dripline.wire.message import MsgReply, MsgRequest

if TYPE_CHECKING:
    from dripline.runtime.client import MeshClient

_AT_A_TIME = 16
_WINDOW = 200
_FIRST_ERROR = 100


@dataclass(frozen=True)
class Answer:
    """What became of a question.

    Attributes:
        name: who was asked.
        reply: what came back.
        error: why nothing did.
        asked_at: when, in seconds of the clock of this machine.
        took_s: how long that took.
    """

    name: str
    reply: MsgReply | None
    error: DriplineError | None
    asked_at: float = 0.0
    took_s: float = 0.0

    @property
    def payload(self) -> Any:
        """What was answered; None if that is an error, or nothing."""
        good = self.reply is not None and self.reply.return_code < _FIRST_ERROR
        return self.reply.plain_payload if good and self.reply is not None else None


def ping(name: str) -> MsgRequest:
    """The question whether anybody is there."""
    return MsgRequest.create(None, op_t.cmd, name, "ping")


def get(name: str, specifier: str) -> MsgRequest:
    """The question for something that a service tells of itself."""
    return MsgRequest.create(None, op_t.get, name, specifier)


def ask(client: MeshClient, request: MsgRequest, timeout_s: float) -> Answer:
    """Ask one question.

    Raises:
        BrokerError: the connection is gone.
    """
    asked_at, start = time.time(), time.perf_counter()
    reply, error = None, None
    try:
        reply = client.request(request, timeout_s)
    except BrokerError:
        raise
    except DriplineError as failure:
        error = failure
    return Answer(request.routing_key, reply, error, asked_at, time.perf_counter() - start)


def ask_each(client: MeshClient, requests: Sequence[MsgRequest], timeout_s: float) -> list[Answer]:
    """Ask questions of different services, several at a time, with the time each takes."""
    if len(requests) == 1:
        return [ask(client, requests[0], timeout_s)]
    with ThreadPoolExecutor(_AT_A_TIME, "dripline-doctor") as threads:
        return list(threads.map(lambda request: ask(client, request, timeout_s), requests))


def ask_many(client: MeshClient, requests: Sequence[MsgRequest], timeout_s: float) -> list[Answer]:
    """Ask any number of questions; those that nobody answers cost one wait together, not one each."""
    answers: list[Answer] = []
    for first in range(0, len(requests), _WINDOW):
        pending = [client.submit(request, timeout_s) for request in requests[first : first + _WINDOW]]
        deadline = time.monotonic() + timeout_s
        for one in pending:
            reply, error = None, None
            try:
                reply = one.wait(max(0.0, deadline - time.monotonic()))
            except BrokerError:
                raise
            except DriplineError as failure:
                error = failure
            answers.append(Answer(one.request.routing_key, reply, error))
    return answers
