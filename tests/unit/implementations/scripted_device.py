"""A device that says, byte for byte, what a test wants it to say."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from support.ports import free_port

#: What a device does when it is asked something: given the connection.
Act = Callable[[socket.socket], None]


class ScriptedDevice:
    """Listens on a free port of 127.0.0.1; ``*OPC?`` is answered with 1, ``x?`` with x.

    Attributes:
        port: where it listens; the same for all its life.
        asked: the questions that came, in order.
        script: what it does for a question instead of answering, once or for ever.
        over: set when the test is over, for acts that wait.
    """

    def __init__(self, terminator: bytes = b"\n") -> None:
        self.asked: list[str] = []
        self.script: dict[str, list[Act]] = {}
        self.greeting = b""
        self.over = threading.Event()
        self._terminator = terminator
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.port = free_port()
        self.plug_in()

    def plug_in(self) -> None:
        """Listen, at the port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._spawn(self._accept, self._listener)

    def unplug(self) -> None:
        """End all connections and listen no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(30)
        self._connections.clear()
        self._threads.clear()

    def when(self, question: str, *acts: Act) -> None:
        """Do these instead of answering, one each time the question comes; afterwards answer again."""
        self.script[question] = list(acts)

    def __enter__(self) -> ScriptedDevice:
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.unplug()

    def _spawn(self, work: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=work, args=arguments, name="test-device", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self._connections.append(connection)
            self._spawn(self._talk, connection)

    def _talk(self, connection: socket.socket) -> None:
        heard = b""
        with connection, contextlib.suppress(OSError):
            connection.sendall(self.greeting)
            while data := connection.recv(4096):
                heard += data
                *questions, heard = heard.split(self._terminator)
                for question in questions:
                    self._answer(question.decode(), connection)

    def _answer(self, question: str, connection: socket.socket) -> None:
        self.asked.append(question)
        acts = self.script.get(question)
        if acts:
            acts.pop(0)(connection)
        else:
            connection.sendall(reply_to(question).encode() + self._terminator)


def reply_to(question: str) -> str:
    """What a device in order answers."""
    parts = [part for part in question.split(";") if part.endswith("?")]
    return ";".join("1" if part == "*OPC?" else part[:-1].split(":")[-1] for part in parts)


def says(*pieces: bytes, hang_up: bool = False) -> Act:
    """Say these, in one piece each."""

    def act(connection: socket.socket) -> None:
        for piece in pieces:
            connection.sendall(piece)
        if hang_up:
            connection.shutdown(socket.SHUT_RDWR)

    return act


def nothing(_: socket.socket) -> None:
    """Be silent."""


def hang_up(connection: socket.socket) -> None:
    """End the connection instead of answering."""
    connection.shutdown(socket.SHUT_RDWR)
