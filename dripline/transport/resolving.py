"""Resolves host names in a thread, with a timeout."""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

from dripline.transport.future import OneShotFuture
from dripline.transport.progress import Progress

#: An address family with an address that `socket.connect` takes.
Found = tuple[int, Any]

_LOOK_S = 0.1  # a cancelled opening is noticed after this time

_lookups: dict[
    tuple[int, str, int], OneShotFuture[list[Found]]
] = {}  # by process: a forked one has none of their threads


def resolve(host: str, port: int, progress: Progress) -> list[Found]:
    """Return the addresses of a host; the resolver of the system cannot be given a limit.

    Args:
        host: Name or IP address.
        port: TCP port.
        progress: How long it may take.

    Raises:
        OSError: There is no such name; `TimeoutError` if the resolver did not answer in time.
        UnicodeError: It cannot be a name.
        ConnectionLost: The opening was cancelled.
    """
    for family in (socket.AF_INET, socket.AF_INET6):
        if _is_literal(family, host):
            return [(family, (host, port))]
    key = os.getpid(), host, port
    slot = _lookups.get(key)
    if slot is None:  # else an earlier attempt asks still
        slot = _lookups[key] = OneShotFuture()
        threading.Thread(target=_look_up, args=(key, slot), name="dripline-resolve", daemon=True).start()
    while True:
        wait_s = min(_LOOK_S, progress.left_s())
        try:
            return slot.wait(wait_s)
        except TimeoutError as error:
            brought = slot.peek()
            if brought is not None and brought[1] is error:  # it is what the resolver says
                raise


def _is_literal(family: int, host: str) -> bool:
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):  # the latter: a null character
        return False
    return True


def _look_up(key: tuple[int, str, int], slot: OneShotFuture[list[Found]]) -> None:
    _, host, port = key
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        slot.set([(entry[0], entry[4]) for entry in found])
    except Exception as error:  # noqa: BLE001 - it is raised in the thread that waits
        slot.fail(error)
    finally:
        _lookups.pop(key, None)
