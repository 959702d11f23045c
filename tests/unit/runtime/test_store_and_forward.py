"""Items wait in memory and on disk, in their order; how many alerts may wait is in a configuration."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.errors import ConfigurationError
from dripline.runtime.spool import Position, Record, Spool
from dripline.runtime.store_and_forward import Backlog, MemoryQueue, keep_rule


class Number(NamedTuple):
    """An item."""

    number: int
    size: int = 1
    position: Position | None = None


class Numbers(Backlog[Number]):
    """Numbers that wait; the disk takes as many at a time as a test says."""

    def __init__(self, folder: Path) -> None:
        Backlog.__init__(self)
        self.room = 1000
        self.failures: list[bool] = []
        self._spool = Spool(folder)
        self._cursor = self._spool.position

    def add(self, *numbers: int) -> None:
        """Add some."""
        for number in numbers:
            self._fresh.append(Number(number))

    def _from_record(self, record: Record) -> Number:
        return Number(int(record.line), position=record.end)

    def _append(self, older: Sequence[Number], fresh: list[Number]) -> Sequence[Number]:
        assert self._spool is not None
        self._spool.append([b"%d\n" % item.number for item in fresh[: self.room]])
        return fresh[self.room :]

    def _disk_failed(self, error: OSError, *, reading: bool) -> None:
        self.failures.append(reading)


@pytest.fixture
def backlog(tmp_path: Path) -> Numbers:
    """A backlog."""
    return Numbers(tmp_path / "spool")


def taken(backlog: Numbers, count: int = 100) -> list[int]:
    """Take some, and settle them."""
    items = backlog.take(count, 1000)
    backlog.settle(items)
    return [item.number for item in items]


def test_items_that_the_disk_does_not_take_are_always_counted(backlog):
    """No thread that is woken meanwhile finds room, or nothing left to send."""
    backlog.room = 0
    backlog.add(1, 2, 3)
    counts: set[int] = set()
    ended = threading.Event()

    def watch() -> None:
        with backlog._changed:
            while not ended.is_set():
                backlog._changed.wait(0.1)
                counts.add(len(backlog._fresh) + backlog._held)

    thread = threading.Thread(target=watch)
    thread.start()
    for _ in range(200):
        assert not backlog.store()
    ended.set()
    thread.join()
    assert counts == {3}


def test_taking_nothing_is_no_progress(backlog):
    """Callers are slowed down only as long as something moves."""
    assert backlog.take(0, 1000) == []
    backlog.settle([])
    assert backlog._moved_s == 0


def test_what_is_sent_again_comes_first_then_disk_then_memory(backlog):
    """From old to new, wherever they are."""
    backlog.add(1, 2)
    older = backlog.take(2, 1000)
    backlog.add(3, 4)
    assert backlog.store()
    backlog.add(5)
    backlog.put_back(older)
    assert [taken(backlog), taken(backlog, 1), taken(backlog), taken(backlog)] == [[1, 2], [3], [4], [5]]
    assert backlog.is_idle


def test_what_the_disk_does_not_take_stays_in_memory(backlog):
    """In front of what comes later."""
    backlog.room = 2
    backlog.add(1, 2, 3)
    assert not backlog.store()
    backlog.add(4)
    assert [taken(backlog), taken(backlog)] == [[1, 2], [3, 4]]


def test_nothing_is_idle_before_it_is_settled(backlog):
    """What was taken may come back."""
    backlog.add(1)
    assert backlog.store()
    backlog.add(2)
    items = [*backlog.take(1, 1000), *backlog.take(1, 1000)]
    assert backlog.is_empty
    assert not backlog.is_idle
    backlog.settle(items)
    assert backlog.is_idle


def test_a_disk_that_fails_is_reported(backlog, monkeypatch):
    """What waits there is read later; that it was read, again after a restart."""

    def fail(*_: object) -> None:
        raise OSError("no")

    backlog.add(1)
    backlog.store()
    monkeypatch.setattr(Spool, "advance", fail)
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "read_from", fail)
        assert taken(backlog) == []
    assert taken(backlog) == [1]
    assert backlog.failures == [True, False]


@given(st.lists(st.integers(1, 100), max_size=30), st.integers(1, 10), st.integers(1, 200))
def test_a_queue_is_divided_by_bytes_and_nothing_is_left_out(sizes: list[int], count: int, max_bytes: int) -> None:
    """Each part has at least one item, and is not larger than wanted unless it has only one."""
    items = [Number(number, size) for number, size in enumerate(sizes)]
    waiting: MemoryQueue[Number] = MemoryQueue()
    for item in items:
        waiting.append(item)
    assert waiting.bytes == sum(sizes)
    parts = []
    while waiting:
        parts.append(waiting.take(count, max_bytes))
    assert [item for part in parts for item in part] == items
    for part in parts:
        assert part
        assert len(part) == 1 or sum(item.size for item in part) <= max_bytes
    assert all(len(part) <= count for part in parts)
    assert waiting.bytes == 0


def test_what_is_not_said_is_as_by_default():
    """A folder may be in the home directory."""
    rule = keep_rule({"on_disk_mb": 0.5, "folder": "~/spool", "drop": "newest"})
    assert (rule.in_memory, rule.on_disk_bytes, rule.drop_oldest) == (10_000, 500_000, False)
    assert rule.folder is not None
    assert rule.folder.is_absolute()


@pytest.mark.parametrize(
    ("configuration", "text"),
    [
        ({"in_memory": 0}, "in_memory is a number above 0, not 0"),
        ({"in_memory": True}, "in_memory is a number above 0, not True"),
        ({"in_memory": float("inf")}, "in_memory is a number above 0, not inf"),
        ({"on_disk_mb": float("nan")}, "on_disk_mb is a number above 0, not nan"),
        ({"on_disk_mb": "many"}, "on_disk_mb is a number above 0, not 'many'"),
        ({"drop": ["all"]}, "drop is 'oldest' or 'newest'"),
        ({"in_memry": 5}, "unknown key 'in_memry'; did you mean 'in_memory'"),
        (["in_memory"], "alert_spool is a map"),
    ],
)
def test_a_mistake_is_named(configuration, text):
    """In one line, with the key."""
    with pytest.raises(ConfigurationError, match="alert_spool") as error:
        keep_rule(configuration)
    assert text in str(error.value)
    assert "\n" not in str(error.value)
