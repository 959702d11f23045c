"""A broker for tests that need one which misbehaves: it answers what it is asked, and otherwise obeys the test."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Callable, Mapping

from pika import frame, spec

_ANSWERS = {
    spec.Channel.Open: spec.Channel.OpenOk,
    spec.Channel.Close: spec.Channel.CloseOk,
    spec.Basic.Qos: spec.Basic.QosOk,
    spec.Confirm.Select: spec.Confirm.SelectOk,
    spec.Connection.Close: spec.Connection.CloseOk,
    spec.Queue.Unbind: spec.Queue.UnbindOk,
    spec.Exchange.Declare: spec.Exchange.DeclareOk,
}
CAPABILITIES = {"publisher_confirms": True, "basic.nack": True, "consumer_cancel_notify": True}


class FakeBroker:
    """Accepts one connection after the other on a free port of 127.0.0.1 and logs everybody in.

    Args:
        silent: classes of methods that get no answer.
        heartbeat: seconds that are proposed to clients.
        refuse: gives the code and text with which a method is refused, or None.
        announced: what it says about itself.

    Attributes:
        host, port: where it listens.
        frames: what clients sent, decoded by pika, in order.
        greeted: set when a client has sent its greeting.
    """

    def __init__(
        self,
        *silent: type,
        heartbeat: int = 0,
        refuse: Callable[[object], tuple[int, str] | None] = lambda _method: None,
        announced: Mapping[str, str] | None = None,
    ) -> None:
        self.silent = set(silent)
        self.refuse = refuse
        self._announced = dict(announced or {})
        self.heartbeat = heartbeat
        self.frames: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.greeted = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, name="test-broker", daemon=True)
        self._thread.start()

    def send(self, method: object, channel: int = 0) -> None:
        """Send a method to the client of the moment."""
        self.send_bytes(frame.Method(channel, method).marshal())

    def send_bytes(self, data: bytes) -> None:
        """Send anything to the client of the moment."""
        assert self._client is not None
        self._client.sendall(data)

    def hang_up(self) -> None:
        """End the connection of the moment."""
        assert self._client is not None
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)

    def wait_for(self, kind: type, timeout_s: float = 30.0) -> object:
        """Return the next method of a class, or frame of a class, that a client sent."""
        while True:
            value = self.frames.get(timeout=timeout_s)
            if isinstance(getattr(value, "method", value), kind):
                return value

    def close(self) -> None:
        """End everything."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        if self._client is not None:
            self.hang_up()
        self._thread.join(30)

    def __enter__(self) -> FakeBroker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        with self._listener:
            while True:
                try:
                    self._client, _ = self._listener.accept()
                except OSError:
                    return
                with self._client, contextlib.suppress(OSError):
                    self._talk(self._client)

    def _talk(self, client: socket.socket) -> None:
        client.recv(8, socket.MSG_WAITALL)  # AMQP 0 0 9 1
        self.greeted.set()
        if spec.Connection.Start in self.silent:
            while client.recv(4096):
                pass
            return
        properties = {"capabilities": CAPABILITIES, **self._announced}
        self.send(spec.Connection.Start(0, 9, properties, "PLAIN", "en_US"))
        buffer = b""
        while data := client.recv(65536):
            buffer += data
            while True:
                used, value = frame.decode_frame(buffer)
                if value is None:
                    break
                buffer = buffer[used:]
                self.frames.put(value)
                self._answer(value)

    def _answer(self, value: object) -> None:
        method = getattr(value, "method", None)
        if method is None or getattr(method, "nowait", False) or type(method) in self.silent:
            return
        channel = value.channel_number
        refusal = self.refuse(method)
        if refusal is not None:
            self.send(spec.Channel.Close(*refusal, *divmod(method.INDEX, 1 << 16)), channel)
            return
        if isinstance(method, spec.Connection.StartOk):
            self.send(spec.Connection.Tune(100, 131072, self.heartbeat))
        elif isinstance(method, spec.Connection.Open):
            self.send(spec.Connection.OpenOk())
        elif isinstance(method, spec.Queue.Declare):
            self.send(spec.Queue.DeclareOk(method.queue or "amq.gen-fake", 0, 0), channel)
        elif isinstance(method, spec.Basic.Consume):
            self.send(spec.Basic.ConsumeOk(method.consumer_tag), channel)
        elif isinstance(method, spec.Basic.Cancel):
            self.send(spec.Basic.CancelOk(method.consumer_tag), channel)
        elif type(method) in _ANSWERS:
            self.send(_ANSWERS[type(method)](), channel)
