"""Numbers of devices in the form that every database stores alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING, Any

from dripline.formula.readings import float_of, number_of
from dripline.implementations.storage.database import sqlalchemy

if TYPE_CHECKING:
    from sqlalchemy import Table

_Conversion = Callable[[Any], Any]


def number_columns(table: Table) -> Mapping[str, _Conversion]:
    """The columns that can hold values of devices, and how to convert a value for each of them."""
    found = {column.name: _conversion(column.type) for column in table.columns}
    return {name: convert for name, convert in found.items() if convert is not None}


def as_numbers(values: Mapping[str, Any], columns: Mapping[str, _Conversion]) -> Mapping[str, Any]:
    """Read the values for some columns as numbers, as it is done everywhere else; NaN and infinity become NULL.

    SQLite stores NaN as NULL anyway, and PostgreSQL's NaN is larger than any number and spoils every average. What
    is not a number is left to the database, which refuses it. In columns of text NaN and infinity are words.
    """
    found = {}
    for name, convert in columns.items():
        value = values.get(name)
        converted = None if value is None else convert(value)
        if converted is not value:
            found[name] = converted
    return {**values, **found} if found else values


def _conversion(kind: Any) -> _Conversion | None:
    library = sqlalchemy()
    if isinstance(kind, library.ARRAY):
        return partial(_array, _conversion(kind.item_type) or _unchanged)
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


def _array(convert: _Conversion, value: Any) -> Any:
    """Convert a list; SQLAlchemy would take a text as the list of its characters."""
    if isinstance(value, str):
        parts = value.strip().removesuffix(",").split(",")
        value = parts if all(number_of(part) is not None for part in parts) and convert is not _text else [value]
    elif isinstance(value, (bool, int, float, Decimal)):
        value = [value]
    return _each(convert, value) if isinstance(value, (list, tuple)) else value


def _each(convert: _Conversion, value: Any) -> Any:
    return [_each(convert, item) for item in value] if isinstance(value, (list, tuple)) else convert(value)


def _number(convert: _Conversion, value: Any) -> Any:
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
    number = float_of(value)
    return value if number is None else number


def _decimal(value: Any) -> Any:
    try:
        return Decimal(value.strip()) if isinstance(value, str) else Decimal(value)  # with all its digits
    except InvalidOperation:
        return Decimal(number_of(value) or 0)  # a hexadecimal number or a word


def _integer(value: Any) -> Any:
    number = number_of(value)
    return int(number) if number is not None and number == int(number) else value
