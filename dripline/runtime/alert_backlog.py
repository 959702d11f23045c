"""Alerts that wait for the broker: in memory, then on disk, in their order and within their limits."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from pathlib import Path

from dripline.runtime.alert_spool import BufferPolicy, QueuedAlert, from_line, to_line
from dripline.runtime.dead_letters import DamagedRecords
from dripline.runtime.rate_limited_log import RateLimitedLogger
from dripline.runtime.spool import Spool
from dripline.runtime.spool_files import Position

logger = logging.getLogger("dripline.alerts")

#: Most bytes of alerts in memory; with a folder half of it makes them go to disk.
MEMORY_BYTES = 64_000_000

_WHILE_WRITING = 1000  # alerts that memory may take beyond its limit while others are written to disk
_BATCH_COUNT, _BATCH_BYTES = 1000, 4_000_000  # written to disk with one sync
_GATHER_S = 0.1  # how long alerts wait for others to share that sync
_YIELD_S = 0.005
_ADVANCING_S = 0.5
_DISK_PAUSE_S = 60.0
_DROPPED_AT_ONCE = 50


class AlertBacklog:
    """Holds alerts until they are published and, those that were published, until they are confirmed.

    From old to new: published (with the publisher), to be published again, on disk, in memory. While any are on
    disk, new ones go there as well, so that the order is kept. What was published and not confirmed may have
    arrived, and is never dropped.

    Any thread may call `offer` and read the counts. Everything else is the publisher's.

    Args:
        policy: How many wait.
        name: The service, for the log.

    Attributes:
        policy: How many wait; may be replaced before the first alert.
        dropped: How many alerts were dropped because there was no room.
        damaged: How many alerts on disk were damaged or deleted, or were refused by the broker again and again.
    """

    def __init__(self, policy: BufferPolicy, name: str) -> None:
        self.policy = policy
        self._changed = threading.Condition(threading.Lock())
        self.dropped = 0
        self._name = name
        self._limited_log = RateLimitedLogger(logger)
        # Guarded by `_changed`:
        self._wake_at: int | None = None  # how many alerts in memory wake the publisher; None while it is at work
        self._fresh: deque[QueuedAlert] = deque()
        self._fresh_bytes = 0
        self._fresh_since_s = 0.0
        self._held = 0  # alerts that are in memory only, besides the fresh ones
        self._throttled = 0
        self._poked = False
        self._advanced_s = -_ADVANCING_S
        # The publisher's:
        self._again: deque[QueuedAlert] = deque()
        self._spool: Spool | None = None
        self._cursor = Position(0, 0)  # up to where the spool was read
        self._copies: Counter[int] = Counter()  # alerts on disk that are in memory as well, by file
        self._disk_full = False
        self._disk_again_s = 0.0  # when the disk is tried again after an error
        self._looked_at: Path | None = None
        self._aside: DamagedRecords | None = None
        self._lost = 0

    # -- any thread ------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many alerts wait, without those that are published and not confirmed yet."""
        on_disk = len(self._spool) - self._copies.total() if self._spool is not None else 0
        return len(self._fresh) + len(self._again) + max(0, on_disk)

    @property
    def damaged(self) -> int:
        """How many alerts were put aside or lost on disk."""
        places = (self._spool.damaged if self._spool is not None else None, self._aside)
        return self._lost + sum(place.count for place in places if place is not None)

    def offer(self, alert: QueuedAlert) -> str:
        """Take an alert; a caller that is faster than the publisher waits for up to 5 ms.

        Returns:
            Why it was dropped; empty if it was taken.
        """
        first = False
        with self._changed:
            if self._is_crowded(alert) and time.monotonic() - self._advanced_s < _ADVANCING_S:
                self._throttled += 1
                self._changed.wait_for(lambda: not self._is_crowded(alert), _YIELD_S)
                self._throttled -= 1
            room = not self._fresh or self._has_room(alert)
            if not room:
                first = not self.dropped
                self.dropped += 1
                if self.policy.drop_oldest:
                    self._pop()
            if room or self.policy.drop_oldest:
                if not self._fresh:
                    self._fresh_since_s = time.monotonic()
                self._fresh.append(alert)
                self._fresh_bytes += alert.size
            if self._wake_at is not None and self._wakes(self._wake_at):
                self._changed.notify_all()
        if first:
            self._report_dropping()
        return "" if room or self.policy.drop_oldest else "no room for more alerts"

    def wake(self) -> None:
        """End the publisher's rest, or the next one if it is at work."""
        with self._changed:
            self._poked = True
            self._changed.notify_all()

    # -- the publisher: waiting and taking -------------------------------------------------------------------

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to publish."""
        return not self._fresh and not self._again and not self._has_unread

    @property
    def is_idle(self) -> bool:
        """Whether the broker has confirmed everything."""
        return self.is_empty and not self._held and not self._copies.total()

    def rest(self, timeout_s: float, *, can_publish: bool) -> None:
        """Wait until there is something to do.

        Args:
            timeout_s: Longest wait.
            can_publish: Whether any alert is something to do, or only so many that they should go to disk.
        """
        with self._changed:
            wake_at = 1 if can_publish else max(1, self.policy.in_memory + 1 - self._held)
            if not self._wakes(wake_at) and not self._poked:
                self._wake_at = wake_at
                self._changed.wait(timeout_s)
                self._wake_at = None
            self._poked = False

    def take(self, count: int, most_bytes: int) -> list[QueuedAlert]:
        """Take the oldest alerts, to publish them; `settle` or `put_back` follows for each."""
        if self._again:
            return [self._again.popleft() for _ in range(min(count, len(self._again)))]
        if self._has_unread:
            return self._from_disk(count, most_bytes)
        taken: list[QueuedAlert] = []
        size = 0
        with self._changed:
            count = min(count, self.policy.in_memory - self._held)
            while self._fresh and len(taken) < count and size < most_bytes:
                taken.append(self._pop())
                size += taken[-1].size
            self._held += len(taken)
        return taken

    def put_back(self, alerts: Sequence[QueuedAlert]) -> None:
        """Have alerts published again, before all others."""
        self._again.extendleft(reversed(alerts))

    def settle(self, alerts: Sequence[QueuedAlert]) -> None:
        """Forget alerts that need not be published any more: the oldest that were taken."""
        if on_disk := [alert.position for alert in alerts if alert.position is not None]:
            self._copies -= Counter(position.segment for position in on_disk)
            self._advance(on_disk[-1], len(on_disk))
        self._held_less(len(alerts) - len(on_disk))

    def put_aside(self, alert: QueuedAlert, reason: str) -> None:
        """Keep an alert that cannot be published where somebody can look at it; it is finished then."""
        if self._aside is None:
            self._aside = DamagedRecords(self.policy.folder)
        self._aside.add(to_line(alert.envelopes), reason)
        alert.finish()

    # -- the publisher: disk -----------------------------------------------------------------------------------

    def look_at_disk(self) -> None:
        """Take over what an earlier process left in the folder."""
        folder = self.policy.folder
        if folder is None or self._looked_at == folder:
            return
        self._looked_at = folder
        if any(folder.glob("*.rows")):
            self._open_spool()

    @property
    def store_in_s(self) -> float | None:
        """In how many seconds alerts should go to disk; None if they need not, or cannot."""
        if not self._fresh or not self._disk_ready:
            return None
        if len(self._fresh) + self._held > self.policy.in_memory or self._fresh_bytes > MEMORY_BYTES // 2:
            return 0.0
        if not self._has_unread:
            return None
        return max(0.0, self._fresh_since_s + _GATHER_S - time.monotonic())

    def store(self, flying: Iterable[QueuedAlert] = ()) -> bool:
        """Write all alerts in memory to disk.

        Args:
            flying: Those that are published and not confirmed; what is not on disk yet is written before all
                others, and stays in memory as well.

        Returns:
            Whether memory is empty.
        """
        older = [alert for alert in (*flying, *self._again) if alert.position is None and alert.envelopes]
        while older or self._fresh:
            with self._changed:
                batch: list[QueuedAlert] = []
                size = 0
                while self._fresh and len(batch) < _BATCH_COUNT and size < _BATCH_BYTES:
                    batch.append(self._pop())
                    size += batch[-1].size
                self._held += len(batch)
                self._advanced_s = time.monotonic()
            left: Sequence[QueuedAlert] = batch
            try:
                left = self._written(older, batch)
            finally:
                self._held_less(len(batch))
                if left:
                    self._return(left)
            if left:
                return False
            older = []
        return True

    def keep_for_next_start(self, flying: Iterable[QueuedAlert]) -> None:
        """Put everything on disk that the broker has not confirmed; nothing can be done with it afterwards."""
        flying = list(flying)
        in_memory = [a for a in (*flying, *self._again) if a.position is None and a.envelopes]
        count, dropped = len(in_memory) + len(self._fresh), self.dropped
        self._disk_again_s, self._disk_full = 0.0, False
        if count and self.policy.folder is not None and self.store(flying):
            kept = count - (self.dropped - dropped)
            logger.warning(
                "%s: %d alerts are kept in %s until it starts again", self._name, kept, self.policy.folder
            )
        elif count:
            left = len(self._fresh) + sum(alert.position is None for alert in in_memory)
            logger.warning("%s: %d alerts could not be sent and are lost", self._name, left)
        if self._spool is not None:
            self._spool.close()
        self._limited_log.settle()

    # -- inside: memory ----------------------------------------------------------------------------------------

    @property
    def _disk_ready(self) -> bool:
        return self.policy.folder is not None and not self._disk_full and time.monotonic() >= self._disk_again_s

    def _wakes(self, count: int) -> bool:
        return len(self._fresh) >= count or (self._fresh_bytes > MEMORY_BYTES // 2 and self._disk_ready)

    def _is_crowded(self, alert: QueuedAlert) -> bool:
        most = MEMORY_BYTES // 2 if self._disk_ready else MEMORY_BYTES
        return self._beyond(alert, self.policy.in_memory, most)

    def _has_room(self, alert: QueuedAlert) -> bool:
        more = max(_WHILE_WRITING, self.policy.in_memory) if self._disk_ready else 0
        return not self._beyond(alert, self.policy.in_memory + more, MEMORY_BYTES)

    def _beyond(self, alert: QueuedAlert, count: int, size: int) -> bool:
        return len(self._fresh) + self._held >= count or self._fresh_bytes + alert.size > size

    def _pop(self) -> QueuedAlert:
        alert = self._fresh.popleft()
        self._fresh_bytes -= alert.size
        return alert

    def _held_less(self, count: int) -> None:
        with self._changed:
            self._held -= count
            self._advanced_s = time.monotonic()
            if self._throttled:
                self._changed.notify_all()

    def _return(self, alerts: Sequence[QueuedAlert]) -> None:
        """Put alerts that cannot go to disk back; `offer` refuses new ones if the newest are to be dropped."""
        with self._changed:
            self._fresh.extendleft(reversed(alerts))
            self._fresh_bytes += sum(alert.size for alert in alerts)
            surplus = max(0, len(self._fresh) + self._held - self.policy.in_memory) * self.policy.drop_oldest
            for _ in range(min(surplus, len(self._fresh))):
                self._pop()
        self._drop(surplus)

    def _drop(self, count: int) -> None:
        with self._changed:
            first = count > 0 and not self.dropped
            self.dropped += count
        if first:
            self._report_dropping()

    def _report_dropping(self) -> None:
        which = "oldest" if self.policy.drop_oldest else "newest"
        logger.warning("%s: no room for more alerts; the %s are dropped", self._name, which)

    # -- inside: disk ------------------------------------------------------------------------------------------

    @property
    def _has_unread(self) -> bool:
        return self._spool is not None and self._spool.has_more(self._cursor)

    def _from_disk(self, count: int, most_bytes: int) -> list[QueuedAlert]:
        assert self._spool is not None
        try:
            records, cursor = self._spool.read_from(self._cursor, count, most_bytes)
        except OSError as error:
            self._limited_log.tell("unread", "%s: alerts on disk cannot be read: %s", self._name, error)
            return []
        while self._spool.lost_segments:
            segment, lost = self._spool.lost_segments.pop()
            self._lost += max(0, lost - self._copies[segment])
        taken = []
        for record in records:
            try:
                alert = QueuedAlert(from_line(record.line), record.end)
            except ValueError as error:
                self._spool.damaged.add(record.line, f"not an alert: {error}")
                alert = QueuedAlert((), record.end)
            taken.append(alert)
            self._copies[record.end.segment] += 1
        self._cursor = cursor  # not before: `is_idle` is read by other threads
        if not taken and not self._copies.total():  # nothing but damaged records, with nothing before them
            self._advance(self._cursor, 0)
        return taken

    def _advance(self, position: Position, count: int) -> None:
        assert self._spool is not None
        self._disk_full = False
        try:
            self._spool.advance(position, count)
        except OSError as error:  # only the next start would send them once more
            self._limited_log.tell("position", "%s: that alerts were sent cannot be kept: %s", self._name, error)

    def _written(self, older: Sequence[QueuedAlert], fresh: list[QueuedAlert]) -> Sequence[QueuedAlert]:
        """Append alerts to the spool; returns those that could not be, the newest."""
        spool = self._open_spool()
        if spool is None:
            return fresh
        lines = [to_line(alert.envelopes) for alert in (*older, *fresh)]
        try:
            if self.policy.drop_oldest:
                self._make_room(spool, lines, fresh)
            fits = spool.fitting(lines)
            if fits < len(lines):
                self._disk_full = True  # until some of it was sent
            if fits < max(1, len(older)):
                return fresh
            self._place(older, spool.append(lines[:fits]))
            return fresh[fits - len(older) :]
        except OSError as error:
            self._give_disk_up(error)
            return fresh

    def _make_room(self, spool: Spool, lines: list[bytes], fresh: list[QueuedAlert]) -> None:
        """Drop the oldest alerts that were never published, first on disk, then of what is to be written."""
        while spool.fitting(lines) < len(lines):
            count = max(1, min(_DROPPED_AT_ONCE, len(spool) // 20))
            dropped, self._cursor = spool.drop(self._cursor, count)
            if not dropped and not fresh:
                return
            if not dropped:
                del lines[-len(fresh)], fresh[0]
            self._drop(max(1, dropped))

    def _place(self, older: Sequence[QueuedAlert], ends: Sequence[Position]) -> None:
        for alert, end in zip(older, ends, strict=False):
            alert.position = self._cursor = end
            self._copies[end.segment] += 1
        self._held_less(len(older))

    def _open_spool(self) -> Spool | None:
        folder = self.policy.folder
        if self._spool is None and folder is not None:
            try:
                self._spool = Spool(folder, self.policy.on_disk_bytes)
                self._cursor = self._spool.position
                logger.warning("%s: alerts wait on disk, in %s", self._name, folder)
            except OSError as error:
                self._give_disk_up(error)
        return self._spool

    def _give_disk_up(self, error: OSError) -> None:
        self._disk_again_s = time.monotonic() + _DISK_PAUSE_S
        logger.warning("%s: alerts cannot wait on disk: %s", self._name, error)
