"""Objects that a signal can stop; `Reach`, the lists for message access."""

from __future__ import annotations

import logging
import signal
import threading
from _thread import start_new_thread
from collections.abc import Collection, Iterable
from types import FrameType
from typing import Any, ClassVar, TypedDict
from weakref import WeakSet

logger = logging.getLogger(__name__)

_LOOK_S = 0.5


class Reach(TypedDict, total=False):
    """What messages reach in a class that has it as `_dripline_reach`; the lists of its bases hold as well.

    Attributes:
        get: Attributes that a get reads.
        set: Attributes that a set assigns, and a get reads.
        cmd: Methods that a cmd calls.
        own: Attributes that the constructor sets and messages do not reach; other names that the class defines
            need not be listed for that.
        free: Attributes and methods that a laboratory's class may define for its own purposes; messages reach them
            then.
    """

    get: Collection[str]
    set: Collection[str]
    cmd: Collection[str]
    own: Collection[str]
    free: Collection[str]


class Cancelable:
    """Something that runs until it is told to stop.

    It works without its `__init__` being called, since classes with several bases often forget one.
    """

    _dripline_reach: ClassVar[Reach] = {}

    @property
    def _scarab_cancel_event(self) -> threading.Event:
        event: threading.Event = self.__dict__.setdefault("_scarab_cancel_event_made", threading.Event())
        return event

    def cancel(self, code: int = 0) -> None:
        """Ask to stop.

        Only the first call counts, until `reset_cancel`.

        Args:
            code: exit code to end with.
        """
        if self.is_canceled():
            return
        self.__dict__["_scarab_cancel_code"] = code
        self._scarab_cancel_event.set()
        self.do_cancellation(code)

    def do_cancellation(self, code: int) -> None:
        """Do what stopping needs beyond the flag; for subclasses."""

    def reset_cancel(self) -> None:
        """Forget that it was asked to stop."""
        self._scarab_cancel_event.clear()
        self.do_reset_cancellation()

    def do_reset_cancellation(self) -> None:
        """Resume after a cancellation was reset; for subclasses."""

    def is_canceled(self) -> bool:
        """Tell whether it was asked to stop."""
        return self._scarab_cancel_event.is_set()

    def _scarab_wait_for_cancel(self) -> None:
        # Not without a limit: a signal that arrives just before a thread begins to wait is handled when it wakes.
        while not self._scarab_cancel_event.wait(_LOOK_S):
            pass

    @property
    def cancel_code(self) -> int:
        """Exit code given with the last `cancel`, 0 before."""
        return int(self.__dict__.get("_scarab_cancel_code", 0))

    def wait(self, wait_ms: int, check_ms: int = 500) -> bool:
        """Sleep, but not beyond being asked to stop.

        Args:
            wait_ms: how long to sleep, in milliseconds.
            check_ms: kept for the reference's sake; waking needs no checking here.

        Returns:
            Whether it was asked to stop.
        """
        return self._scarab_cancel_event.wait(wait_ms / 1000)


class SignalHandler:
    """Cancels what is registered when the process is told to stop by SIGINT or SIGTERM.

    Made in the main thread, it takes these two signals over until `restore`, or until it and all others of its
    kind are forgotten; a second signal does what it did before. Made in any other thread it only keeps the
    register, which is one for the process.

    Args:
        start_waiting_thread: Whether to handle the signals now; if not, `start_waiting_thread` does it later.
    """

    _dripline_reach: ClassVar[Reach] = {}

    _cancelables: ClassVar[WeakSet[Any]] = WeakSet()
    _handlers: ClassVar[WeakSet[SignalHandler]] = WeakSet()
    # Who had the signals before, while they are ours; scripts make one handler after the other.
    _previous: ClassVar[dict[int, Any]] = {}

    def __init__(self, start_waiting_thread: bool = True) -> None:
        if not _in_main_thread():
            return
        if start_waiting_thread:
            self._handlers.add(self)
            self.start_waiting_thread()

    def __del__(self) -> None:
        """Give the signals back when this was the last one."""
        self.restore()

    @classmethod
    def start_waiting_thread(cls) -> None:
        """Handle the signals from now on. The name is the reference's; no thread is needed here."""
        if not cls._previous and _in_main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                cls._previous[number] = signal.signal(number, cls._handle)

    @classmethod
    def join_waiting_thread(cls) -> None:
        """Stop handling the signals, whatever handlers there are. The name is the reference's."""
        cls._give_back()

    @classmethod
    def add_cancelable(cls, cancelable: Any) -> None:
        """Register something with a `cancel(code)`; it is not kept alive by that."""
        cls._cancelables.add(cancelable)

    @classmethod
    def remove_cancelable(cls, cancelable: Any) -> None:
        """Take something off the register."""
        cls._cancelables.discard(cancelable)

    @classmethod
    def reset(cls) -> None:
        """Take everything off the register."""
        cls._cancelables.clear()

    @classmethod
    def cancel_all(cls, code: int = 0) -> None:
        """Cancel everything that is registered.

        Args:
            code: exit code to end with.
        """
        for cancelable in list(cls._cancelables):
            cancelable.cancel(code)

    @classmethod
    def print_cancelables(cls) -> None:
        """Log what is registered."""
        logger.info("cancelables: %s", _names(cls._cancelables))

    def restore(self) -> None:
        """Give the signals back to whom they belonged, unless another one still wants them."""
        self._handlers.discard(self)
        if not self._handlers:
            self._give_back()

    @classmethod
    def _give_back(cls) -> None:
        if not _in_main_thread():
            return  # only there signals can be given back
        while cls._previous:
            number, handler = cls._previous.popitem()
            if signal.getsignal(number) == cls._handle:  # else somebody has taken it over since
                signal.signal(number, handler)

    def __enter__(self) -> SignalHandler:
        return self

    def __exit__(self, *_: object) -> None:
        self.restore()

    @classmethod
    def _handle(cls, _number: int, _frame: FrameType | None) -> None:
        cls._give_back()
        # Not here: the interrupted main thread may hold the very lock that cancelling needs.
        start_new_thread(cls.cancel_all, (0,))


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def _names(cancelables: Iterable[Any]) -> str:
    return ", ".join(sorted(type(cancelable).__name__ for cancelable in cancelables)) or "none"
