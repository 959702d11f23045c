"""Alerts on their way to the broker: none is forgotten before the broker has it."""

from __future__ import annotations

import base64
import json
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dripline.runtime.complaints import Complaints
from dripline.runtime.spool import Spool, SpoolFull
from dripline.transport import Slot
from dripline.wire.codec import Envelope
from dripline.wire.errors import BrokerError

logger = logging.getLogger(__name__)

#: The chunks of one alert.
Parcel = list[Envelope]

_AT_ONCE = 200
_PAUSE_S = 0.5
_CONFIRM_S = 30.0
_DISK_PAUSE_S = 60.0


@dataclass(frozen=True)
class KeepRule:
    """How many alerts are kept while the broker is away.

    Attributes:
        in_memory: that many before they go to disk.
        folder: where on disk; None keeps them in memory only.
        on_disk_bytes: about that much.
        drop_oldest: which go when there is no room left: the oldest, or those that come.
    """

    in_memory: int = 10_000
    folder: Path | None = None
    on_disk_bytes: int = 256_000_000
    drop_oldest: bool = True


class Outbox:
    """Sends alerts in order, and once more when nothing says that they arrived.

    What is sent twice has the same message id, so that a receiver can tell. Those that wait are, from old to new:
    in flight without a confirm, on disk, in memory.

    Args:
        publish: sends one alert with confirms.
        can_publish: whether there is a connection that takes something.
        rule: how many are kept.
        name: the service, for the log.
        settle_s: how long alerts wait after a reconnect: a broker that was restarted has forgotten all bindings,
            and who listens shall be bound again before they are sent.
    """

    def __init__(
        self,
        publish: Callable[[Parcel], list[Slot[bool]]],
        can_publish: Callable[[], bool],
        rule: KeepRule,
        name: str,
        settle_s: float = 0.0,
    ) -> None:
        self._publish = publish
        self._takes_messages = can_publish
        self._rule = rule
        self._name = name
        self._settle_s = settle_s
        self._order = threading.Lock()  # guards what follows
        self._flying: deque[tuple[Parcel, list[Slot[bool]]]] = deque()
        self._waiting: deque[Parcel] = deque()
        self._spool: Spool | None = self._left_over()
        self._spool_again_s = 0.0  # after the disk took nothing
        self._full_bytes = math.inf
        self._complaints = Complaints(logger)
        self._dropped = 0
        self._late = 0
        self._not_before_s = 0.0
        self._was_connected = False
        self._wake = threading.Event()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def __len__(self) -> int:
        """How many alerts wait for the broker, those in flight left out."""
        return len(self._waiting) + (len(self._spool) if self._spool is not None else 0)

    @property
    def dropped(self) -> int:
        """How many alerts had no room."""
        return self._dropped

    def offer(self, parcel: Parcel) -> None:
        """Send an alert now, or when the broker is back and what came before it is sent."""
        with self._order:
            self._settle()
            if not self._has_backlog() and self._can_publish() and self._fly(parcel):
                return
            self._waiting.append(parcel)
            if len(self._waiting) > self._rule.in_memory:
                self._make_room()
        self.wake()

    def wake(self) -> None:
        """Send what waits; called when there is a connection."""
        if self._thread is None and not self._closed.is_set():
            with self._order:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._drain, name="dripline-outbox", daemon=True)
                    self._thread.start()
        self._wake.set()

    def connected(self) -> None:
        """Take note of a new connection; called with each."""
        if self._was_connected:
            self._not_before_s = time.monotonic() + self._settle_s
        self._was_connected = True
        self.wake()

    def close(self, grace_s: float) -> None:
        """Send what can be sent, and keep the rest on disk for the next start.

        Args:
            grace_s: how long to wait for the broker.
        """
        deadline = time.monotonic() + grace_s
        self._not_before_s = 0.0
        while not self._is_done() and self._can_publish() and time.monotonic() < deadline:
            self._wake.set()
            time.sleep(0.005)
        self._closed.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(max(0.2, deadline - time.monotonic()))
        with self._order:
            self._settle()
            left = [parcel for parcel, _ in self._flying] + list(self._waiting)
            self._flying.clear()
            self._waiting.clear()
            self._keep_for_next_start(left)

    # -- sending, the lock held ------------------------------------------------------------------------------

    def _can_publish(self) -> bool:
        return time.monotonic() >= self._not_before_s and self._takes_messages()

    def _has_backlog(self) -> bool:
        return bool(self._waiting) or bool(self._spool is not None and len(self._spool))

    def _fly(self, parcel: Parcel) -> bool:
        try:
            slots = self._publish(parcel)
        except (BrokerError, TimeoutError) as error:
            logger.debug("%s: an alert waits: %s", self._name, error)
            return False
        self._flying.append((parcel, slots))
        return True

    def _settle(self) -> None:
        """Let go of alerts that the broker has; those that a loss took come first in line again."""
        flying = self._flying
        while flying:
            outcome = _outcome(flying[0][1])
            if outcome is None:
                return
            if outcome is False:
                again = [parcel for parcel, slots in flying if not _outcome(slots)]
                flying.clear()
                self._waiting.extendleft(reversed(again))
                return
            flying.popleft()

    # -- catching up, on a thread of its own -------------------------------------------------------------------

    def _drain(self) -> None:
        while not self._closed.is_set():
            self._wake.wait(_PAUSE_S if self._has_backlog() or self._flying else None)
            self._wake.clear()
            try:
                while not self._closed.is_set() and self._catch_up():
                    pass
            except Exception as error:  # noqa: BLE001 - the alerts wait, and are tried again; it is told
                kind = f"alerts wait: {type(error).__name__}"
                self._complaints.tell(kind, "%s: alerts wait: %s", self._name, error, error=error)
            self._tell_late()

    def _catch_up(self) -> bool:
        """Send some of what waits; returns whether there is more that can be sent."""
        with self._order:
            self._settle()
            if not self._can_publish():
                return False
            spool = self._spool
        if spool is not None and len(spool):
            return self._send_spooled(spool)
        with self._order:
            for _ in range(min(_AT_ONCE, len(self._waiting))):
                if not self._fly(self._waiting[0]):
                    return False
                self._waiting.popleft()
                self._late += 1
            return bool(self._waiting)

    def _send_spooled(self, spool: Spool) -> bool:
        try:
            lines, position = spool.read(_AT_ONCE)
        except OSError as error:
            self._complaints.tell("unread", "%s: alerts on disk cannot be read: %s", self._name, error)
            return False
        try:
            slots = [slot for parcel in self._readable(lines) for slot in self._publish(parcel)]
            arrived = all(slot.wait(_CONFIRM_S) for slot in slots)
        except (BrokerError, TimeoutError) as error:
            logger.debug("%s: spooled alerts wait: %s", self._name, error)
            return False
        if not arrived:
            return False
        self._late += len(lines)
        try:
            spool.advance(position, len(lines))
        except OSError as error:  # only the next start would send them once more
            self._complaints.tell("position", "%s: that alerts were sent cannot be kept: %s", self._name, error)
        return True

    def _readable(self, lines: Sequence[bytes]) -> Iterator[Parcel]:
        for line in lines:
            try:
                yield _parcel(line)
            except (ValueError, TypeError) as error:
                self._complaints.tell("damaged", "%s: an alert on disk is damaged: %s", self._name, error)

    def _tell_late(self) -> None:
        if not self._late or self._has_backlog():
            return
        logger.info("%s: sent %d alerts that had waited for the broker", self._name, self._late)
        self._late = 0
        if self._dropped:
            logger.warning("%s: %d alerts had no room and are lost", self._name, self._dropped)

    def _is_done(self) -> bool:
        with self._order:
            self._settle()
            return not self._flying and not self._has_backlog()

    # -- room, the lock held -----------------------------------------------------------------------------------

    def _make_room(self) -> None:
        """Put what waits in memory on disk, or drop some of it."""
        if self._thread is not None and self._can_publish():
            return  # it is being sent; on disk it would stand behind what is in flight
        # What is in flight without a word is older, and may come back.
        parcels = [*(parcel for parcel, _ in self._flying), *self._waiting]
        spool = self._open_spool() if time.monotonic() >= self._spool_again_s else None
        if spool is not None and spool.waiting_bytes < self._full_bytes and self._spooled(spool, parcels):
            self._flying.clear()
            self._waiting.clear()
            return
        if self._rule.drop_oldest:
            self._waiting.popleft()
        else:
            self._waiting.pop()
        self._drop(1)

    def _spooled(self, spool: Spool, parcels: Sequence[Parcel]) -> bool:
        lines = [_line(parcel) for parcel in parcels]
        while True:
            try:
                spool.append(lines)
                return True
            except SpoolFull:
                if not self._rule.drop_oldest:
                    self._full_bytes = spool.waiting_bytes  # not tried again before some were sent
                    return False
                oldest, position = spool.read(len(lines))
                if not oldest:
                    return False
                spool.advance(position, len(oldest))
                self._drop(len(oldest))
            except OSError as error:
                self._give_spool_up(error)
                return False

    def _drop(self, count: int) -> None:
        if not self._dropped:
            which = "oldest" if self._rule.drop_oldest else "newest"
            logger.warning("%s: no room for more alerts while the broker is away; the %s go", self._name, which)
        self._dropped += count

    def _open_spool(self) -> Spool | None:
        if self._spool is None and self._rule.folder is not None:
            try:
                self._spool = Spool(self._rule.folder, self._rule.on_disk_bytes)
                logger.warning("%s: alerts wait on disk, in %s", self._name, self._rule.folder)
            except OSError as error:
                self._give_spool_up(error)
        return self._spool

    def _give_spool_up(self, error: OSError) -> None:
        self._spool_again_s = time.monotonic() + _DISK_PAUSE_S
        logger.warning("%s: alerts cannot wait on disk: %s", self._name, error)

    def _left_over(self) -> Spool | None:
        """What an earlier run could not send."""
        folder = self._rule.folder
        if folder is None or not folder.is_dir() or not any(folder.glob("*.rows")):
            return None
        try:
            return Spool(folder, self._rule.on_disk_bytes)
        except OSError as error:
            logger.warning("%s: alerts of an earlier run cannot be read: %s", self._name, error)
            return None

    def _keep_for_next_start(self, parcels: Sequence[Parcel]) -> None:
        if parcels:
            spool = self._open_spool()
            if spool is not None and self._spooled(spool, parcels):
                logger.warning(
                    "%s: %d alerts are kept in %s until it starts again", self._name, len(parcels), spool.folder
                )
            else:
                logger.warning("%s: %d alerts could not be sent and are lost", self._name, len(parcels))
        if self._spool is not None:
            self._spool.close()


def _outcome(slots: Sequence[Slot[bool]]) -> bool | None:
    """True when the broker has all chunks, False when it has not and will not, None as long as that is open."""
    arrived = True
    for slot in slots:
        brought = slot.peek()
        if brought is None:
            return None
        value, error = brought
        arrived = arrived and error is None and value is True
    return arrived


def _line(parcel: Parcel) -> bytes:
    """An alert as a line of the spool."""
    chunks = [[key, *(base64.b64encode(part).decode() for part in parts)] for key, *parts in parcel]
    return json.dumps(chunks).encode() + b"\n"


def _parcel(line: bytes) -> Parcel:
    return [
        Envelope(key, base64.b64decode(properties), base64.b64decode(body))
        for key, properties, body in json.loads(line)
    ]
