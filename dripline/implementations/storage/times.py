"""Times as messages carry them, and as databases keep them: in UTC, whatever zone a machine or a session has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date, datetime, time, timezone
from functools import partial
from typing import TYPE_CHECKING, Any

from dripline.implementations.storage.database import sqlalchemy

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Connection, Table

_FRACTION = re.compile(r"\.(\d+)")
_OFFSET = re.compile(r"(:\d\d(?:\.\d+)?) ?([+-]\d\d):?(\d\d)?")
_WITH_TIME = re.compile(r"\d{4}-?\d\d-?\d\d[Tt ]\d\d")
_SQL_FUNCTION = "dripline_comparable_time"

_Convert = Callable[[Any], Any]


def read_time(text: str) -> datetime | None:
    """Read a time as RFC 3339 has it, such as ``2026-01-31T12:00:00.000001Z``; one without a zone is UTC.

    Returns:
        The time in UTC; None if the text is not a time, or one outside the range of dates in UTC.
    """
    if text[-1:] in ("Z", "z"):
        text = f"{text[:-1].rstrip()}+00:00"
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        try:  # Python 3.10 requires three or six digits after the second, and minutes in the offset
            text = _FRACTION.sub(lambda found: f".{found[1][:6]:0<6}", text, count=1)
            if offset := _OFFSET.search(text):
                text = f"{text[: offset.end(1)]}{offset[2]}:{offset[3] or '00'}{text[offset.end() :]}"
            found = datetime.fromisoformat(text)
        except ValueError:
            return None
    try:
        return in_utc(found)
    except OverflowError:  # in the first or last hours that there are
        return None


def in_utc(value: datetime) -> datetime:
    """Convert a time to UTC; one without a zone is UTC."""
    return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(timezone.utc)


def as_text(value: datetime) -> str:
    """Write a time in UTC; the order of such texts is that of the times."""
    return in_utc(value).isoformat(" ", "microseconds")


# -- columns -------------------------------------------------------------------------------------------------


def time_columns(table: Table) -> dict[str, _Convert]:
    """For each column that can hold times, how to convert a value for it."""
    found = {column.name: _conversion(column.type) for column in table.columns}
    return {name: convert for name, convert in found.items() if convert is not None}


def as_times(values: Mapping[str, Any], columns: Mapping[str, _Convert]) -> Mapping[str, Any]:
    """Convert the times among the values of some columns; others are left to the database."""
    found: dict[str, Any] = {}
    for name, convert in columns.items():
        value = values.get(name)
        if value is not None:
            with suppress(ValueError, OverflowError):
                found[name] = convert(value)
    return {**values, **found} if found else values


def _conversion(kind: Any) -> _Convert | None:
    sa = sqlalchemy()
    if isinstance(kind, sa.ARRAY):
        of_item = _conversion(kind.item_type)
        return None if of_item is None else partial(_each, of_item)
    if isinstance(kind, sa.DateTime):
        return _zoned if kind.timezone else _zoneless
    for of, convert in ((sa.Date, _day), (sa.Time, _clock), (sa.String, _text)):
        if isinstance(kind, of):
            return convert
    return None


def _each(convert: _Convert, value: Any) -> Any:
    return [_each(convert, item) for item in value] if isinstance(value, (list, tuple)) else convert(value)


def _zoned(value: Any) -> Any:
    if isinstance(value, str):
        return read_time(value) or value
    return in_utc(value) if isinstance(value, datetime) else value


def _zoneless(value: Any) -> Any:
    value = _zoned(value)
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def _day(value: Any) -> Any:
    if isinstance(value, str):
        value = (read_time(value) if _WITH_TIME.match(value) else date.fromisoformat(value)) or value
    return in_utc(value).date() if isinstance(value, datetime) else value


def _clock(value: Any) -> Any:
    return time.fromisoformat(value) if isinstance(value, str) else value


def _text(value: Any) -> Any:
    return as_text(value) if isinstance(value, datetime) else value


# -- SQLite, which keeps times as texts of any form ----------------------------------------------------------


def compared(column: Column[Any], value: Any, connection: Connection) -> tuple[ColumnElement[Any], Any]:
    """A column and a value to compare it with; if the value is a time, by time even where times are texts."""
    sa = sqlalchemy()
    convert = _conversion(column.type)
    (value,) = as_times({"": value}, {"": convert} if convert is not None else {}).values()
    if connection.dialect.name != "sqlite" or not isinstance(column.type, (sa.DateTime, sa.String)):
        return column, value
    if isinstance(value, str):
        value = (read_time(value) if _WITH_TIME.match(value) else None) or value
    if not isinstance(value, datetime):
        return column, value
    driver: Any = connection.connection.driver_connection
    driver.create_function(_SQL_FUNCTION, 1, _comparable, deterministic=True)
    return getattr(sa.func, _SQL_FUNCTION)(sa.type_coerce(column, sa.String)), as_text(value)


def _comparable(value: Any) -> Any:
    found = read_time(value) if isinstance(value, str) else None
    return as_text(found) if found is not None else value


def selected(column: Column[Any], connection: Connection) -> ColumnElement[Any]:
    """A column to select; texts that are not times do not fail where times are texts."""
    sa = sqlalchemy()
    if connection.dialect.name != "sqlite" or not isinstance(column.type, sa.DateTime):
        return column

    coerced: ColumnElement[Any] = sa.type_coerce(column, _time_or_text(sa)).label(column.name)
    return coerced


def _time_or_text(sa: Any) -> Any:
    class TimeOrText(sa.TypeDecorator):  # type: ignore[misc]  # its base is only known at run time
        impl = sa.String
        cache_ok = True

        def process_result_value(self, value: Any, _dialect: Any) -> Any:
            return (read_time(value) or value) if isinstance(value, str) else value

    return TimeOrText()
