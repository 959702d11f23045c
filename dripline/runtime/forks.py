"""Resets connections and locks in forked processes.

Only the thread that forks lives on in the child. A lock that another thread held stays locked there for ever, and
a socket is the same connection as the parent's. Whatever has either registers here and starts over in the child.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
import weakref
from _thread import allocate_lock
from typing import Protocol

logger = logging.getLogger("dripline.connection")

# What the first call of a client imports.
_IMPORTED = ("dripline", "pika", "scarab")


class Forkable(Protocol):
    """Something that must be made new in a forked process."""

    def after_fork(self) -> None:
        """Start over; called in the child, on its only thread, before anything else runs there."""


class Lock:
    """A lock that is free in a forked process."""

    def __init__(self) -> None:
        self.after_fork()
        register(self)

    def after_fork(self) -> None:
        """Forget that a thread of the parent may hold it."""
        self._lock = allocate_lock()

    def __enter__(self) -> None:
        """Wait for it."""
        self._lock.acquire()

    def __exit__(self, *_error: object) -> None:
        """Give it back."""
        self._lock.release()


_registered: weakref.WeakSet[Forkable] = weakref.WeakSet()


def register(owner: Forkable) -> None:
    """Have an object made new in each process that is forked from this one, as long as it lives."""
    _registered.add(owner)


#: Held while a client's modules are imported in the middle of the work: nobody forks meanwhile.
importing = threading.RLock()


def _before_fork() -> None:
    """Wait for imports that other threads have begun: in the child nobody would end them.

    Python gives a child the lock of each module as it is, and an import there waits for it for ever.
    """
    importing.acquire()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _IMPORTED and _is_being_imported(module):
            try:
                importlib.import_module(name)
            except Exception:  # the thread that began it reports that
                logger.debug("%s could not be imported", name, exc_info=True)


def _is_being_imported(module: object) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _after_fork() -> None:
    importing.release()
    for owner in list(_registered):
        try:
            owner.after_fork()
        except Exception:  # the others must start over all the same
            logger.exception("a forked process could not start over")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=importing.release, after_in_child=_after_fork)
