"""Records of a spool that cannot be used: put aside in a file of its folder, counted and reported."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from pathlib import Path

from dripline.runtime.link import timestamp
from dripline.runtime.rate_limited_log import RateLimitedLogger

logger = logging.getLogger("dripline.alerts")

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
