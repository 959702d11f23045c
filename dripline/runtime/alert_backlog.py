"""Queued alerts: their form on disk, and which ones are dropped if there is no room."""

from __future__ import annotations

import base64
import json
import logging
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from dripline.amqp.properties import RawProperties
from dripline.errors import BrokerError
from dripline.runtime.dead_letters import DamagedRecords
from dripline.runtime.rate_limited_log import RateLimitedLogger
from dripline.runtime.spool import Position, Record, Spool
from dripline.runtime.store_and_forward import Backlog, BufferPolicy
from dripline.transport.future import OneShotFuture
from dripline.wire.codec import Envelope

logger = logging.getLogger("dripline.alerts")

#: Most bytes of alerts in memory; with a folder half of it makes them go to disk.
MEMORY_BYTES = 64_000_000

_WHILE_WRITING = 1000  # alerts that memory may take beyond its limit while others are written to disk
_GATHER_S = 0.1  # how long alerts wait for others to share a sync
_YIELD_S = 0.005
_ADVANCING_S = 0.5
_DISK_PAUSE_S = 60.0
_DROPPED_AT_ONCE = 50
_LONGEST_KEY = 255
_MOST_BYTES = 128_000_000  # of one body; brokers accept no more
_OVERHEAD = 300  # bytes of Python objects for each envelope


class QueuedAlert:
    """One encoded alert.

    Attributes:
        envelopes: Its chunks; none if there is nothing to publish any more.
        size: About how many bytes it takes in memory.
        position: The position behind it in the spool; None if it is in memory only.
        slots: Its publisher confirms, one for each chunk.
        strikes: How strongly it is suspected of making the broker close the connection.
    """

    __slots__ = ("envelopes", "position", "size", "slots", "strikes")

    def __init__(self, envelopes: Sequence[Envelope], position: Position | None = None) -> None:
        self.envelopes = envelopes
        self.position = position
        self.size = sum(_OVERHEAD + len(chunk.properties) + len(chunk.body) for chunk in envelopes)
        self.slots: Sequence[OneShotFuture[bool]] = ()
        self.strikes = 0

    @property
    def outcome(self) -> bool | BrokerError | None:
        """True if the broker has all chunks, False if it refused one, None if that is open; or what was raised."""
        result: bool | BrokerError | None = True
        for slot in self.slots:
            brought = slot.peek()
            if brought is None:
                result = None
                continue
            value, error = brought
            if error is not None:
                return error if isinstance(error, BrokerError) else BrokerError(str(error))
            if value is not True and result is True:
                result = False
        return result

    @property
    def is_in_memory(self) -> bool:
        """Whether it is still to be published, and not on disk."""
        return self.position is None and bool(self.envelopes)

    def finish(self) -> None:
        """Publish nothing of it any more."""
        self.envelopes, self.slots = (), ()


def to_line(envelopes: Sequence[Envelope]) -> bytes:
    """Write an alert as a line of the spool."""
    chunks = [[key, *(base64.b64encode(part).decode() for part in parts)] for key, *parts in envelopes]
    return json.dumps(chunks).encode() + b"\n"


def from_line(line: bytes) -> list[Envelope]:
    """Read what `to_line` wrote.

    Raises:
        ValueError: It is something that no broker could be given; the text says what.
    """
    try:
        chunks = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(chunks, list) or not chunks:
        raise ValueError("not a list of chunks")
    return [_envelope(chunk) for chunk in chunks]


def _envelope(chunk: object) -> Envelope:
    if not isinstance(chunk, list) or len(chunk) != 3 or not all(isinstance(part, str) for part in chunk):
        raise ValueError("a chunk is not a list of three strings")
    key, properties, body = chunk[0], *(base64.b64decode(part, validate=True) for part in chunk[1:])
    if len(key.encode("utf-8", "replace")) > _LONGEST_KEY:
        raise ValueError(f"the routing key is longer than {_LONGEST_KEY} bytes")
    if len(body) > _MOST_BYTES:
        raise ValueError(f"a body of {len(body)} bytes")
    read = RawProperties(properties)
    if read.damage is not None:
        raise ValueError(read.damage)
    read.headers  # noqa: B018  # decoding them raises ValueError if they are damaged
    return Envelope(key, properties, body)


class AlertBacklog(Backlog[QueuedAlert]):
    """Holds alerts until they are published and confirmed.

    What was published and not confirmed may have arrived, and is never dropped. Any thread may call `offer` and
    read the counts. Everything else is the publisher's.

    Args:
        policy: How many wait.
        name: The service, for the log.

    Attributes:
        policy: How many wait; may be replaced before the first alert.
        dropped: How many alerts were dropped because there was no room.
    """

    def __init__(self, policy: BufferPolicy, name: str) -> None:
        Backlog.__init__(self)
        self.policy = policy
        self.dropped = 0
        self._name = name
        self._limited_log = RateLimitedLogger(logger)
        # Guarded by `_changed`:
        self._wake_at: int | None = None  # how many alerts in memory wake the publisher; None while it is at work
        self._poked = False
        # The publisher's:
        self._disk_full = False
        self._disk_again_s = 0.0  # when the disk is tried again after an error
        self._looked_at: Path | None = None
        self._aside: DamagedRecords | None = None

    # -- any thread ------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        """How many alerts wait, without those that are published and not confirmed yet."""
        on_disk = len(self._spool) - self._copies.total() if self._spool is not None else 0
        return len(self._fresh) + len(self._again) + max(0, on_disk)

    @property
    def damaged(self) -> int:
        """How many alerts on disk were damaged or deleted, or were refused by the broker again and again."""
        places = (self._spool.damaged if self._spool is not None else None, self._aside)
        return self.lost + sum(place.count for place in places if place is not None)

    def offer(self, alert: QueuedAlert) -> str:
        """Take an alert; a caller that is faster than the publisher waits for up to 5 ms.

        Returns:
            Why it was dropped; empty if it was taken.
        """
        with self._changed:
            if self._is_crowded(alert) and time.monotonic() - self._moved_s < _ADVANCING_S:
                self._changed.wait_for(lambda: not self._is_crowded(alert), _YIELD_S)
            room = not self._fresh or self._has_room(alert)
            if not room and self.policy.drop_oldest:
                self._fresh.take(1, 0)
            if room or self.policy.drop_oldest:
                self._fresh.append(alert)
            if self._wake_at is not None and self._wakes(self._wake_at):
                self._changed.notify_all()
        if not room:
            self._drop(1)
        return "" if room or self.policy.drop_oldest else "no room for more alerts"

    def wake(self) -> None:
        """End the publisher's rest, or the next one if it is at work."""
        with self._changed:
            self._poked = True
            self._changed.notify_all()

    # -- the publisher -----------------------------------------------------------------------------------------

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

    def take(self, count: int, max_bytes: int) -> list[QueuedAlert]:
        """Take the oldest alerts, but no more from memory than may be in memory only."""
        if not self._again and not self._has_unread:
            count = min(count, self.policy.in_memory - self._held)
        return Backlog.take(self, count, max_bytes)

    def put_aside(self, alert: QueuedAlert, reason: str) -> None:
        """Keep an alert that cannot be published where somebody can look at it; it is finished then."""
        if self._aside is None:
            self._aside = DamagedRecords(self.policy.folder)
        self._aside.add(to_line(alert.envelopes), reason)
        alert.finish()

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
        if len(self._fresh) + self._held > self.policy.in_memory or self._fresh.bytes > MEMORY_BYTES // 2:
            return 0.0
        return max(0.0, _GATHER_S - self._fresh.age_s) if self._has_unread else None

    def store_behind(self, flying: Iterable[QueuedAlert]) -> bool:
        """Write all alerts in memory to disk, as `store` does.

        Args:
            flying: Those that are published and not confirmed; what is not on disk yet is written before all
                others, and stays in memory as well.
        """
        return self.store([alert for alert in (*flying, *self._again) if alert.is_in_memory])

    def keep_for_next_start(self, flying: Iterable[QueuedAlert]) -> None:
        """Put everything on disk that the broker has not confirmed; nothing can be done with it afterwards."""
        in_memory = [alert for alert in (*flying, *self._again) if alert.is_in_memory]
        count, dropped = len(in_memory) + len(self._fresh), self.dropped
        self._disk_again_s, self._disk_full = 0.0, False
        if count and self.policy.folder is not None and self.store(in_memory):
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

    # -- memory ------------------------------------------------------------------------------------------------

    def _wakes(self, count: int) -> bool:
        return len(self._fresh) >= count or (self._fresh.bytes > MEMORY_BYTES // 2 and self._disk_ready)

    def _is_crowded(self, alert: QueuedAlert) -> bool:
        most = MEMORY_BYTES // 2 if self._disk_ready else MEMORY_BYTES
        return self._beyond(alert, self.policy.in_memory, most)

    def _has_room(self, alert: QueuedAlert) -> bool:
        more = max(_WHILE_WRITING, self.policy.in_memory) if self._disk_ready else 0
        return not self._beyond(alert, self.policy.in_memory + more, MEMORY_BYTES)

    def _beyond(self, alert: QueuedAlert, count: int, size: int) -> bool:
        return len(self._fresh) + self._held >= count or self._fresh.bytes + alert.size > size

    def _return(self, items: Sequence[QueuedAlert]) -> None:
        """Put alerts back that could not go to disk; `offer` refuses new ones if the newest are to be dropped."""
        with self._changed:
            Backlog._return(self, items)
            surplus = max(0, len(self._fresh) + self._held - self.policy.in_memory)
            dropped = self._fresh.take(surplus if items and self.policy.drop_oldest else 0, sys.maxsize)
        self._drop(len(dropped))

    def _drop(self, count: int) -> None:
        with self._changed:
            first = count > 0 and not self.dropped
            self.dropped += count
        if first:
            which = "oldest" if self.policy.drop_oldest else "newest"
            logger.warning("%s: no room for more alerts; the %s are dropped", self._name, which)

    # -- disk --------------------------------------------------------------------------------------------------

    @property
    def _disk_ready(self) -> bool:
        return self.policy.folder is not None and not self._disk_full and time.monotonic() >= self._disk_again_s

    def _from_record(self, record: Record) -> QueuedAlert:
        try:
            return QueuedAlert(from_line(record.line), record.end)
        except ValueError as error:
            assert self._spool is not None
            self._spool.damaged.add(record.line, f"not an alert: {error}")
            return QueuedAlert((), record.end)

    def _advance(self, position: Position, count: int) -> None:
        self._disk_full = False
        Backlog._advance(self, position, count)

    def _disk_failed(self, error: OSError, *, reading: bool) -> None:
        text = (
            "%s: alerts on disk cannot be read: %s" if reading else "%s: that alerts were sent cannot be kept: %s"
        )
        self._limited_log.tell("unread" if reading else "position", text, self._name, error)

    def _append(self, older: Sequence[QueuedAlert], fresh: list[QueuedAlert]) -> Sequence[QueuedAlert]:
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
                del lines[-len(fresh)]
                self._let_go([fresh.pop(0)])
            self._drop(max(1, dropped))

    def _place(self, older: Sequence[QueuedAlert], ends: Sequence[Position]) -> None:
        for alert, end in zip(older, ends, strict=False):
            alert.position = self._cursor = end
            self._copies[end.segment] += 1
        self._let_go(older)

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
