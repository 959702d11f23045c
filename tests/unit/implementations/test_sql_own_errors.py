"""Errors of our own code are never the row's fault: rows wait; only one that always fails alone is put aside."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from support.databases import database_url, postgres_server, postgres_url, sqlite_url
from support.waiting import eventually

from dripline.implementations.storage import database_sink as sink_module
from dripline.implementations.storage.batch_writer import BatchWriter, Pace
from dripline.implementations.storage.database import make_engine, read_url
from dripline.implementations.storage.database_sink import DatabaseSink
from dripline.implementations.storage.rows import DeadLetters, Row
from dripline.implementations.storage.tables import Destination
from dripline.runtime.spool import Spool

from .one_table import OneTable

__all__ = ["database_url", "postgres_server", "postgres_url", "sqlite_url"]


class Storage:
    """A table, and a writer whose engine can be exchanged."""

    def __init__(self, url: str, folder: Path) -> None:
        self.good = self.engine = make_engine(read_url(url))
        self.table = sa.Table(
            "plain", sa.MetaData(), sa.Column("n", sa.Integer), sa.Column("message_id", sa.String, unique=True)
        )
        self.table.create(self.good)
        self.sink = DatabaseSink(lambda: self.engine, OneTable(Destination(self.table, "message_id")), "logger")
        self.given_back: list[int] = []
        self.refused = folder / "spool" / "refused.jsonl"
        spool = Spool(folder / "spool")
        dead_letters = DeadLetters(self.refused, "logger")
        pace = Pace(batch_rows=10, batch_age_s=0.05, memory_rows=50, spool_after_s=0.2)
        self.writer = BatchWriter(self.sink, spool, dead_letters, self.given_back.extend, "logger", pace)
        self.writer.start()

    def put(self, *numbers: Any) -> None:
        """Put rows."""
        for number in numbers:
            self.writer.put(Row("plain", {"n": number}, f"id-{number}", number))

    def numbers(self) -> list[int]:
        """What the table holds."""
        with self.good.connect() as connection:
            return list(connection.execute(sa.select(self.table.c.n).order_by(self.table.c.n)).scalars())


@pytest.fixture
def storage(database_url: str, tmp_path: Path) -> Iterator[Storage]:
    """On each kind of database."""
    storage = Storage(database_url, tmp_path)
    yield storage
    storage.writer.close(5)
    storage.sink.close()
    storage.good.dispose()


@pytest.mark.parametrize("engine", ["a text", None, 7, object()])
def test_an_engine_that_is_none_keeps_rows_waiting(storage, engine, caplog):
    """As a message could set it: nothing is refused, it is reported once, and all rows are there in the end."""
    storage.put(0)
    assert eventually(lambda: storage.given_back == [0])
    storage.engine = engine
    storage.put(*range(1, 30))
    assert eventually(lambda: "AttributeError" in storage.writer.report()["database"])
    assert eventually(lambda: len(storage.given_back) == 30), "on disk"
    assert storage.writer.report()["refused"] == 0
    storage.engine = storage.good
    assert eventually(lambda: storage.writer.report()["written"] == 30, 30)
    assert storage.numbers() == list(range(30))
    assert caplog.text.count("a batch could not be written") == 1
    assert not storage.refused.exists()


@pytest.mark.parametrize("error", [TypeError("ours"), AttributeError("ours"), KeyError("ours"), SystemExit(1)])
def test_an_error_anywhere_in_our_code_keeps_rows_waiting(storage, error, monkeypatch):
    """Whatever the class; one that would end a program does not end the writer."""
    converted, failing = sink_module.converted, True

    def broken(*arguments: Any) -> Any:
        if failing:
            raise error
        return converted(*arguments)

    monkeypatch.setattr(sink_module, "converted", broken)
    storage.put(*range(20))
    assert eventually(lambda: type(error).__name__ in storage.writer.report()["database"])
    assert eventually(lambda: storage.writer.report()["on_disk"] >= 10)
    assert storage.writer.report()["refused"] == 0
    failing = False
    assert eventually(lambda: storage.writer.report()["written"] == 20, 30)
    assert storage.numbers() == list(range(20))


def test_a_row_that_alone_fails_again_and_again_is_put_aside_and_does_not_block_the_others(
    storage, monkeypatch, caplog
):
    """The file contains its error; an error that happens only once is not the row's fault."""
    converted, once = sink_module.converted, [5]

    def broken(values: Any, columns: Any) -> Any:
        if values["n"] in (3, 7) or (values["n"] in once and once.pop()):
            raise TypeError(f"no way for {values['n']}")
        return converted(values, columns)

    monkeypatch.setattr(sink_module, "converted", broken)
    storage.put(*range(10))
    assert eventually(lambda: sorted(storage.given_back) == list(range(10)))
    assert storage.numbers() == [0, 1, 2, 4, 5, 6, 8, 9]
    written = [json.loads(line) for line in storage.refused.read_text().splitlines()]
    assert [(entry["reason"], entry["values"]) for entry in written] == [
        ("TypeError: no way for 3", {"n": 3}),
        ("TypeError: no way for 7", {"n": 7}),
    ]
    assert storage.writer.report()["database"] == "ok"


def test_a_row_that_only_fails_waits_until_others_show_whose_fault_it_is(storage, monkeypatch):
    """Alone it says nothing about itself."""
    converted = sink_module.converted

    def broken(values: Any, columns: Any) -> Any:
        if values["n"] == 3:
            raise TypeError("no way")
        return converted(values, columns)

    monkeypatch.setattr(sink_module, "converted", broken)
    storage.put(3)
    assert eventually(lambda: "no way" in storage.writer.report()["database"])
    assert storage.writer.report()["refused"] == 0
    storage.put(4)
    assert eventually(lambda: storage.numbers() == [4])
    assert eventually(lambda: storage.writer.report()["refused"] == 1)


@pytest.mark.parametrize("value", ["\ud800", 10**30, "no number", {"a": 1}])
def test_a_value_that_the_database_cannot_take_is_the_rows_fault(storage, value):
    """Also alone, and whether the driver or the server says so."""
    storage.put(1)
    assert eventually(lambda: storage.given_back == [1])
    storage.writer.put(Row("plain", {"n": value}, "odd", 2))
    assert eventually(lambda: storage.given_back == [1, 2]), storage.writer.report()
    assert storage.writer.report()["database"] == "ok"


def test_a_failing_call_of_given_back_tokens_does_not_end_the_writer(tmp_path: Path) -> None:
    """The connection to the broker may be gone at that moment."""
    calls = []

    class Takes:
        def write(self, rows: Sequence[Row]) -> list[Any]:
            return []

        def look(self) -> None: ...

    def give_back(tokens: list[Any]) -> None:
        calls.append(tokens)
        if len(calls) == 1:
            raise OSError("gone")

    storage: Callable[..., BatchWriter] = BatchWriter
    writer = storage(
        Takes(), Spool(tmp_path), DeadLetters(tmp_path / "r", "l"), give_back, "l", Pace(batch_age_s=0)
    )
    writer.start()
    for number in range(2):
        writer.put(Row("t", {}, str(number), number))
        assert eventually(lambda number=number: len(calls) > number)
    assert eventually(lambda: writer.report()["in_memory"] == 0)
    writer.close(5)
