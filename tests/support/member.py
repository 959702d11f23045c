"""A member of a mesh in a few lines: a queue, a worker, and a function that answers requests."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from dripline.config.mesh import MeshSettings
from dripline.errors import BrokerError
from dripline.runtime.link import MeshLink
from dripline.runtime.worker import Worker, in_flight
from dripline.transport.connection import Connection
from dripline.wire.enums import op_t
from dripline.wire.message import Message, MsgReply, MsgRequest


class Member:
    """Answers requests on one queue, and comes back when its connection is lost.

    Args:
        mesh: the mesh's settings.
        name: the queue's name; bound as ``name.#``.
        answer: gives the reply to a request; echoes the payload when it is left out.
        wait_s: how long an incomplete request is waited for.
    """

    def __init__(
        self,
        mesh: MeshSettings,
        name: str,
        answer: Callable[[MsgRequest], MsgReply] | None = None,
        wait_s: float = 1.0,
    ) -> None:
        self.name = name
        self.link = MeshLink(mesh, "guest", "guest", name)
        self.setups = 0
        self._answer = answer or echo
        self._worker = Worker(f"member-{name}", self._take, wait_s)
        self.link.add_setup(self._set_up)

    def __enter__(self) -> Member:
        self.link.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.stop()
        self.link.close()

    def _set_up(self, connection: Connection) -> None:
        connection.declare_queue(self.name)
        connection.bind(self.name, self.link.mesh.requests_exchange, [f"{self.name}.#"])
        connection.consume(self.name, self._worker.feeder(connection))
        self.setups += 1

    def _take(self, message: Message) -> None:
        if not isinstance(message, MsgRequest):
            return
        reply = self._answer(message)
        handled = in_flight()
        try:
            self.link.send_packed_reply(
                self.link.pack_reply(reply), handled.take() if handled is not None else None
            )
        except BrokerError:
            return  # the connection went away while it was handled


def echo(request: MsgRequest) -> MsgReply:
    """Answer with what was asked."""
    payload: Any = request.plain_payload
    return request.reply(302 if request.invalid_reason else 0, request.invalid_reason or "", payload)


def fresh() -> str:
    """A name nobody else uses."""
    return f"test-{uuid.uuid4().hex}"


def get(name: str, payload: object = None) -> MsgRequest:
    """A get request."""
    return MsgRequest.create(payload, op_t.get, name)
