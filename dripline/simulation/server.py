"""TCP server in one thread, for any number of conversations."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from dripline.simulation.conversation import Conversation

logger = logging.getLogger("dripline.simulation")

_CHUNK = 65536
_LINGER_NOT = struct.pack("ii", 1, 0)


class Server:
    """Listens at a port until stopped.

    Args:
        name: of the thread.
        host: where to listen.
        port: 0 for a free one; the one that was found is kept.
        converse: makes the conversation for a client; None if the client is refused.
    """

    def __init__(self, name: str, host: str, port: int, converse: Callable[[str], Conversation | None]) -> None:
        self._name = name
        self._host = host
        self._port = port
        self._converse = converse
        self._clients: dict[socket.socket, Conversation] = {}
        self._ended: set[socket.socket] = set()
        self._calls: deque[Callable[[], None]] = deque()
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._one_caller = threading.RLock()

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens, or did."""
        if self._listener is None:
            return self._host, self._port
        host, port = self._listener.getsockname()[:2]
        return host, port

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._thread is not None

    def start(self) -> None:
        """Listen from now on.

        Raises:
            OSError: the port is taken, or the host is not of this machine.
        """
        self._listener = self._bind()
        self._port = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._wake_up, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._listen()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"simulated {self._name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close everything."""
        with self._one_caller:
            if self._thread is not None:
                self._call(self._end)
                self._thread.join()
                self._thread = None

    def disconnect(self) -> None:
        """Cut the connections that there are."""
        self._call(self._drop_all)

    def unplug(self) -> None:
        """Cut the connections and refuse new ones; the port stays ours."""
        self._call(self._close_port)

    def plug_in(self) -> None:
        """Accept connections again."""
        self._call(self._open_port)

    def _bind(self) -> socket.socket:
        family, kind, protocol, _, address = socket.getaddrinfo(
            self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
        bound.setblocking(False)
        return bound

    def _call(self, function: Callable[[], None]) -> None:
        """Have the thread do something, if there is one, and wait until it is done."""
        with self._one_caller:
            if self._thread is not None:
                self._call_thread(function)

    def _call_thread(self, function: Callable[[], None]) -> None:
        done = threading.Event()
        failures: list[OSError] = []

        def do() -> None:
            try:
                function()
            except OSError as error:
                failures.append(error)
            finally:
                done.set()

        self._calls.append(do)
        self._wake_up.send(b".")
        done.wait()
        if failures:
            raise failures[0]

    def _run(self) -> None:
        while not self._stopping:
            for key, events in self._selector.select(self._patience_s()):
                self._attend(key.fileobj, events)
            self._keep_appointments()

    def _patience_s(self) -> float | None:
        due = [conversation.due for conversation in self._clients.values() if conversation.due is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _attend(self, which: Any, events: int) -> None:
        if which is self._woken:
            self._woken.recv(_CHUNK)
            while self._calls:
                self._calls.popleft()()
        elif which is self._listener:
            self._accept()
        elif which in self._clients:  # the call of another thread may have dropped it just now
            self._serve(which, reads=bool(events & selectors.EVENT_READ))

    def _keep_appointments(self) -> None:
        now = time.monotonic()
        for client, conversation in list(self._clients.items()):
            if conversation.due is not None and conversation.due <= now:
                self._serve(client)

    def _accept(self) -> None:
        assert self._listener is not None
        try:
            client, address = self._listener.accept()
        except OSError:  # it has gone already
            return
        conversation = self._converse(f"{address[0]}:{address[1]}")
        if conversation is None:
            _cut(client)
            return
        client.setblocking(False)
        with contextlib.suppress(OSError):  # some systems refuse that when the client has gone already
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._clients[client] = conversation
        self._selector.register(client, selectors.EVENT_READ)

    def _serve(self, client: socket.socket, reads: bool = False) -> None:
        try:
            if reads:
                self._read(client)
            self._settle(client)
        except Exception:  # one client's trouble must not end the others' conversations
            logger.exception("%s: a command could not be carried out; its client is cut", self._name)
            self._drop(client)

    def _read(self, client: socket.socket) -> None:
        try:
            data = client.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)
            return
        if data:
            self._clients[client].receive(data, time.monotonic())
        else:
            self._ended.add(client)  # it may still want to hear the answers

    def _settle(self, client: socket.socket) -> None:
        """Send what there is, and wait for what can come next."""
        conversation = self._clients.get(client)
        if conversation is None:
            return
        conversation.advance(time.monotonic())
        try:
            while conversation.outgoing:
                sent = client.send(conversation.outgoing[:_CHUNK])
                del conversation.outgoing[:sent]
                conversation.advance(time.monotonic())
        except BlockingIOError:
            pass  # it is not read as fast as it is written; the selector tells when it goes on
        except OSError:
            self._drop(client)
            return
        is_over = conversation.hung_up or (client in self._ended and conversation.due is None)
        if is_over and not conversation.outgoing:
            self._drop(client)
        else:
            self._watch(client, conversation)

    def _watch(self, client: socket.socket, conversation: Conversation) -> None:
        listens = conversation.wants_input and client not in self._ended
        events = selectors.EVENT_READ * listens | selectors.EVENT_WRITE * bool(conversation.outgoing)
        watched = client in self._selector.get_map()
        if events and watched:
            self._selector.modify(client, events)
        elif events:
            self._selector.register(client, events)
        elif watched:
            self._selector.unregister(client)

    def _drop(self, client: socket.socket) -> None:
        if self._clients.pop(client, None) is None:
            return
        self._ended.discard(client)
        if client in self._selector.get_map():
            self._selector.unregister(client)
        client.close()

    def _drop_all(self) -> None:
        for client in list(self._clients):
            self._drop(client)

    def _listen(self) -> None:
        assert self._listener is not None
        self._listener.listen(100)
        self._selector.register(self._listener, selectors.EVENT_READ)

    def _close_port(self) -> None:
        assert self._listener is not None
        if self._listener in self._selector.get_map():
            self._selector.unregister(self._listener)
            self._listener.close()
            # Bound and not listening: clients are refused, and nobody else gets the port.
            self._listener = self._bind()
        self._drop_all()

    def _open_port(self) -> None:
        assert self._listener is not None
        if self._listener not in self._selector.get_map():
            self._listen()

    def _end(self) -> None:
        self._stopping = True
        self._drop_all()
        assert self._listener is not None
        self._listener.close()
        self._listener = None
        self._selector.close()
        self._woken.close()
        self._wake_up.close()


def _cut(client: socket.socket) -> None:
    """Close so that the client sees a reset connection."""
    with contextlib.suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
    client.close()
