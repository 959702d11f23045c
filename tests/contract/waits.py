"""Scenes for requests without a time limit: a slow endpoint, calls on threads, and a count of the pings."""

from __future__ import annotations

import json
import threading

import pika

from dripline.core import Endpoint, RequestSender, Service
from dripline.errors import DriplineError

from .meshes import Mesh

INTERVAL_S = 0.5
STEPS = 8  # more intervals than it takes to give a service up


class Valve(Endpoint):
    """Opens slowly: its handler ends when the test says so.

    Attributes:
        begun: how many handlers have begun.
        go_on: ends them.
    """

    def __init__(self, name: str = "valve") -> None:
        Endpoint.__init__(self, name)
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()

    def on_get(self):
        """Wait for the test."""
        self.begun.release()
        assert self.go_on.wait(120)
        return "open"


def house(mesh: Mesh, valve: Valve, **arguments) -> Service:
    """A service with a valve, not yet running."""
    service = Service(mesh.name("house"), stop_grace_s=0, **{**mesh.login, **arguments})
    service.add_child(valve)
    return service


class Call:
    """A `get` without a time limit, on a thread; or a `set`, if a value is given."""

    def __init__(self, interface: RequestSender, name: str = "valve", value: str | None = None) -> None:
        self.outcome: object = None
        self._thread = threading.Thread(target=self._run, args=(interface, name, value))
        self._thread.start()

    def _run(self, interface: RequestSender, name: str, value: str | None) -> None:
        try:
            self.outcome = interface.get(name) if value is None else interface.set(name, value)
        except DriplineError as error:
            self.outcome = error

    @property
    def is_waiting(self) -> bool:
        """Whether it has not ended yet."""
        return self._thread.is_alive()

    def end(self) -> object:
        """Wait for the end; returns the value or the error."""
        self._thread.join(120)
        assert not self.is_waiting
        return self.outcome


class Pings:
    """Counts the pings on a mesh, in the way of a monitor of another make."""

    def __init__(self, mesh: Mesh) -> None:
        self._connection = mesh.pika()
        self._channel = self._connection.channel()
        self._queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_bind(self._queue, mesh.requests, "#")

    def count(self) -> int:
        """How many came since the last count, without those of services to themselves."""
        count = 0
        while (found := self._channel.basic_get(self._queue, auto_ack=True))[0] is not None:
            payload = json.loads(found[2])
            count += isinstance(payload, dict) and "awaited" in payload
        return count

    def close(self) -> None:
        """End it."""
        self._connection.close()


class Stranger:
    """An endpoint of another make: a queue, and perhaps a thread that answers."""

    def __init__(self, mesh: Mesh, answers_pings: bool, name: str = "valve") -> None:
        self.requests: list[pika.BasicProperties] = []
        self._mesh = mesh
        self._answers_pings = answers_pings
        self._connection = mesh.pika()
        self._channel = self._connection.channel()
        self._queue = self._channel.queue_declare("", exclusive=True).method.queue
        self._channel.queue_bind(self._queue, mesh.requests, f"{name}.#")
        self._stop = threading.Event()
        self.reply_now = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.is_set():
            for method, properties, _ in self._channel.consume(self._queue, inactivity_timeout=0.05):
                if method is None:
                    break
                self._channel.basic_ack(method.delivery_tag)
                if properties.headers["specifier"] != "ping":
                    self.requests.append(properties)
                elif self._answers_pings:
                    self._reply(properties, b"null")
            if self.reply_now.is_set():
                while self.requests:
                    self._reply(self.requests.pop(), b'"open"')

    def _reply(self, request: pika.BasicProperties, body: bytes) -> None:
        headers = {**request.headers, "message_type": 2, "return_code": 0, "return_message": ""}
        properties = pika.BasicProperties(headers=headers, message_id="00000000/0/1")  # and no correlation id
        self._channel.basic_publish(self._mesh.requests, request.reply_to, body, properties)

    def close(self) -> None:
        """Leave the mesh."""
        self._stop.set()
        self._thread.join(30)
        self._connection.close()
