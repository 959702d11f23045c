"""A TCP proxy that can be cut, held, frozen and closed: the network between client and broker going wrong."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset instead of a goodbye


class Proxy:
    """Listens on a port of 127.0.0.1 and passes everything on to a host and port, both ways.

    Args:
        host, port: where it goes on to.
        own_port: where it listens; 0 for a free one.

    Attributes:
        host, port: where it listens.
        accepted: how many connections there were.
        refuse: whether new connections are ended at once.
    """

    def __init__(self, host: str, port: int, own_port: int = 0) -> None:
        self._upstream = (host, port)
        self._listener = socket.create_server(("127.0.0.1", own_port))
        self.host, self.port = self._listener.getsockname()
        self._flowing = threading.Event()
        self._flowing.set()
        self._threads: list[threading.Thread] = []
        self._links: list[Link] = []
        self._lock = threading.Lock()
        self.accepted = 0
        self.refuse = False
        self._spawn(self._accept)

    @property
    def open(self) -> int:
        """How many connections there are now, held ones included."""
        with self._lock:
            self._links = [link for link in self._links if not link.ended]
            return len(self._links)

    def cut(self, *, reset: bool = False) -> int:
        """End all connections that are open now, new ones are possible; returns how many."""
        with self._lock:
            doomed, self._links = [link for link in self._links if not link.ended], []
        for link in doomed:
            link.cut(reset)
        return len(doomed)

    def hold(self) -> int:
        """Make the connections that are open now half-open: nothing goes through them any more, nobody is told.

        New ones are possible. `cut` ends the held ones, and is needed: they never go on. Returns how many.
        """
        with self._lock:
            held = [link for link in self._links if not link.ended]
        for link in held:
            link.held = True
        return len(held)

    def freeze(self) -> None:
        """Pass nothing on any longer, and say nothing either: half-open connections, new ones as well."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass on again, also what came meanwhile."""
        self._flowing.set()

    def close(self) -> None:
        """End everything."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        self.thaw()
        for thread in self._threads:
            thread.join(30)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def filter_for_link(self) -> Callable[[bytes], bytes]:
        """Return what each chunk from the far side goes through, for one connection; here as it is."""
        return lambda data: data

    def _link_between(self, near: socket.socket, far: socket.socket) -> Link:
        return Link(near, far, self._flowing, self.filter_for_link())

    def _spawn(self, work, *arguments) -> None:
        thread = threading.Thread(target=work, args=arguments, name="test-proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.refuse:
                near.close()
                continue
            self.accepted += 1
            try:
                far = socket.create_connection(self._upstream, 20)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            link = self._link_between(near, far)
            with self._lock:
                self._links.append(link)
            self._spawn(link.relay)


class Link:
    """One connection through the proxy.

    Attributes:
        held: what comes is swallowed.
        ended: it is over.
    """

    def __init__(
        self,
        near: socket.socket,
        far: socket.socket,
        flowing: threading.Event,
        passed_back: Callable[[bytes], bytes],
    ) -> None:
        self._passed_back = passed_back
        self.held = False
        self.ended = False
        self._near = near
        self._far = far
        self._flowing = flowing
        self._over = threading.Event()  # set when a held link may end

    def cut(self, reset: bool) -> None:
        """End it for both sides."""
        self._over.set()
        for sock in (self._near, self._far):
            with contextlib.suppress(OSError):
                if reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                sock.shutdown(socket.SHUT_RDWR)

    def relay(self) -> None:
        """Pass on until it ends."""
        back = threading.Thread(target=self._pump, args=(self._far, self._near), name="test-proxy", daemon=True)
        back.start()
        self._pump(self._near, self._far)
        back.join()
        self._near.close()
        self._far.close()
        self.ended = True

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._flowing.wait()
                if not self.held:
                    target.sendall(self._passed_back(data) if source is self._far else data)
        if self.held:
            self._over.wait()  # the other side learns nothing of this one's end
        for sock in (source, target):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
