"""What there is to tell about the way into a database: once when something is lost, once when it is back."""

from __future__ import annotations

import logging
import time

from dripline.implementations.storage.database import DatabaseAway, DatabaseBusy, DatabaseUnfit
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
        away_because: Why the database takes nothing; empty when it does.
        disk_is_refusing: Whether the disk did not take rows when it was last tried.
    """

    def __init__(self, who: str, spool: Spool) -> None:
        self.who = who
        self.written = self.dropped = 0
        self.away_because = ""
        self.disk_is_refusing = False
        self._spool = spool
        self._logged = False  # that it is away
        self._since = self._drops_told = 0.0
        self._drops_at_last = 0
        self._replaying = bool(len(spool))
        if self._replaying:
            logger.warning("%s: %d rows of an earlier run wait in %s", who, len(spool), spool.folder)

    @property
    def away_for_s(self) -> float:
        """How long the database has been taking nothing; 0 when it does."""
        return time.monotonic() - self._since if self.away_because else 0.0

    def lost(self, error: BaseException) -> bool:
        """The database takes nothing.

        Returns:
            Whether something is new: it took rows until now, or says something else.
        """
        why = str(error) if isinstance(error, DatabaseAway) else f"{type(error).__name__}: {error}"
        is_new = why != self.away_because
        if not self.away_because:
            self._since = time.monotonic()
        if not self._logged:
            patience_s = _BUSY_LOGGED_AFTER_S if isinstance(error, DatabaseBusy) else 0.0
            self._logged = time.monotonic() - self._since >= patience_s
            if self._logged:
                logger.warning("%s: the database is away, rows wait in %s: %s", self.who, self._spool.folder, why)
        elif is_new:
            unfit = isinstance(error, DatabaseUnfit)
            text = "the database is there, but takes no rows" if unfit else "the database is still away"
            logger.log(logging.WARNING if unfit else logging.INFO, "%s: %s: %s", self.who, text, why)
        self.away_because = why
        return is_new

    def wrote(self, count: int) -> None:
        """Rows were committed."""
        self.written += count
        waiting = len(self._spool)
        if self._logged:
            away_s = time.monotonic() - self._since
            logger.warning(
                "%s: the database is back after %.1f s; %d rows wait to be written", self.who, away_s, waiting
            )
        self.away_because, self._logged = "", False
        if waiting:
            self._replaying = True
            return
        self.disk_is_refusing = False  # nothing needs it any longer; the next trouble is told anew
        if self._replaying:
            self._replaying = False
            logger.warning("%s: all rows that waited are written", self.who)
            self._tell_drops()

    def kept(self) -> None:
        """Rows went to disk."""
        if self.disk_is_refusing:
            self.disk_is_refusing = False
            logger.warning("%s: %s takes rows again", self.who, self._spool.folder)
            self._tell_drops()

    def disk_trouble(self, why: str) -> None:
        """The disk does not take rows."""
        if not self.disk_is_refusing:
            logger.error("%s: %s takes no rows: %s", self.who, self._spool.folder, why)
        self.disk_is_refusing = True

    def dropped_one(self) -> None:
        """A row had no place left."""
        self.dropped += 1
        if time.monotonic() - self._drops_told > _DROPS_TOLD_EVERY_S or self.dropped == 1:
            self._tell_drops()

    def left_behind(self, count: int) -> None:
        """The end came, and neither database nor disk took these."""
        self.dropped += count
        self._tell_drops()

    def ended(self) -> None:
        """The end: tell what there is to know next time."""
        if len(self._spool):
            logger.warning("%s: %d rows wait in %s", self.who, len(self._spool), self._spool.folder)

    def _tell_drops(self) -> None:
        if self.dropped > self._drops_at_last:
            self._drops_at_last = self.dropped
            self._drops_told = time.monotonic()
            logger.error("%s: neither database nor disk took %d rows; they are lost", self.who, self.dropped)
