"""Batches, outages, refused rows: without a broker and, but for a few, without a database."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support.waiting import eventually

from dripline.implementations.storage.batch_writer import BatchWriter, Pace
from dripline.implementations.storage.database import DatabaseAway, DatabaseUnfit
from dripline.implementations.storage.rows import DeadLetters, Refusal, Row
from dripline.runtime import durable_files
from dripline.runtime.spool import Spool

PACE = Pace(batch_rows=10, batch_age_s=0.02, memory_rows=50, spool_after_s=0.1)


class Sink:
    """A database that does what a test says.

    Attributes:
        rows: Numbers of the rows it has.
        batches: How long each batch was.
        away: Why it takes nothing.
        unfit: Whether somebody has to mend that.
        open: Cleared, it hangs.
        busy: Set when it was given something.
    """

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.batches: list[int] = []
        self.away = ""
        self.unfit = False
        self.busy = threading.Event()
        self.open = threading.Event()
        self.open.set()

    def write(self, rows: Sequence[Row]) -> list[Refusal]:
        """Take all but negative numbers."""
        self.busy.set()
        assert self.open.wait(60)
        if self.away:
            raise self._error(self.away)
        self.batches.append(len(rows))
        numbers = {row.values["n"]: row for row in rows}
        self.rows += [number for number in numbers if number >= 0]
        return [Refusal(row, "below zero") for number, row in numbers.items() if number < 0]

    def look(self) -> None:
        """Say whether it is there."""
        assert self.open.wait(20)
        if self.away:
            raise self._error(self.away)

    @property
    def _error(self) -> type[DatabaseAway]:
        return DatabaseUnfit if self.unfit else DatabaseAway


class Storage:
    """A writer with all its parts, in a folder."""

    def __init__(self, folder: Path, sink: Sink, pace: Pace = PACE, limit_bytes: int = 1 << 20) -> None:
        self.sink = sink
        self.given_back: list[Any] = []
        self.refused_file = folder / "refused.jsonl"
        self.spool = Spool(folder, limit_bytes)
        refused = DeadLetters(self.refused_file, "logger")
        self.writer = BatchWriter(sink, self.spool, refused, self.given_back.extend, "logger", pace)

    def put(self, *numbers: int) -> None:
        """Put rows whose tokens are their numbers."""
        for number in numbers:
            self.writer.put(Row("t", {"n": number}, str(number), number))


@pytest.fixture
def sink() -> Sink:
    """A database."""
    return Sink()


@pytest.fixture
def make(tmp_path: Path, sink: Sink) -> Iterator[Callable[..., Storage]]:
    """Make a storage that has started; closed at the end."""
    made: list[Storage] = []

    def make(start: bool = True, **arguments: Any) -> Storage:
        storage = Storage(tmp_path / "spool", sink, **arguments)
        made.append(storage)
        if start:
            storage.writer.start()
        return storage

    yield make
    sink.open.set()
    for storage in made:
        storage.writer.close(1)


def test_rows_are_written_in_batches_and_their_tokens_given_back_then(make, sink):
    """By count, and by age for what is less; nothing is given back before."""
    sink.open.clear()
    storage = make(pace=PACE._replace(spool_after_s=30))
    storage.put(*range(25))
    assert storage.given_back == []
    sink.open.set()
    assert eventually(lambda: storage.given_back == list(range(25)))
    assert sink.rows == list(range(25))
    assert max(sink.batches) <= PACE.batch_rows
    assert len(sink.batches) <= 4


def test_a_short_absence_is_waited_for_in_memory(make, sink, caplog):
    """Told once when lost, once when back."""
    storage = make(pace=PACE._replace(spool_after_s=30))
    sink.away = "restarting"
    storage.put(1, 2)
    assert eventually(lambda: "the database is away" in caplog.text)
    assert storage.given_back == []
    sink.away = ""
    assert eventually(lambda: storage.given_back == [1, 2])
    assert storage.writer.report()["on_disk"] == 0
    assert caplog.text.count("is away") == caplog.text.count("is back") == 1
    assert "restarting" in caplog.text


def test_a_long_absence_is_waited_for_on_disk_and_ends_in_order(make, sink):
    """Tokens are given back when rows are on disk; what is new stays behind what is old."""
    storage = make()
    sink.away = "gone"
    storage.put(*range(30))
    assert eventually(lambda: len(storage.spool) == 30)
    assert eventually(lambda: sorted(storage.given_back) == list(range(30)))
    assert sink.rows == []
    assert storage.writer.report() == {
        "database": "gone", "written": 0, "in_memory": 0, "on_disk": 30, "refused": 0, "dropped": 0
    }  # fmt: skip
    sink.away = ""
    storage.put(*range(30, 100))
    assert eventually(lambda: sink.rows == list(range(100)), 60), sink.rows
    assert eventually(lambda: storage.writer.report()["database"] == "ok")
    assert sorted(storage.given_back) == list(range(100)), "each once"


def test_what_waits_on_disk_is_written_after_a_restart(make, sink, caplog):
    """By a process that knows nothing of the first one."""
    first = make()
    sink.away = "gone"
    first.put(1, 2, 3)
    first.writer.close(5)
    assert "3 rows wait in" in caplog.text
    sink.away = ""
    second = make()
    second.put(4)
    assert eventually(lambda: sink.rows == [1, 2, 3, 4])
    assert "all rows that waited are written" in caplog.text


def test_closing_writes_what_is_in_memory(make, sink):
    """It does not wait for a batch to be full or old."""
    storage = make(pace=PACE._replace(batch_age_s=60))
    storage.put(1, 2)
    storage.writer.close(30)
    assert sink.rows == [1, 2]
    assert storage.given_back == [1, 2]
    assert len(storage.spool) == 0


def test_a_database_that_hangs_stops_nobody(make, sink):
    """What comes while it is busy with one batch goes to disk, and the order is kept."""
    storage = make(pace=PACE._replace(batch_age_s=60))  # full batches only
    sink.open.clear()
    storage.put(*range(10))
    assert eventually(sink.busy.is_set)
    storage.put(*range(10, 40))
    assert eventually(lambda: len(storage.spool) == 30)
    sink.open.set()
    assert eventually(lambda: sink.rows == list(range(40)))


def test_a_batch_that_hung_and_failed_comes_before_what_went_to_disk_meanwhile(make, sink):
    """It is older."""
    storage = make(pace=PACE._replace(batch_age_s=60))  # full batches only
    sink.open.clear()
    storage.put(*range(10))
    assert eventually(sink.busy.is_set)
    storage.put(*range(10, 20))
    assert eventually(lambda: len(storage.spool) == 10)
    sink.away = "gone"
    sink.open.set()
    assert eventually(lambda: storage.writer.report()["database"] == "gone")
    sink.away = ""
    assert eventually(lambda: sink.rows == list(range(20)))


def test_refused_rows_are_written_down_with_the_reason_and_stop_nothing(make, sink, caplog):
    """The first few are told."""
    storage = make(pace=PACE._replace(spool_after_s=30))
    storage.put(1, -1, 2, -2, 3)
    assert eventually(lambda: sorted(storage.given_back) == [-2, -1, 1, 2, 3])
    assert sink.rows == [1, 2, 3]
    written = [json.loads(line) for line in storage.refused_file.read_text().splitlines()]
    assert [(entry["reason"], entry["values"], entry["message_id"]) for entry in written] == [
        ("below zero", {"n": -1}, "-1"),
        ("below zero", {"n": -2}, "-2"),
    ]
    assert caplog.text.count("took no row: below zero") == 2
    assert storage.writer.report()["refused"] == 2
    assert storage.writer.report()["written"] == 3


def test_a_damaged_line_on_disk_is_among_the_refused(make, sink):
    """And what follows is written."""
    storage = make(start=False)
    storage.spool.append([b"not a row\n", b'["t","1",{"n":1}]\n'])
    storage.writer.start()
    assert eventually(lambda: sink.rows == [1])
    assert eventually(lambda: "damaged on disk" in storage.refused_file.read_text())
    assert eventually(lambda: len(storage.spool) == 0)


def test_when_the_disk_is_full_too_the_newest_are_dropped_counted_and_told(make, sink, caplog):
    """Memory is bounded; all that was kept is written, and the drops' tokens are given back as well."""
    storage = make(limit_bytes=320)
    sink.away = "gone"
    storage.put(*range(10))
    assert eventually(lambda: len(storage.spool) == 10)
    storage.put(*range(10, 90))
    dropped = storage.writer.report()["dropped"]
    assert dropped == 80 - PACE.memory_rows
    assert "takes no rows" in caplog.text
    assert "neither database nor disk" in caplog.text
    sink.away = ""
    kept = 90 - dropped
    assert eventually(lambda: sink.rows == list(range(kept)), 60), sink.rows
    assert eventually(lambda: sorted(storage.given_back) == list(range(90)))


def test_an_error_of_ours_loses_nothing(make, sink, monkeypatch, caplog):
    """It is told with its traceback, once, and tried again."""
    storage = make()
    write, failures = sink.write, iter([KeyError("bug"), KeyError("bug")])

    def failing(rows: Sequence[Row]) -> list[Refusal]:
        error = next(failures, None)
        if error is not None:
            raise error
        return write(rows)

    monkeypatch.setattr(sink, "write", failing)
    storage.put(1)
    assert eventually(lambda: storage.given_back == [1])
    assert caplog.text.count("a batch could not be written") == 1


def test_the_file_of_refused_rows_is_bounded(tmp_path):
    """The one before is kept beside it."""
    refused = DeadLetters(tmp_path / "refused.jsonl", "logger", limit_bytes=500)
    for number in range(20):
        refused.add([Refusal(Row("t", {"n": number}, str(number)), "no")])
    assert (tmp_path / "refused.jsonl").stat().st_size < 1000
    assert (tmp_path / "refused.jsonl.1").exists()
    assert refused.count == 20


def test_a_refused_row_can_hold_anything(tmp_path):
    """What JSON has not is written as text."""
    circular: list[Any] = []
    circular.append(circular)
    refused = DeadLetters(tmp_path / "refused.jsonl", "logger")
    refused.add([Refusal(Row("t", {"x": value}, "1"), "no") for value in (float("nan"), b"\0", circular)])
    assert len((tmp_path / "refused.jsonl").read_text().splitlines()) == 3


def test_a_database_that_is_back_is_known_to_be_though_no_row_comes(make, sink, caplog):
    """It is looked at now and then."""
    storage = make()
    sink.away = "restarting"
    storage.put(1)
    assert eventually(lambda: len(storage.spool) == 1)
    sink.away = ""
    assert eventually(lambda: storage.writer.report()["database"] == "ok")
    storage.writer.found_away("told at the start")
    assert eventually(lambda: storage.writer.report()["database"] == "ok")
    assert sink.batches == [1]


def test_what_has_to_be_mended_is_told_when_the_database_is_there(make, sink, caplog):
    """And not what is only another way of being away."""
    storage = make()
    sink.away = "connection refused"
    storage.put(1)
    assert eventually(lambda: "the database is away" in caplog.text)
    sink.away = "starting up"
    assert eventually(lambda: storage.writer.report()["database"] == "starting up")
    sink.unfit = True
    sink.away = "no table"
    assert eventually(lambda: "the database is there, but takes no rows: no table" in caplog.text)
    assert not any("starting up" in record.message for record in caplog.records if record.levelname == "WARNING")
    sink.away = ""
    assert eventually(lambda: sink.rows == [1])


def test_a_row_that_cannot_be_put_on_disk_is_refused_and_stops_nothing(make, sink):
    """A laboratory's own class may be anything."""
    storage = make()
    sink.away = "gone"
    storage.writer.put(Row("t", {"n": {(1, 2): "a key that JSON has not"}}, "odd", "odd"))
    storage.put(1, 2)
    assert eventually(lambda: len(storage.spool) == 2)
    assert eventually(lambda: "cannot be written down" in storage.refused_file.read_text())
    sink.away = ""
    assert eventually(lambda: sink.rows == [1, 2])
    assert eventually(lambda: set(storage.given_back) == {"odd", 1, 2})


def test_a_refused_row_on_a_full_disk_stops_nothing(make, sink, monkeypatch, caplog):
    """The database takes the others; the token of the refused row is given back when it is on disk."""
    append = durable_files.append_durably

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable_files, "append_durably", full)
    storage = make(pace=PACE._replace(spool_after_s=30))
    storage.put(1, -1, 2)
    assert eventually(lambda: sink.rows == [1, 2])
    storage.put(3)
    assert eventually(lambda: storage.given_back == [1, 2, 3])
    assert sink.rows == [1, 2, 3]
    assert storage.writer.report()["in_memory"] == 1
    assert caplog.text.count("takes no refused rows") == 1
    monkeypatch.setattr(durable_files, "append_durably", append)
    assert eventually(lambda: storage.given_back == [1, 2, 3, -1])
    assert json.loads(storage.refused_file.read_text())["values"] == {"n": -1}
    assert storage.writer.report()["in_memory"] == 0


def test_the_disk_is_told_of_in_each_absence(make, sink, caplog):
    """What it did in an earlier one counts no longer, when rows are written again."""
    storage = make(limit_bytes=1)
    for number in range(2):
        sink.away = "gone"
        storage.put(number)
        assert eventually(lambda number=number: caplog.text.count("takes no rows") == number + 1)
        sink.away = ""
        assert eventually(lambda number=number: sink.rows == list(range(number + 1)))
        assert eventually(lambda: storage.writer.report()["database"] == "ok")
    assert not storage.writer.status.disk
