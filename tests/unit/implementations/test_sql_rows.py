"""Rows on their way to disk and back, and those that are refused."""

from __future__ import annotations

import errno
import json
import math
import threading
from collections.abc import Iterator
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from support.databases import postgres_server, postgres_url
from support.waiting import eventually

from dripline.implementations.storage.columns import read_time
from dripline.implementations.storage.database import make_engine, make_table, read_url
from dripline.implementations.storage.rows import DeadLetters, Refusal, Row, from_line, to_line
from dripline.runtime import durable_files

__all__ = ["postgres_server", "postgres_url"]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.just("$python"), inner, max_size=3),
    max_leaves=8,
)


class Unspeakable:
    """A laboratory's object that has no text."""

    def __str__(self) -> str:
        raise RuntimeError("not open")


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_a_row_comes_back_from_disk_as_it_went(values):
    """Whatever a payload holds, also what looks like a mark of our own."""
    assert from_line(to_line(Row("t", values, "id"))) == Row("t", values, "id")


@pytest.mark.parametrize(
    "value",
    [
        {"$python": ["bytes", "aGk="]},
        {"$python": ["mapping", [["a", 1]]]},
        [{"$python": {"$python": ["datetime", "2026-01-31"]}, "other": 1}],
        datetime(2026, 1, 31, 12, tzinfo=timezone.utc),
        {"when": [date(2026, 1, 31)]},
        Decimal("1.10"),
        b"\0\xff",
        10**400,
        "\ud800\0",
    ],
)
def test_values_of_all_kinds_come_back(value):
    """Those of Python as well as those that only look like them."""
    assert from_line(to_line(Row("t", {"v": value}, "id"))).values == {"v": value}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_json_has_not_come_back(value):
    """A database may have them."""
    assert repr(from_line(to_line(Row("t", {"v": value}, "id"))).values["v"]) == repr(value)


def circular() -> list[Any]:
    """Holds itself."""
    found: list[Any] = []
    found.append(found)
    return found


@pytest.mark.parametrize("value", [{(1, 2): 3}, Unspeakable(), circular()])
def test_what_cannot_be_written_down_is_said_so(value, tmp_path):
    """And its row is refused with the columns that can."""
    with pytest.raises(ValueError, match=r"deeply|cannot be written"):
        to_line(Row("t", {"v": value}, "id"))
    refused = DeadLetters(tmp_path / "refused.jsonl", "logger")
    refused.add([Refusal(Row("t", {"v": value, "n": 1}, "id"), "no")])
    values = json.loads((tmp_path / "refused.jsonl").read_text())["values"]
    assert values["n"] == 1
    assert "cannot be written" in values["v"]


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_a_time_that_utc_has_not_is_none(text):
    """It could not be compared with others."""
    assert read_time(text) is None


class FullDisk:
    """A disk that takes nothing until it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.full = True
        self._write = durable_files.append_durably
        monkeypatch.setattr(durable_files, "append_durably", self.append)

    def append(self, path: Path, data: bytes, size: int) -> bool:
        """Write, or not."""
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._write(path, data, size)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> FullDisk:
    """It is full."""
    return FullDisk(monkeypatch)


def numbers(path: Path) -> list[int]:
    """The rows of a file."""
    return [json.loads(line)["values"]["n"] for line in path.read_text().splitlines()]


def refuse(refused: DeadLetters, *rows: int) -> list[int]:
    """Refuse rows; those that are on disk now."""
    filed = refused.file([Refusal(Row("t", {"n": number}, str(number)), "no") for number in rows])
    return [row.values["n"] for row in filed]


def test_a_full_disk_takes_refused_rows_later(disk, tmp_path, caplog):
    """None is lost, none counts as safe before it is on disk; the trouble is logged once, and so is its end."""
    refused = DeadLetters(tmp_path / "refused.jsonl", "logger")
    assert refuse(refused, 1, 2) == refuse(refused, 3) == []
    assert caplog.text.count("takes no refused rows, they wait") == 1
    assert (refused.count, refused.is_waiting) == (0, True)
    disk.full = False
    assert refuse(refused) == [1, 2, 3]
    assert "takes refused rows again" in caplog.text
    assert refuse(refused, 4) == [4]
    assert numbers(refused.path) == [1, 2, 3, 4]
    assert (refused.count, refused.is_waiting) == (4, False)


def test_refused_rows_on_a_full_disk_are_an_error_where_they_are_on_disk_already(disk, tmp_path):
    """They stay where they are, and nothing waits."""
    refused = DeadLetters(tmp_path / "refused.jsonl", "logger")
    with pytest.raises(OSError, match="space"):
        refused.add([Refusal(Row("t", {"n": 1}, "1"), "no")])
    assert not refused.is_waiting
    disk.full = False
    assert refuse(refused) == []


def test_a_refused_row_that_was_torn_by_a_crash_damages_no_other(tmp_path):
    """The next one begins a new line; the folder is made again when somebody deleted it."""
    path = tmp_path / "spool" / "refused.jsonl"
    refused = DeadLetters(path, "logger")
    assert refuse(refused, 1) == [1]
    with path.open("a") as file:
        file.write('{"refused": "20')
    assert refuse(DeadLetters(path, "logger"), 2) == [2]
    first, torn, second = path.read_text().splitlines()
    assert [json.loads(line)["values"]["n"] for line in (first, second)] == [1, 2]
    assert torn == '{"refused": "20'


@pytest.fixture
def engines(postgres_url: str) -> Iterator[list[sa.Engine]]:
    """Two programs' connections."""
    engines = [make_engine(read_url(postgres_url)) for _ in range(2)]
    yield engines
    for engine in engines:
        engine.dispose()


def test_two_programs_make_the_same_table_at_the_same_time(engines):
    """The one that comes second finds it, and fails in nothing."""
    table = sa.Table("shared", sa.MetaData(), sa.Column("n", sa.Integer, primary_key=True))
    failures: list[Exception] = []

    def second() -> None:
        try:
            make_table(engines[1], table)
        except Exception as error:  # noqa: BLE001  # is looked at below
            failures.append(error)

    with engines[0].connect() as connection, connection.begin():
        table.create(connection)
        thread = threading.Thread(target=second)
        thread.start()
        waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'")
        with engines[0].connect() as other:
            assert eventually(lambda: other.execute(waits).scalar() or other.rollback(), 30)
    thread.join(30)
    assert failures == []
