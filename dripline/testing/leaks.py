"""Threads and sockets that a test leaves behind."""

from __future__ import annotations

import gc
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_FOLDER = "/proc/self/fd"  # only Linux tells; elsewhere threads alone are looked after
_TABLES = (("/proc/self/net/tcp", socket.AF_INET), ("/proc/self/net/tcp6", socket.AF_INET6))
PATIENCE_S = 10.0  # how long threads and sockets may take to end


def sockets() -> set[str]:
    """The sockets this process has open, each as ``socket:[inode]``."""
    if not os.path.isdir(_FOLDER):
        return set()
    found = set()
    for number in os.listdir(_FOLDER):
        try:
            target = os.readlink(f"{_FOLDER}/{number}")
        except OSError:
            continue  # the descriptor of the listing itself
        if target.startswith("socket:"):
            found.add(target)
    return found


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Fail when what runs inside leaves a thread or a socket; a moment is granted for ending.

    Raises:
        AssertionError: Something was left; the text names the threads, and the sockets by their addresses.
    """
    __tracebackhide__ = True
    threads_before, sockets_before = set(threading.enumerate()), sockets()
    yield
    deadline = time.monotonic() + PATIENCE_S
    for thread in set(threading.enumerate()) - threads_before:
        _wait_for_end(thread, deadline)
    left = [thread.name for thread in set(threading.enumerate()) - threads_before]
    if left:
        raise AssertionError(f"threads left behind: {', '.join(sorted(left))}")
    while sockets() - sockets_before and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.02)  # the other end of a connection to a broker in this process closes in its own time
    if open_ones := sockets() - sockets_before:
        raise AssertionError(f"sockets left behind: {', '.join(_described(open_ones))}")


def _wait_for_end(thread: threading.Thread, deadline: float) -> None:
    while thread in threading.enumerate() and time.monotonic() < deadline:
        try:
            thread.join(max(0.0, deadline - time.monotonic()))
        except RuntimeError:  # it has not quite begun yet
            time.sleep(0.001)


def _described(left: set[str]) -> list[str]:
    """Sockets with their addresses, where the system tells them."""
    addresses = _tcp_addresses()
    return sorted(addresses.get(name, name) for name in left)


def _tcp_addresses() -> dict[str, str]:
    found = {}
    for table, family in _TABLES:
        try:
            with open(table, encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        for row in rows:
            found[f"socket:[{row[9]}]"] = f"{_address(row[1], family)} -> {_address(row[2], family)}"
    return found


def _address(text: str, family: socket.AddressFamily) -> str:
    """An address as people write it, of one as the kernel does: ``0100007F:1628``."""
    host, _, port = text.partition(":")
    words = [bytes.fromhex(host[at : at + 8])[::-1] for at in range(0, len(host), 8)]
    return f"{socket.inet_ntop(family, b''.join(words))}:{int(port, 16)}"
