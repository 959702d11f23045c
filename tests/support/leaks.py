"""What a test leaves behind: threads and sockets of this process that were not there before."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_FOLDER = "/proc/self/fd"  # only Linux tells; elsewhere threads alone are looked after
_PATIENCE_S = 3.0


def sockets() -> set[str]:
    """The sockets this process has open, by inode."""
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
    """Fail when what runs inside leaves a thread or a socket; a moment is granted for ending."""
    threads_before, sockets_before = set(threading.enumerate()), sockets()
    yield
    deadline = time.monotonic() + _PATIENCE_S
    for thread in set(threading.enumerate()) - threads_before:
        _wait_for_end(thread, deadline)
    left = sorted(thread.name for thread in set(threading.enumerate()) - threads_before)
    assert not left, f"threads left behind: {', '.join(left)}"
    while sockets() - sockets_before and time.monotonic() < deadline:
        gc.collect()
        time.sleep(0.02)  # the other end of a connection to a broker in this process closes in its own time
    assert not sockets() - sockets_before, "sockets left behind"


def _wait_for_end(thread: threading.Thread, deadline: float) -> None:
    while thread in threading.enumerate() and time.monotonic() < deadline:
        try:
            thread.join(max(0.0, deadline - time.monotonic()))
        except RuntimeError:  # it has not quite begun yet
            time.sleep(0.001)
