"""Peers that accept a connection and then are no broker, or are one no longer: real sockets that misbehave."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pika import frame, spec

from support.ports import free_port
from support.proxy import Proxy

GARBAGE = {
    "http": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "binary": bytes(range(256)) * 4,
    "huge frame": b"\x01\x00\x00\x7f\xff\xff\xff",
    "nothing of a method": b"\x01\x00\x00\x00\x00\x00\x04\x00\x63\x00\x63\xce",
}


class Peer:
    """Accepts connections on a free port of 127.0.0.1 and does the same with each, on a thread of its own.

    Args:
        behave: Given each connection; it may last as long as it likes, until the connection fails.

    Attributes:
        host, port: Where it listens.
    """

    def __init__(self, behave: Callable[[socket.socket], None]) -> None:
        self._behave = behave
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host, self.port = self._listener.getsockname()
        self._clients: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="test-peer", daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._listener, *self._clients):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(30)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._clients.append(client)
                thread = threading.Thread(target=self._serve, args=(client,), name="test-peer", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._behave(client)


def mute() -> Peer:
    """Accepts, reads, and never says anything."""

    def behave(client: socket.socket) -> None:
        while client.recv(4096):
            pass

    return Peer(behave)


def garbage(kind: str) -> Peer:
    """Says what no broker says, and stays."""

    def behave(client: socket.socket) -> None:
        client.sendall(GARBAGE[kind])
        while client.recv(4096):
            pass

    return Peer(behave)


def slow_drip(pause_s: float = 0.1) -> Peer:
    """Says what a broker says, one byte at a time."""
    properties = {"product": "RabbitMQ", "padding": "x" * 2000}
    start = frame.Method(0, spec.Connection.Start(0, 9, properties, "PLAIN", "en_US")).marshal()

    def behave(client: socket.socket) -> None:
        for number in range(len(start)):
            client.sendall(start[number : number + 1])
            time.sleep(pause_s)

    return Peer(behave)


@contextmanager
def unanswered() -> Iterator[tuple[str, int]]:
    """An address at which nobody answers a SYN: a listening socket whose backlog is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        time.sleep(0.1)
        yield listener.getsockname()


class FreezingProxy(Proxy):
    """Passes frames on until the broker has sent a certain method, and from then on nothing, on every connection.

    Args:
        host, port: The broker.
        last: The method after which nothing comes any more.
        count: How many of that class are let through.
    """

    def __init__(self, host: str, port: int, last: type, count: int = 1) -> None:
        self._last = last
        self._count = count
        super().__init__(host, port)

    def filter_for_link(self) -> Callable[[bytes], bytes]:
        """Return what each chunk from the broker goes through, for one connection."""
        buffer, seen = bytearray(), [0]

        def passed(data: bytes) -> bytes:
            if seen[0] >= self._count:
                return b""
            buffer.extend(data)
            allowed = bytearray()
            while seen[0] < self._count:
                used, value = frame.decode_frame(bytes(buffer))
                if value is None:
                    break
                allowed += buffer[:used]
                del buffer[:used]
                seen[0] += isinstance(getattr(value, "method", None), self._last)
            return bytes(allowed)

        return passed


def frozen_after_login(host: str, port: int) -> FreezingProxy:
    """A broker that logs in, opens the channel, and then falls silent."""
    return FreezingProxy(host, port, spec.Channel.OpenOk)


def frozen_after_declaring(host: str, port: int) -> FreezingProxy:
    """A broker that declares both exchanges, and then falls silent, before there is a queue for replies."""
    return FreezingProxy(host, port, spec.Exchange.DeclareOk)


def frozen_after_consuming(host: str, port: int) -> FreezingProxy:
    """A broker that gives a queue for replies, too, and then falls silent."""
    return FreezingProxy(host, port, spec.Basic.ConsumeOk)


@contextmanager
def accepted_late(host: str, port: int, after_s: float) -> Iterator[tuple[str, int]]:
    """An address that refuses connections, until the broker is there after a while."""
    late_port = free_port()
    proxies: list[Proxy] = []
    timer = threading.Timer(after_s, lambda: proxies.append(Proxy(host, port, late_port)))
    timer.start()
    try:
        yield "127.0.0.1", late_port
    finally:
        timer.join()
        for proxy in proxies:
            proxy.close()
