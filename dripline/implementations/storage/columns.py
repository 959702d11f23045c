"""Conversion of column values (times, numbers, text), and rows as reply payloads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timezone
from decimal import Decimal, InvalidOperation
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any

from dripline.formula.readings import float_of, number_of
from dripline.implementations.storage.database import sqlalchemy
from dripline.wire.body import MAX_BYTES, MAX_VALUES, values_in

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement, Connection, CursorResult, Table


_FRACTION = re.compile(r"\.(\d+)")
_OFFSET = re.compile(r"(:\d\d(?:\.\d+)?) ?([+-]\d\d):?(\d\d)?")
_WITH_TIME = re.compile(r"\d{4}-?\d\d-?\d\d[Tt ]\d\d")
_SQL_FUNCTION = "dripline_comparable_time"

_REST_BYTES, _REST_VALUES = 1 << 20, 10_000  # for everything else in the reply
_PART_BYTES = 1 << 20
_PART_ROWS = 500

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


def conversions(table: Table) -> Mapping[str, tuple[_Convert | None, _Convert | None]]:
    """For each column of a table, how times and how numbers are converted for it."""
    return {column.name: (_of_times(column.type), _of_numbers(column.type)) for column in table.columns}


def converted(
    values: Mapping[str, Any], columns: Mapping[str, tuple[_Convert | None, _Convert | None]]
) -> dict[str, Any]:
    """Convert the values for some columns; what is neither a time nor a number is left to the database.

    NaN and infinity become NULL: SQLite stores NaN as NULL anyway, and PostgreSQL's NaN is larger than any number
    and spoils every average. In columns of text NaN and infinity are words.
    """
    result = dict(values)
    for name, (as_time, as_number) in columns.items():
        value = values.get(name)
        if value is not None and as_time is not None:
            value = _time_or_same(as_time, value)
        if value is not None:
            result[name] = value if as_number is None else as_number(value)
    return result


def _time_or_same(convert: _Convert, value: Any) -> Any:
    try:
        return convert(value)
    except (ValueError, OverflowError):
        return value


def _of_times(kind: Any) -> _Convert | None:
    sa = sqlalchemy()
    if isinstance(kind, sa.ARRAY):
        of_item = _of_times(kind.item_type)
        return None if of_item is None else partial(_each, of_item)
    if isinstance(kind, sa.DateTime):
        return _zoned if kind.timezone else _zoneless
    for of, convert in ((sa.Date, _day), (sa.Time, _clock), (sa.String, _time_text)):
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


def _time_text(value: Any) -> Any:
    return as_text(value) if isinstance(value, datetime) else value


def _of_numbers(kind: Any) -> _Convert | None:
    library = sqlalchemy()
    if isinstance(kind, library.ARRAY):
        return partial(_array, _of_numbers(kind.item_type) or _unchanged)
    kinds = (
        (library.Float, partial(_number, _float)),
        (library.Numeric, partial(_number, _decimal)),
        (library.Integer, partial(_number, _integer)),
        (library.Boolean, _boolean),
        (library.String, _text),
    )
    return next((convert for of, convert in kinds if isinstance(kind, of)), None)


def _unchanged(value: Any) -> Any:
    return value


def _array(convert: _Convert, value: Any) -> Any:
    """Convert a list; SQLAlchemy would take a text as the list of its characters."""
    if isinstance(value, str):
        parts = value.strip().removesuffix(",").split(",")
        value = parts if all(number_of(part) is not None for part in parts) and convert is not _text else [value]
    elif isinstance(value, (bool, int, float, Decimal)):
        value = [value]
    return _each(convert, value) if isinstance(value, (list, tuple)) else value


def _number(convert: _Convert, value: Any) -> Any:
    if type(value) is float:
        return convert(value) if isfinite(value) else None
    number = number_of(value) if isinstance(value, (str, bool, float, Decimal)) else None
    if number is None:
        return value
    return convert(value) if isinstance(number, int) or isfinite(number) else None


def _boolean(value: Any) -> Any:
    number = number_of(value) if isinstance(value, str) else None
    return value if number not in (0, 1) else bool(number)


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def _float(value: Any) -> Any:
    number = value if type(value) is float else float_of(value)
    return value if number is None else number


def _decimal(value: Any) -> Any:
    try:
        return Decimal(value.strip()) if isinstance(value, str) else Decimal(value)  # with all its digits
    except InvalidOperation:
        return Decimal(number_of(value) or 0)  # a hexadecimal number or a word


def _integer(value: Any) -> Any:
    number = number_of(value)
    return int(number) if number is not None and number == int(number) else value


# -- SQLite, which keeps times as texts of any form ----------------------------------------------------------


def compared(column: Column[Any], value: Any, connection: Connection) -> tuple[ColumnElement[Any], Any]:
    """A column and a value to compare it with; if the value is a time, by time even where times are texts."""
    sa = sqlalchemy()
    convert = _of_times(column.type)
    value = value if convert is None or value is None else _time_or_same(convert, value)
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


# -- replies -----------------------------------------------------------------------------------------------


class TooLarge(Exception):
    """The rows do not fit into a reply."""

    def __init__(self) -> None:
        Exception.__init__(
            self,
            f"the rows do not fit into a reply, which has at most {MAX_BYTES >> 20} MB and {MAX_VALUES} values; "
            "select them in parts with limit= and offset=, or fewer columns with return_cols=",
        )


def fetch(result: CursorResult[Any]) -> list[list[Any]]:
    """Fetch all rows of a result that the server has not sent yet.

    Raises:
        TooLarge: They do not fit into a reply.
    """
    rows: list[list[Any]] = []
    size = values = 0
    count = 1
    while part := result.fetchmany(count):
        plain = [[plain_value(value) for value in row] for row in part]
        text = json.dumps(plain, default=str, ensure_ascii=False, separators=(",", ":"))
        size += len(text.encode("utf-8", "replace"))
        values += values_in(text)
        if size > MAX_BYTES - _REST_BYTES or values > MAX_VALUES - _REST_VALUES:
            raise TooLarge
        rows += plain
        count = min(max(1, _PART_BYTES * len(rows) // size), _PART_ROWS, 2 * count)
    return rows


def plain_value(value: Any) -> Any:
    """A value of the database as JSON can hold it; times are in UTC."""
    if isinstance(value, datetime):
        return in_utc(value).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (bool, int, float, str, list, dict)) or value is None:
        return value
    return str(value)
