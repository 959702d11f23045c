"""What the log says of the way into a database: once when something is lost, once when it is back."""

from __future__ import annotations

import logging
import time

from dripline.implementations.storage.database import DatabaseAway, DatabaseBusy, DatabaseUnfit
from dripline.runtime.outage import Outage
from dripline.runtime.spool import Spool

logger = logging.getLogger("dripline.database")

_DROPS_TOLD_EVERY_S = 60.0
_BUSY_LOGGED_AFTER_S = 30.0


class WriterStatus:
    """Counts, and log lines that do not repeat themselves.

    Args:
        who: The service, for messages.
        spool: Where rows wait.

    Attributes:
        who: The service.
        written: Rows written in this run.
        dropped: Rows dropped in this run.
        database: Whether the database takes nothing, and why.
        disk: Whether the disk did not take rows when it was last tried.
    """

    def __init__(self, who: str, spool: Spool) -> None:
        self.who = who
        self.written = self.dropped = 0
        self.database = Outage(logger)
        self.disk = Outage(logger)
        self._spool = spool
        self._drops_told = 0.0
        self._drops_at_last = 0
        self._replaying = bool(len(spool))
        if self._replaying:
            logger.warning("%s: %d rows of an earlier run wait in %s", who, len(spool), spool.folder)

    @property
    def away_for_s(self) -> float:
        """How long the database has been taking nothing; 0 if it does."""
        return self.database.for_s if self.database.why else 0.0

    def lost(self, error: BaseException) -> bool:
        """Take note that the database takes nothing.

        Returns:
            Whether something is new: it took rows until now, or says something else.
        """
        why = str(error) if isinstance(error, DatabaseAway) else f"{type(error).__name__}: {error}"
        is_new, was_logged = why != self.database.why, self.database.is_logged
        self.database.begin(
            why, "%s: the database is away, rows wait in %s: %s", self.who, self._spool.folder, why,
            level=logging.WARNING, patience_s=_BUSY_LOGGED_AFTER_S if isinstance(error, DatabaseBusy) else 0.0,
        )  # fmt: skip
        if is_new and was_logged:
            unfit = isinstance(error, DatabaseUnfit)
            text = "the database is there, but takes no rows" if unfit else "the database is still away"
            logger.log(logging.WARNING if unfit else logging.INFO, "%s: %s: %s", self.who, text, why)
        return is_new

    def wrote(self, count: int) -> None:
        """Take note that rows were committed."""
        self.written += count
        waiting = len(self._spool)
        if self.database.why:
            text = "%s: the database is back after %.1f s; %d rows wait to be written"
            self.database.end(text, self.who, self.away_for_s, waiting)
        if waiting:
            self._replaying = True
            return
        if self.disk.why:
            self.disk.end()  # nothing needs it any longer; the next trouble is told anew
        if self._replaying:
            self._replaying = False
            logger.warning("%s: all rows that waited are written", self.who)
            self._tell_drops()

    def kept(self) -> None:
        """Take note that rows went to disk."""
        if self.disk.end("%s: %s takes rows again", self.who, self._spool.folder):
            self._tell_drops()

    def disk_trouble(self, why: str) -> None:
        """Take note that the disk does not take rows."""
        self.disk.begin(why, "%s: %s takes no rows: %s", self.who, self._spool.folder, why)

    def drop(self, count: int, told: bool = False) -> None:
        """Count rows that had no place left.

        Args:
            count: How many.
            told: Whether that is logged in any case.
        """
        is_first = not self.dropped
        self.dropped += count
        if told or is_first or time.monotonic() - self._drops_told > _DROPS_TOLD_EVERY_S:
            self._tell_drops()

    def ended(self) -> None:
        """Tell what there is to know next time."""
        if len(self._spool):
            logger.warning("%s: %d rows wait in %s", self.who, len(self._spool), self._spool.folder)

    def _tell_drops(self) -> None:
        if self.dropped > self._drops_at_last:
            self._drops_at_last = self.dropped
            self._drops_told = time.monotonic()
            logger.error("%s: neither database nor disk took %d rows; they are lost", self.who, self.dropped)
