"""`Backlog`: items that wait for a sink, in memory and on disk, in order; base of alert and row queues."""

from __future__ import annotations

import math
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypedDict, TypeVar

from dripline.config.suggest import known_map
from dripline.errors import ConfigurationError
from dripline.runtime.spool import Position, Record, Spool
from dripline.runtime.state_folder import user_path

_STORE_COUNT, _STORE_BYTES = 1000, 4_000_000  # written to disk with one sync


@dataclass(frozen=True)
class BufferPolicy:
    """How many items wait while their sink is away.

    Attributes:
        in_memory: Most items in memory; further ones go to disk.
        folder: Where on disk; None keeps them in memory only.
        on_disk_bytes: About how many bytes wait on disk.
        drop_oldest: Whether the oldest or the newest are dropped when there is no room.
    """

    in_memory: int = 10_000
    folder: Path | None = None
    on_disk_bytes: int = 256_000_000
    drop_oldest: bool = True


class AlertSpoolMap(TypedDict, total=False):
    """`alert_spool` as it is written in a configuration."""

    in_memory: int
    folder: str
    on_disk_mb: float
    drop: str


_KEYS = ("in_memory", "folder", "on_disk_mb", "drop")


def keep_rule(configuration: Mapping[str, Any] | None) -> BufferPolicy:
    """Read `alert_spool`.

    Args:
        configuration: any of ``in_memory``, ``folder``, ``on_disk_mb`` and ``drop``.

    Raises:
        ConfigurationError: an unknown key, or a value that cannot be used.
    """
    if configuration is None:
        return BufferPolicy()
    configuration = known_map("alert_spool", configuration, _KEYS, "{in_memory: 10000}")
    drop = configuration.get("drop", "oldest")
    if drop not in ("oldest", "newest"):
        raise ConfigurationError(f"alert_spool: drop is 'oldest' or 'newest', not {drop!r}")
    folder = configuration.get("folder")
    return BufferPolicy(
        in_memory=int(_positive(configuration, "in_memory", BufferPolicy.in_memory)),
        folder=user_path(str(folder), "alert_spool: folder") if folder is not None else None,
        on_disk_bytes=int(_positive(configuration, "on_disk_mb", BufferPolicy.on_disk_bytes / 1e6) * 1e6),
        drop_oldest=drop == "oldest",
    )


def _positive(configuration: Mapping[str, Any], key: str, default: float) -> float:
    value = configuration.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ConfigurationError(f"alert_spool: {key} is a number above 0, not {value!r}")
    return value


class Item(Protocol):
    """What a backlog holds."""

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory."""

    @property
    def position(self) -> Position | None:
        """The position behind it in the spool; None if it is in memory only."""


T = TypeVar("T", bound=Item)


class MemoryQueue(Generic[T]):
    """A queue of items with the times at which they came, and their bytes.

    Attributes:
        bytes: How many bytes they take.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._items: deque[tuple[float, T]] = deque()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def age_s(self) -> float:
        """How long the first one has been waiting; 0 if there is none."""
        try:
            return time.monotonic() - self._items[0][0]
        except IndexError:  # another thread takes it
            return 0.0

    def append(self, item: T) -> None:
        """Put an item at the end."""
        self._items.append((time.monotonic(), item))
        self.bytes += item.size

    def put_back(self, items: Sequence[T]) -> None:
        """Put items at the front."""
        now = time.monotonic()
        self._items.extendleft((now, item) for item in reversed(items))
        self.bytes += bytes_of(items)

    def take(self, count: int, max_bytes: int) -> list[T]:
        """Take the first items: at most ``count``, of at most ``max_bytes``, but at least one."""
        taken: list[T] = []
        size = 0
        while self._items and len(taken) < count:
            item = self._items[0][1]
            if taken and size + item.size > max_bytes:
                break
            self._items.popleft()
            taken.append(item)
            size += item.size
        self.bytes -= size
        return taken


def bytes_of(items: Iterable[Item]) -> int:
    """How many bytes items take in memory."""
    return sum(item.size for item in items)


class Backlog(ABC, Generic[T]):
    """Holds items until they are sent and, those that were sent, until it is certain that they have arrived.

    From old to new: sent (with whoever sends them), to be sent again, on disk, in memory. While any are on disk,
    new ones go there as well, so that the order is kept. A subclass says how an item is written to a line of the
    spool and read from it, and how many wait.

    Any thread may add to `_fresh` and read the counts. One thread takes items, settles them and puts them back.
    The same one or another writes to disk.

    Attributes:
        lost: How many items on disk disappeared before they were read.
    """

    def __init__(self) -> None:
        self.lost = 0
        self._changed = threading.Condition()  # guards the fresh items, those held, and what subclasses say
        self._fresh: MemoryQueue[T] = MemoryQueue()
        self._held = self._held_bytes = 0  # items that are in memory only, besides the fresh ones
        self._moved_s = 0.0  # when some of them were taken, settled or stored last
        self._storing = False  # whether items are on their way to the disk
        self._again: deque[T] = deque()  # of the thread that takes, as what follows
        self._spool: Spool | None = None
        self._cursor = Position(0, 0)  # up to where the spool was read
        self._copies: Counter[int] = Counter()  # items on disk that are in memory as well, by file

    # -- for subclasses to say -------------------------------------------------------------------------------

    @abstractmethod
    def _from_record(self, record: Record) -> T:
        """Read an item from the spool; one that is damaged is an item as well, with nothing to send."""

    @abstractmethod
    def _append(self, older: Sequence[T], fresh: list[T]) -> Sequence[T]:
        """Append items to the spool; returns those of the fresh ones that it does not take, the newest."""

    @abstractmethod
    def _disk_failed(self, error: OSError, *, reading: bool) -> None:
        """Report that items cannot be read, or else that the disk does not take how far they were read."""

    # -- taking ----------------------------------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to send."""
        return not self._fresh and not self._again and not self._has_unread

    @property
    def is_idle(self) -> bool:
        """Whether everything has arrived."""
        return self.is_empty and not self._held and not self._copies.total()

    def take(self, count: int, max_bytes: int) -> list[T]:
        """Take the oldest items, to send them; `settle` or `put_back` follows for each."""
        if self._again:
            return [self._again.popleft() for _ in range(min(count, len(self._again)))]
        if self._has_unread:
            return self._from_disk(count, max_bytes)
        with self._changed:
            taken = [] if self._storing else self._fresh.take(count, max_bytes)
            self._hold(taken)
        return taken

    def put_back(self, items: Sequence[T]) -> None:
        """Have items sent again, before all others."""
        self._again.extendleft(reversed(items))

    def settle(self, items: Sequence[T]) -> None:
        """Forget items that need not be sent any more: the oldest that were taken."""
        if on_disk := [item.position for item in items if item.position is not None]:
            self._copies -= Counter(position.segment for position in on_disk)
            self._advance(on_disk[-1], len(on_disk))
        self._let_go([item for item in items if item.position is None])

    # -- storing ---------------------------------------------------------------------------------------------

    def store(self, older: Sequence[T] = (), max_bytes: int = _STORE_BYTES) -> bool:
        """Write all items in memory to disk.

        Args:
            older: Those that were taken and are not on disk, which are written before all others; `_append` lets
                go of them.
            max_bytes: How many bytes are written with one sync; a larger item has its own.

        Returns:
            Whether nothing of it is in memory only.
        """
        while older or self._fresh:
            with self._changed:
                left: Sequence[T] = (fresh := self._fresh.take(_STORE_COUNT, max_bytes))
                if not older and not fresh:
                    break  # another thread has taken them
                self._storing = True
                self._hold(fresh)
            try:
                left = self._append(older, fresh)
            finally:
                with self._changed:  # no thread sees them counted nowhere
                    self._let_go(fresh)
                    self._return(left)
                    self._storing = False
                    self._changed.notify_all()
            if left:
                return False
            older = ()
        return True

    # -- inside ----------------------------------------------------------------------------------------------

    @property
    def _has_unread(self) -> bool:
        return self._spool is not None and bool(self._spool.segments) and self._spool.has_more(self._cursor)

    def _hold(self, items: Sequence[T], sign: int = 1) -> None:
        if not items:
            return  # nothing has moved
        with self._changed:
            self._held += sign * len(items)
            self._held_bytes += sign * bytes_of(items)
            self._moved_s = time.monotonic()

    def _let_go(self, items: Sequence[T]) -> None:
        self._hold(items, -1)
        with self._changed:
            self._changed.notify_all()

    def _return(self, items: Sequence[T]) -> None:
        """Put items back that could not go to disk."""
        with self._changed:
            self._fresh.put_back(items)

    def _from_disk(self, count: int, max_bytes: int) -> list[T]:
        assert self._spool is not None
        try:
            records, cursor = self._spool.read_from(self._cursor, count, max_bytes)
        except OSError as error:
            self._disk_failed(error, reading=True)
            return []
        while self._spool.lost_segments:
            segment, lost = self._spool.lost_segments.pop()
            self.lost += max(0, lost - self._copies[segment])
        taken = [self._from_record(record) for record in records]
        self._copies.update(record.end.segment for record in records)
        self._cursor = cursor  # not before: `is_idle` is read by other threads
        if not taken and not self._copies.total():  # nothing but damaged records, with nothing before them
            self._advance(self._cursor, 0)
        return taken

    def _advance(self, position: Position, count: int) -> None:
        assert self._spool is not None
        try:
            self._spool.advance(position, count)
        except OSError as error:  # only the next start would send them once more
            self._disk_failed(error, reading=False)
