"""`RowLogger`: base of the services that log alerts to a database."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dripline.core._access import Reach
from dripline.core.argument_checks import Checks
from dripline.core.service import Service
from dripline.errors import ConfigurationError
from dripline.implementations.storage.batch_writer import BatchWriter, Pace
from dripline.implementations.storage.database import is_away, reason, remedy
from dripline.implementations.storage.database_sink import DatabaseSink
from dripline.implementations.storage.rows import DeadLetters, Row
from dripline.implementations.storage.tables import Destinations
from dripline.runtime.spool import Spool
from dripline.runtime.state_folder import user_path
from dripline.runtime.worker import InFlight, in_flight, release
from dripline.wire.body import read_part
from dripline.wire.message import new_uuid

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from dripline.config.mesh import MeshSettings

logger = logging.getLogger("dripline.database")

_GRACE_S = 1.0
_NUMBERS = ("spool_limit_mb", "batch_rows", "batch_age_s", "memory_rows", "memory_mb")
_REQUESTS_AHEAD = 100  # beside the alerts that wait for their rows, so that the service can still be asked


def _positive(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0.0
    if not 0 < number < math.inf:
        raise ConfigurationError(f"{name}: must be a number above 0, not {value!r}")
    return number


class RowLogger:
    """Writes rows for alerts, which are acknowledged when their rows are safe. A base beside `AlertConsumer`.

    A get of the service tells how it stands: whether the database is there, and how many rows are written, wait,
    were refused or dropped.

    Args:
        spool_directory: Folder for rows that wait while the database is away, and for those it refuses;
            ``<name>.spool`` when not given. Each service has its own.
        spool_limit_mb: How much may wait there. When it is full, the newest rows are dropped, counted and told.
        batch_rows: Most rows in one transaction.
        batch_age_s: How long a row waits for others to share its transaction.
        memory_rows: How many rows wait in memory at most.
        memory_mb: How many MB the rows in memory take at most. A transaction has at most a quarter of that. A row
            that is larger passes alone.
        **kwargs: Ignored: what is for other bases.
    """

    _dripline_reach: ClassVar[Reach] = {}

    if TYPE_CHECKING:  # what the service that this is a base of has
        name: str
        _dripline_mesh: MeshSettings

        @property
        def engine(self) -> Engine:
            """The SQLAlchemy engine."""

        @engine.setter
        def engine(self, engine: Engine) -> None: ...

    _dripline_checks: ClassVar[Checks] = {name: partial(_positive, name) for name in _NUMBERS}

    def __init__(
        self,
        spool_directory: str | None = None,
        spool_limit_mb: float = 1000,
        batch_rows: int = 500,
        batch_age_s: float = 0.2,
        memory_rows: int = 2000,
        memory_mb: float = 32,
        **kwargs: Any,
    ) -> None:
        self.__spool_folder = user_path(spool_directory or f"{self.name}.spool", "spool_directory")
        self.__spool_limit = int(_positive("spool_limit_mb", spool_limit_mb) * 1e6)
        self.__pace = Pace(
            batch_rows=int(_positive("batch_rows", batch_rows)),
            batch_age_s=float(_positive("batch_age_s", batch_age_s)),
            memory_rows=max(int(_positive("memory_rows", memory_rows)), int(batch_rows)),
            memory_bytes=int(_positive("memory_mb", memory_mb) * 1e6),
            batch_bytes=int(memory_mb * 1e6 / 4),
        )
        self._dripline_prefetch = min(self.__pace.memory_rows + _REQUESTS_AHEAD, 65535)
        self.__writer: BatchWriter | None = None
        self.__sink: DatabaseSink | None = None
        self.__last: tuple[InFlight | None, int] = (None, 0)

    def _dripline_dead_letter_folder(self) -> Path:
        """Where alerts that can never be handled are written: beside the rows that the database refuses."""
        return self.__spool_folder

    def _dripline_destinations(self) -> Destinations:
        """The tables that rows can go to; a logger says which."""
        raise NotImplementedError("loggers know their tables")

    def _dripline_look(self) -> None:
        """Find out at the start whether rows can be written; raises errors of the database as they come."""
        self._dripline_destinations().look()

    # -- life ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Write what waits from an earlier run, connect, and begin to consume. Errors as for `Service.run`."""
        try:
            self.engine  # noqa: B018  # a driver that is missing is told before rows of an earlier run are tried
            writer = self.__opened_writer()
            try:
                self._dripline_look()
            except Exception as error:
                if not is_away(error):
                    raise
                if remedy(error):  # it is there, and waiting does not help
                    raise ConfigurationError(
                        f"{self.name}: the database {self.engine.url!r}: {reason(error)}; {remedy(error)}"
                    ) from None
                writer.found_away(reason(error))
            Service.start(self)  # type: ignore[arg-type]  # this is a base of a service
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End: what is in hand is written, or kept on disk while the database is away."""
        if self._dripline_is_left_behind():  # type: ignore[attr-defined]  # this is a base of a service
            return
        if self.__writer is not None:
            self.__writer.flush(_GRACE_S)  # while the alerts can still be acknowledged
        Service.stop(self)  # type: ignore[arg-type]  # this is a base of a service
        if self.__writer is not None:
            self.__writer.close(_GRACE_S)
            self.__writer = None
            self.__close_engine()

    def __close_engine(self) -> None:
        try:
            if self.__sink is not None:
                self.__sink.close()
            self.engine.dispose()
        except Exception as error:  # noqa: BLE001  # a laboratory's own engine may be anything
            logger.warning("%s: its database could not be closed: %s: %s", self.name, type(error).__name__, error)

    def on_get(self) -> Any:
        """Tell how it stands."""
        return self.__opened_writer().report()

    # -- rows ------------------------------------------------------------------------------------------------

    def _dripline_put_row(self, table: str, values: Mapping[str, Any]) -> None:
        """Have a row written; the alert in hand is acknowledged when that is done."""
        self.__opened_writer().put(self.__row(table, values))

    def _dripline_refuse_row(self, table: str, values: Mapping[str, Any], why: str) -> None:
        """Write a row to the file of refused ones."""
        self.__opened_writer().refuse(self.__row(table, values), why)

    def _dripline_alert_in_flight(self) -> InFlight | None:
        held = in_flight()
        return held if held is not None and held.delivery.exchange == self._dripline_mesh.alerts_exchange else None

    def __row(self, table: str, values: Mapping[str, Any]) -> Row:
        """The id of a row is that of its alert; further rows of the same alert have a number as well."""
        held = self._dripline_alert_in_flight()
        if held is None:
            return Row(table, values, new_uuid())
        last, count = self.__last
        count = count + 1 if last is held else 0
        self.__last = held, count
        delivery = held.delivery
        uuid = read_part(delivery.properties, delivery.body, delivery.routing_key).uuid or new_uuid()
        return Row(table, values, f"{uuid}#{count}" if count else uuid, held.hold())

    def __opened_writer(self) -> BatchWriter:
        if self.__writer is None:
            try:
                spool = Spool(self.__spool_folder, self.__spool_limit)
            except OSError as error:
                raise ConfigurationError(
                    f"{self.name}: spool_directory: {self.__spool_folder} cannot be used: {error}; "
                    "give the service a folder of its own that it may write to"
                ) from None
            dead_letters = DeadLetters(self.__spool_folder / "refused.jsonl", self.name)
            self.__sink = DatabaseSink(lambda: self.engine, self._dripline_destinations(), self.name)
            self.__writer = BatchWriter(
                self.__sink, spool, dead_letters, release, self.name, self.__pace,
                drops=not getattr(self, "_dripline_durable", False),  # else alerts wait at the broker
            )  # fmt: skip
            self.__writer.start()
        return self.__writer
