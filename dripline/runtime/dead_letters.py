"""Files of messages that cannot be handled and of damaged spool records, with reasons."""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from dripline.runtime.durable_files import LIMIT_BYTES, LineFile
from dripline.runtime.link import timestamp
from dripline.runtime.outage import Outage
from dripline.runtime.rate_limited_log import RateLimitedLogger
from dripline.runtime.worker import InFlight, release

logger = logging.getLogger("dripline.alerts")


#: So much of a body is kept, in bytes.
KEPT_BYTES = 1024 * 1024

_DISK_PAUSE_S = 1.0  # between attempts at a disk that takes nothing
_LETTERS_AT_ONCE = 100


class DeadLetter(NamedTuple):
    """A message and what is wrong with it.

    Attributes:
        kind: Which kind of problem this is; nothing that a sender chooses.
        reason: What is wrong with this message.
        routing_key: Its routing key.
        message_id: Its message id; empty if it has none that can be read.
        body: Its body or the beginning of it.
        size: How long its whole body is, in bytes.
    """

    kind: str
    reason: str
    routing_key: str
    message_id: str
    body: bytes
    size: int

    def as_line(self) -> bytes:
        """Return one line of JSON; a body that is not UTF-8 is in base64."""
        body = bytes(self.body[:KEPT_BYTES])
        entry = {
            "time": datetime.now(timezone.utc).isoformat(),
            "reason": self.reason,
            "routing_key": self.routing_key,
            "message_id": self.message_id,
            "size": self.size,
        }
        try:
            entry["body"] = body.decode()
        except UnicodeDecodeError:
            entry["body_base64"] = base64.b64encode(body).decode()
        if len(body) < self.size:
            entry["truncated"] = True
        return json.dumps(entry).encode() + b"\n"


class DeadLetterFile:
    """A file of JSON lines. Messages are acknowledged when their dead letters are on disk; for one thread.

    Args:
        path: The file. When it has grown to the limit it becomes ``<path>.1``, in place of the one before.
        name: The service, for the log.
        limit_bytes: How long it may grow.

    Attributes:
        count: How many dead letters this run has written.
        waiting: Those that are not on disk yet.
    """

    def __init__(self, path: Path, name: str, limit_bytes: int = LIMIT_BYTES) -> None:
        self.path = path
        self.count = 0
        self.waiting: list[DeadLetter] = []
        self._held: list[InFlight] = []  # the messages of those that wait
        self._name = name
        self._file = LineFile(path, name, limit_bytes)
        self._limited_log = RateLimitedLogger(logger)
        self._disk = Outage(logger)
        self._not_before_s = 0.0  # after the disk took none

    @property
    def is_refusing(self) -> bool:
        """Whether the disk took none when that was last tried."""
        return bool(self._disk)

    def add(self, letter: DeadLetter, items: Iterable[InFlight]) -> None:
        """Write a dead letter soon, and release its deliveries when it is on disk."""
        self.waiting.append(letter)
        self._held += [item.hold() for item in items]
        size = sum(len(letter.body) for letter in self.waiting)
        if len(self.waiting) >= _LETTERS_AT_ONCE or size > KEPT_BYTES:
            self.write()

    def write(self, last: bool = False) -> None:
        """Write what waits. The log says once why the disk does not take it, and once when it does again.

        Args:
            last: Whether it is tried even shortly after the disk took nothing.
        """
        if not self.waiting or (time.monotonic() < self._not_before_s and not last):
            return
        try:
            self._file.append(b"".join(letter.as_line() for letter in self.waiting))
        except OSError as error:
            text = "%s: cannot write dead letters to %s: %s; the messages stay in their queue meanwhile"
            self._disk.begin(str(error), text, self._name, self.path, error)
            self._not_before_s = time.monotonic() + _DISK_PAUSE_S
            return
        self._disk.end("%s: can write dead letters to %s again", self._name, self.path)
        self._not_before_s = 0.0
        self.count += len(self.waiting)
        for letter in self.waiting:
            self._limited_log.tell(
                f"dead letters: {letter.kind}", "%s: an alert for %r is a dead letter: %s; see %s",
                self._name, letter.routing_key, letter.reason, self.path,
            )  # fmt: skip
        held, self._held, self.waiting = self._held, [], []
        release(held)

    def close(self) -> None:
        """Write what waits, and log what was only counted."""
        self.write(last=True)
        self._limited_log.settle()


#: Name of the file, in the folder of the spool.
FILE_NAME = "damaged.jsonl"
_LIMIT_BYTES = 64_000_000


class DamagedRecords:
    """Keeps damaged records for somebody who wants to look at them.

    Each line of the file is a JSON object: the time, the reason, and the record in base64. The file stops growing
    at 64 MB.

    Args:
        folder: Folder of the spool; None only counts and reports.
        make_folder: Creates the folder; by default as any other.

    Attributes:
        count: How many records were put aside by this process.
    """

    def __init__(self, folder: Path | None, make_folder: Callable[[], None] | None = None) -> None:
        self.count = 0
        self._folder = folder
        self._make_folder = make_folder
        self._limited_log = RateLimitedLogger(logger)

    def add(self, record: bytes, reason: str) -> None:
        """Put a record aside."""
        self.count += 1
        where = "it is not kept" if self._folder is None else f"kept in {self._folder / FILE_NAME}"
        try:
            self._write(record, reason)
        except OSError as error:
            where = f"it could not be kept: {error}"
        self._limited_log.tell("damaged", "an alert or row was put aside: %s; %s", reason, where)

    def settle(self) -> None:
        """Report what was counted and not reported yet."""
        self._limited_log.settle()

    def _write(self, record: bytes, reason: str) -> None:
        if self._folder is None:
            return
        if self._make_folder is not None:
            self._make_folder()
        self._folder.mkdir(parents=True, exist_ok=True)
        content = {"time": timestamp(), "reason": reason, "record": base64.b64encode(record).decode()}
        with (self._folder / FILE_NAME).open("ab") as file:
            if file.tell() < _LIMIT_BYTES:
                file.write(json.dumps(content).encode() + b"\n")
