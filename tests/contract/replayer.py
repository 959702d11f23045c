"""A peer that sends captured bytes and keeps the bytes of what comes back."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from pika.spec import Basic, Queue

from .captures import Message
from .meshes import Mesh
from .raw_client import RawClient
from .stage import Stage
from .typed import Typed, decode_properties, encode_properties, typed

SENDER = {
    "exe": "/usr/bin/peer",
    "hostname": "lab",
    "service_name": "unknown",
    "username": "anna",
    "versions": {"dripline": {"version": "3.0.0"}},
}


class Replayer:
    """A queue on a mesh, for replies to any key, for returned requests, and for alerts.

    Args:
        mesh: the mesh.
        reply_keys: keys to which replies come, as captured requests name them.
    """

    def __init__(self, mesh: Mesh, reply_keys: Iterable[str] = ()) -> None:
        self._mesh = mesh
        self._stage = Stage(mesh.address)
        self._client = RawClient(self._stage)
        self._client.open()
        self.key = mesh.name("replayer")
        self._client.send(1, Queue.Declare(queue=self.key, exclusive=True, auto_delete=True))
        self._client.skip(1)
        for exchange, keys in ((mesh.requests, {self.key, *reply_keys}), (mesh.alerts, {"#"})):
            for key in keys:
                self._client.send(1, Queue.Bind(queue=self.key, exchange=exchange, routing_key=key))
                self._client.skip(1)
        self._client.send(1, Basic.Consume(queue=self.key, no_ack=True))
        self._client.skip(1)

    def send(self, message: Message) -> None:
        """Send a message to the requests exchange."""
        publish = Basic.Publish(exchange=self._mesh.requests, routing_key=message.routing_key, mandatory=True)
        self._client.publish(1, publish, message.body, message.properties)

    def receive(self) -> Message:
        """Wait for the next message.

        Raises:
            TimeoutError: none came within a minute.
        """
        self._client.read(1)
        _, method, fields = self._stage.log.pop()
        assert method in ("Basic.Deliver", "Basic.Return"), f"{method} {fields}"
        header, parts = self._client.raw_content()
        return Message(fields["routing_key"], header[12:], b"".join(parts))

    def ask(self, message: Message) -> Message | None:
        """Send a message, then another one; returns the reply that came before that one's, None if none did."""
        self.send(message)
        if message.headers.get("specifier") == "ping":
            return self.receive()  # it may pass, and be passed
        # Like a ping it changes nothing, but it waits its turn.
        barrier = self.request(message.routing_key, 9, specifier="set_condition")
        self.send(barrier)
        correlation_id = decode_properties(barrier.properties)["correlation_id"]
        before = None
        while True:
            reply = self.receive()
            if decode_properties(reply.properties).get("correlation_id") == correlation_id:
                assert reply.headers["return_code"] == 0, "the service does not answer any longer"
                return before
            if "/0/" in decode_properties(reply.properties)["message_id"]:  # else it is another chunk
                assert before is None, "two replies to one request"
                before = reply

    def request(self, key: str, operation: int, body: bytes = b"null", **changes: Any) -> Message:
        """Make a request as peers write it.

        Args:
            key: the endpoint.
            operation: 0 set, 1 get, 9 cmd.
            body: the body.
            **changes: headers, and properties if there are such; None leaves one out.
        """
        headers: dict[str, Any] = {
            "lockout_key": "00000000-0000-0000-0000-000000000000",
            "message_operation": operation,
            "message_type": 3,
            "sender_info": SENDER,
            "specifier": "",
            "timestamp": "2026-11-21T00:25:53.844333Z",
        }
        properties: dict[str, Any] = {
            "content_encoding": "application/json",
            "correlation_id": str(uuid.uuid4()),
            "reply_to": self.key,
            "message_id": f"{uuid.uuid4()}/0/1",
        }
        names = {*properties, "content_type", "delivery_mode", "headers"}
        for name, value in changes.items():
            (properties if name in names else headers)[name] = value
        table = {
            name: value if isinstance(value, Typed) else typed(value)
            for name, value in headers.items()
            if value is not None
        }
        properties = {"headers": table, **properties}
        present = {name: value for name, value in properties.items() if value is not None}
        return Message(key, encode_properties(**present), body)

    def close(self) -> None:
        """Hang up."""
        self._client.close()
        self._stage.close()
