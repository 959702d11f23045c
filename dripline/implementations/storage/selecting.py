"""Rows of a database as a reply can hold them: fetched in parts, and never more than that."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dripline.implementations.storage.times import in_utc
from dripline.wire.body import MAX_BYTES, MAX_VALUES, values_in

if TYPE_CHECKING:
    from sqlalchemy import CursorResult

_REST_BYTES, _REST_VALUES = 1 << 20, 10_000  # for everything else in the reply
_PART_BYTES = 1 << 20
_PART_ROWS = 500


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
