"""Numbers of devices in the form that every database stores alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import TYPE_CHECKING, Any

from dripline.core.readings import float_of, number_of
from dripline.implementations.storage.database import sqlalchemy

if TYPE_CHECKING:
    from sqlalchemy import Table

_Conversion = Callable[[Any], Any]


def number_columns(table: Table) -> Mapping[str, _Conversion]:
    """The columns that hold numbers, and what makes a number of theirs of a value."""
    library = sqlalchemy()
    kinds = ((library.Float, _float), (library.Numeric, _decimal), (library.Integer, _integer))
    found: dict[str, _Conversion] = {}
    for column in table.columns:
        conversion = next((convert for kind, convert in kinds if isinstance(column.type, kind)), None)
        if conversion is not None:
            found[column.name] = conversion
    return found


def as_numbers(values: Mapping[str, Any], columns: Mapping[str, _Conversion]) -> Mapping[str, Any]:
    """Read the values for some columns as numbers, as it is done everywhere else; NaN and infinity become NULL.

    SQLite stores NaN as NULL anyway, and PostgreSQL's NaN is larger than any number and spoils every average. What
    is not a number is left to the database, which refuses it.
    """
    found = {}
    for name, convert in columns.items():
        value = values.get(name)
        number = number_of(value) if isinstance(value, (str, bool, float, Decimal)) else None
        if number is not None:
            found[name] = convert(value) if isinstance(number, int) or isfinite(number) else None
    return {**values, **found} if found else values


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
