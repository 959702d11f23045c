"""Rows on their way into a database take a bounded amount of memory, however large they are."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.databases import database_url, postgres_server, postgres_url, sqlite_url
from support.memory import PeakMemory
from support.spools import read_first
from support.waiting import eventually

from dripline.implementations.storage.batch_writer import BatchWriter, Pace
from dripline.implementations.storage.columns import now
from dripline.implementations.storage.database import make_engine, read_url
from dripline.implementations.storage.database_sink import DatabaseSink
from dripline.implementations.storage.rows import DeadLetters, Row, size_of, to_line
from dripline.implementations.storage.tables import SensorTable
from dripline.runtime.spool import Spool

__all__ = ["database_url", "postgres_server", "postgres_url", "sqlite_url"]

COUNT = 60
TEXT = json.dumps({"data": "y" * 2_000_000})


def large(number: int) -> Row:
    """A row of 2 MB, with a text of its own."""
    return Row(
        "sensor_values",
        {
            "timestamp": now(), "sensor_name": "s", "value_raw": number, "value_cal": None, "memo": None,
            "payload": json.loads(TEXT), "routing_key": "k", "sender": "x",
        },
        f"id-{number}",
        number,
    )  # fmt: skip


class Storage:
    """A writer to a database."""

    def __init__(self, url: str, folder: Path) -> None:
        self.engine = make_engine(read_url(url))
        table = SensorTable("sensor_values", None, lambda: self.engine)
        self.sink = DatabaseSink(lambda: self.engine, table, "logger")
        self.given_back: list[int] = []
        self.spool = Spool(folder / "spool")
        letters = DeadLetters(folder / "spool" / "refused.jsonl", "logger")
        self.writer = BatchWriter(self.sink, self.spool, letters, self.given_back.extend, "logger", Pace())
        self.sink.look()
        self.writer.start()

    def close(self) -> None:
        """End."""
        self.writer.close(5)
        self.sink.close()
        self.engine.dispose()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[str], Storage]]:
    """Make a storage; closed at the end."""
    made: list[Storage] = []

    def make(url: str) -> Storage:
        made.append(Storage(url, tmp_path))
        return made[-1]

    yield make
    for storage in made:
        storage.close()


def test_large_rows_take_no_more_memory_than_a_few_of_them(make, database_url):
    """300 rows of 2 MB took 1585 MB; now the bytes that wait are bounded, and those of a transaction."""
    storage = make(database_url)
    with PeakMemory() as memory:
        for number in range(COUNT):
            storage.writer.put(large(number))
        assert eventually(lambda: len(storage.given_back) == COUNT, 60)
    assert storage.writer.report()["refused"] == 0
    assert memory.growth < 150


def test_large_rows_that_waited_on_disk_take_no_more_either(make, sqlite_url):
    """They are put there, and read from there, in parts."""
    storage = make(sqlite_url)
    other = sqlite3.connect(read_url(sqlite_url).database or "", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with PeakMemory() as memory:
        for number in range(COUNT):
            storage.writer.put(large(number))
        assert eventually(lambda: len(storage.given_back) == COUNT, 60)
        other.execute("ROLLBACK")
        assert eventually(lambda: storage.writer.report()["written"] == COUNT, 60)
    other.close()
    assert memory.growth < 150
    assert len(storage.spool) == 0


def test_a_row_larger_than_all_memory_that_rows_may_take_passes_alone(make, sqlite_url):
    """And the others after it."""
    storage = make(sqlite_url)
    storage.writer._pace = Pace(memory_bytes=100_000, batch_bytes=25_000)
    for number in range(5):
        storage.writer.put(large(number))
    assert eventually(lambda: storage.given_back == list(range(5)), 30)


values = st.recursive(
    st.none() | st.integers() | st.floats() | st.text(max_size=100),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=30,
)


@given(values)
def test_the_estimate_of_a_size_is_no_less_than_its_text(value: Any) -> None:
    """Whatever is in a payload; one that contains itself is counted once."""
    assert size_of(value) >= len(json.dumps(value, ensure_ascii=False)) / 2
    circular = [value]
    circular.append(circular)
    assert size_of(circular) >= size_of(value)


def test_the_spool_reads_by_bytes_as_well(tmp_path):
    """At least one line, however long."""
    spool = Spool(tmp_path / "spool")
    spool.append([to_line(Row("t", {"x": "y" * 1000}, str(number))) for number in range(10)])
    lines, position = read_first(spool, 10, max_bytes=2500)
    assert len(lines) == 3
    spool.advance(position, 3)
    assert len(read_first(spool, 10, max_bytes=1)[0]) == 1
    assert len(read_first(spool, 10)[0]) == 7
    spool.close()
