"""Ports for programs of the tests' own."""

from __future__ import annotations

import contextlib
import random
import socket


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at, all different.

    Below those that the system gives away by itself: nobody is given one of these before it is used, or while the
    program that listens there is away for a moment.
    """
    with contextlib.ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            probe = stack.enter_context(socket.socket())
            port = random.SystemRandom().randrange(15000, 32000)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                ports.append(port)
        return ports


def free_port() -> int:
    """One such port."""
    return free_ports(1)[0]
