"""`SensorLogger`: writes alerts to a table, by default in an SQLite file."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar

import scarab
from dripline.core._access import Reach
from dripline.core.alert_consumer import AlertConsumer
from dripline.core.argument_checks import Checks, Doubtful
from dripline.errors import ConfigurationError
from dripline.formula.readings import float_of
from dripline.implementations.postgres_interface import login_of
from dripline.implementations.storage.columns import now, read_time
from dripline.implementations.storage.database import make_engine, read_url, sqlalchemy, sqlite_path
from dripline.implementations.storage.row_logger import RowLogger
from dripline.implementations.storage.tables import Destinations, SensorTable
from dripline.wire.body import to_jsonable
from dripline.wire.message import RAW_FIELDS, MsgAlert, value_of

if TYPE_CHECKING:
    from sqlalchemy import Engine


def _database_url(text: Any) -> None:
    if not isinstance(text, str):
        raise ValueError(f"is the address of a database, not {text!r}")
    try:
        sqlalchemy()
    except ConfigurationError as error:  # the service may run on another machine
        raise Doubtful(f"cannot be checked: {error}") from None
    read_url(text)


class SensorLogger(RowLogger, AlertConsumer):
    """Writes a row for each alert into a table of any database that SQLAlchemy knows.

    The table has the columns ``timestamp``, ``sensor_name``, ``value_raw``, ``value_cal`` (numbers), ``memo`` (a
    value that is no number), ``payload`` (all of it, as JSON), ``routing_key``, ``sender`` and ``message_id``.

    Args:
        database_url: The database, as SQLAlchemy writes it. Without a user in it, name and password for PostgreSQL
            are those of the group ``postgres``, or ``POSTGRES_USER`` and ``POSTGRES_PASSWORD`` in the environment.
        table_name: Name of the table.
        schema: Its schema.
        alert_keys: Binding keys on the alerts exchange.
        alert_key_parser_re: Regular expression for routing keys, with a group ``sensor_name``.
        **kwargs: For `RowLogger` and `AlertConsumer`.
    """

    _dripline_reach: ClassVar[Reach] = {}

    _dripline_checks: ClassVar[Checks] = {"database_url": _database_url}

    def __init__(
        self,
        database_url: str = "sqlite:///slow_controls.sqlite",
        table_name: str = "sensor_values",
        schema: str | None = None,
        alert_keys: Sequence[str] = ("sensor_value.#",),
        alert_key_parser_re: str = r"[^.]*\.(?P<sensor_name>.+)",
        **kwargs: Any,
    ) -> None:
        self.__url = read_url(database_url)
        AlertConsumer.__init__(self, alert_keys=alert_keys, alert_key_parser_re=alert_key_parser_re, **kwargs)
        RowLogger.__init__(self, **kwargs)
        self.__engine: Engine | None = None
        self.__alert: MsgAlert | None = None
        self.__sensor_table = SensorTable(table_name, schema, lambda: self.engine)

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine."""
        if self.__engine is None:
            url = self.__url
            if url.get_backend_name() == "postgresql" and not url.username:
                username, password = login_of(self.auth)
                url = url.set(username=username, password=password)
            self.__engine = make_engine(url)
        return self.__engine

    @engine.setter
    def engine(self, engine: Engine) -> None:
        self.__engine = engine

    def on_alert_message(self, an_alert: MsgAlert) -> None:
        """Take an alert: parse its routing key, and process its payload."""
        self.__alert = an_alert
        try:
            AlertConsumer.on_alert_message(self, an_alert)
        finally:
            self.__alert = None

    def process_payload(
        self, a_payload: scarab.Param, a_routing_key_data: dict[str, str | None], a_message_timestamp: str
    ) -> None:
        """Write a row.

        Args:
            a_payload: The alert's payload.
            a_routing_key_data: What `parse_routing_key` found.
            a_message_timestamp: When the alert was sent.
        """
        alert, (payload, _) = self.__alert, to_jsonable(a_payload.to_python())  # a laboratory's may hold NaN
        routing_key = alert.routing_key if alert is not None else ""
        raw, cal, memo = columns_of(payload)
        row = {
            "timestamp": read_time(a_message_timestamp) or now(),
            "sensor_name": a_routing_key_data.get("sensor_name") or routing_key,
            "value_raw": raw,
            "value_cal": cal,
            "memo": memo,
            "payload": payload,
            "routing_key": routing_key,
            "sender": str(alert.sender_info.get("service_name", "")) if alert is not None else self.name,
        }
        self._dripline_put_row(self.__sensor_table.name, row)

    def _dripline_destinations(self) -> Destinations:
        return self.__sensor_table

    def _dripline_look(self) -> None:
        path = sqlite_path(self.__url)
        if path is not None and not path.parent.is_dir():
            raise ConfigurationError(
                f"{self.name}: database_url: there is no folder {path.parent.resolve()}; make it, or name another"
            )
        RowLogger._dripline_look(self)


def columns_of(payload: Any) -> tuple[float | None, float | None, str | None]:
    """What a payload gives for the columns ``value_raw``, ``value_cal`` and ``memo``.

    Texts that are numbers count as such, as instruments answer in texts; a value that is none is the memo. So are
    NaN and infinity, which not every database can store as numbers.
    """
    values = payload if isinstance(payload, dict) else {}
    raw, cal, memo = value_of(payload, RAW_FIELDS), values.get("value_cal"), values.get("memo")
    texts = [value for value in (memo, cal, raw) if isinstance(value, str) and _number(value) is None]
    return _number(raw), _number(cal), texts[0] if texts else None


def _number(value: Any) -> float | None:
    number = value if type(value) is float else float_of(value)
    return number if number is not None and isfinite(number) else None
