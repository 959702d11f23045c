"""Rows on disk, and their lines."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.disk import before
from support.spools import read_first

from dripline.implementations.storage.rows import Row, from_line, to_line
from dripline.runtime import durable_files as files
from dripline.runtime import spool as spools
from dripline.runtime.spool import Spool, SpoolFull

OLD = Path(__file__).parents[2] / "fixtures" / "spools-6.0.0"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a spool is."""
    return tmp_path / "spool"


def lines(*numbers: int) -> list[bytes]:
    """Lines that can be told apart."""
    return [b"line %d\n" % number for number in numbers]


def read_all(spool: Spool, at_a_time: int = 2) -> list[bytes]:
    """Read a spool to its end, as the writer does."""
    found = []
    while len(spool):
        batch, position = read_first(spool, at_a_time)
        found += batch
        spool.advance(position, len(batch))
    return found


@given(st.text(), st.text(), st.dictionaries(st.text(), json_values, max_size=4))
def test_a_row_comes_back_from_its_line_as_it_was(table, message_id, values):
    """Whatever a payload holds; and it is one line."""
    line = to_line(Row(table, values, message_id, token=object()))
    assert from_line(line) == Row(table, values, message_id)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


def test_values_that_json_has_not_come_back_as_well():
    """A laboratory's do_insert may be given any of them; others come back as text."""
    values = {
        "time": datetime(2026, 1, 2, 3, 4, 5, 6, timezone.utc),
        "day": date(2026, 1, 2),
        "exact": Decimal("1.10"),
        "raw": b"\x00\xff",
        "odd": 1j,
    }
    assert from_line(to_line(Row("t", values, "id"))).values == {**values, "odd": "1j"}


@given(st.binary() | json_values.map(repr).map(str.encode))
def test_a_damaged_line_is_a_value_error(line):
    """Never anything else, whatever a disk has made of it."""
    try:
        row = from_line(line)
    except ValueError:
        return
    assert isinstance(row.values, dict)


def test_lines_come_out_as_they_went_in(folder):
    """In their order, over several files, and the files are gone then."""
    spool = Spool(folder, segment_bytes=20)
    for number in range(10):
        spool.append(lines(2 * number, 2 * number + 1))
    assert len(spool) == 20
    assert len(list(folder.glob("*.rows"))) > 3
    assert read_all(spool, 3) == lines(*range(20))
    assert not list(folder.glob("*.rows"))
    assert spool.waiting_bytes == 0
    spool.close()


def test_what_was_not_read_is_there_after_a_restart(folder):
    """The position is kept as well."""
    spool = Spool(folder, segment_bytes=30)
    spool.append(lines(*range(10)))
    spool.append(lines(*range(10, 13)))
    batch, position = read_first(spool, 7)
    spool.advance(position, len(batch))
    spool.close()
    again = Spool(folder)
    assert len(again) == 6
    again.append(lines(13))
    assert read_all(again) == lines(*range(7, 14))
    again.close()
    empty = Spool(folder)
    assert len(empty) == 0
    empty.append(lines(1))
    assert read_all(empty) == lines(1)
    empty.close()


def test_without_its_position_all_files_are_read_again(folder):
    """After a loss of power: better twice than not at all, and the ids tell."""
    spool = Spool(folder)
    spool.append(lines(1, 2, 3))
    spool.advance(read_first(spool, 1)[1], 1)
    spool.close()
    (folder / "position").write_text("torn")
    again = Spool(folder)
    assert read_all(again) == lines(1, 2, 3)
    again.close()


def test_half_a_line_at_the_end_is_left_out(folder):
    """It was being written when the process ended, and nobody was told that it is safe."""
    spool = Spool(folder)
    spool.append(lines(1))
    spool.close()
    with next(folder.glob("*.rows")).open("ab") as file:
        file.write(b"half a li")
    again = Spool(folder)
    again.append(lines(2))
    assert read_all(again) == lines(1, 2)
    again.close()


def test_any_bit_that_is_flipped_costs_its_record_only(folder):
    """Wherever it is: in a payload, a checksum, a newline, or a separator; nothing is read twice."""
    spool = Spool(folder)
    spool.append(lines(1, 2, 3))
    spool.close()
    (file,) = folder.glob("*.rows")
    whole = file.read_bytes()
    for bit in range(8 * len(whole)):
        for name in ("damaged.jsonl", "position"):
            (folder / name).unlink(missing_ok=True)
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        file.write_bytes(data)
        spool = Spool(folder)
        found = read_all(spool)
        assert found in (lines(1, 2, 3), lines(2, 3), lines(1, 3), lines(1, 2)), bit
        assert spool.damaged.count == 3 - len(found), bit
        assert (folder / "damaged.jsonl").exists() == (len(found) < 3)
        spool.close()


def test_damage_is_put_aside_once(folder):
    """However often it is read, and after a restart; what was damaged alone is gone then."""
    spool = Spool(folder)
    spool.append(lines(1, 2, 3))
    spool.close()
    (file,) = folder.glob("*.rows")
    file.write_bytes(file.read_bytes().replace(b"line 2", b"lint 2"))
    spool = Spool(folder)
    for _ in range(3):
        assert read_first(spool, 5)[0] == lines(1, 3)
    spool.advance(read_first(spool, 1)[1], 1)
    assert spool.damaged.count == 1
    spool.close()
    spool = Spool(folder)
    assert read_all(spool) == lines(3)
    assert spool.damaged.count == 0
    spool.close()
    assert len((folder / "damaged.jsonl").read_bytes().splitlines()) == 1


def test_a_spool_of_nothing_but_damage_is_empty(folder):
    """And its file goes."""
    spool = Spool(folder)
    spool.append(lines(1, 2))
    spool.close()
    (file,) = folder.glob("*.rows")
    file.write_bytes(file.read_bytes().replace(b"line", b"lint"))
    spool = Spool(folder)
    assert read_first(spool, 10)[0] == []
    assert len(spool) == 0
    assert not list(folder.glob("*.rows"))
    spool.append(lines(3))
    assert read_all(spool) == lines(3)
    spool.close()


def test_a_reader_can_be_ahead(folder):
    """What was read and not advanced over is there after a restart, and what is dropped behind it is not."""
    spool = Spool(folder, segment_bytes=50)
    for number in range(30):
        spool.append(lines(number))
    records, cursor = spool.read_from(spool.position, 5)
    assert [record.line for record in records] == lines(*range(5))
    dropped, cursor = spool.drop(cursor, 10)
    assert dropped == 10
    assert len(spool) == 20
    spool.advance(records[1].end, 2)
    assert len(spool) == 18
    assert [record.line for record in spool.read_from(cursor, 3)[0]] == lines(15, 16, 17)
    spool.close()
    spool = Spool(folder)
    assert len(spool) == 18
    assert read_all(spool) == lines(2, 3, 4, *range(15, 30))
    spool.close()


def test_a_read_can_be_bounded_in_bytes(folder):
    """At least one line comes, so that a long one is read at all."""
    spool = Spool(folder)
    spool.append([b"x" * 1000 + b"\n"] * 5)
    assert len(read_first(spool, 5, 1)[0]) == 1
    assert len(read_first(spool, 5, 2500)[0]) == 3
    assert len(read_first(spool, 5)[0]) == 5
    spool.close()


@pytest.mark.parametrize("what", ["file", "end of a file", "folder"])
def test_a_spool_goes_on_when_its_files_are_deleted(folder, what, caplog):
    """What was in them is lost and counted; what is appended afterwards is read."""
    spool = Spool(folder, segment_bytes=40)
    for number in range(10):
        spool.append(lines(number))
    files_in_it = sorted(folder.glob("*.rows"))
    if what == "folder":
        shutil.rmtree(folder)
        expected = lines()
    elif what == "file":
        files_in_it[0].unlink()
        expected = lines(*range(3, 10))
    else:
        os.truncate(files_in_it[-1], 10)
        expected = lines(*range(9))
    spool.append(lines(10, 11))
    assert read_all(spool) == [*expected, *lines(10, 11)]
    lost = sum(count for _, count in spool.lost_segments)
    assert lost + spool.damaged.count == 10 - len(expected)
    assert "deleted" in caplog.text
    spool.close()


@pytest.mark.parametrize("what", ["file", "file moved", "folder"])
@pytest.mark.parametrize("moment", ["open", "write", "fsync"])
def test_what_is_being_appended_while_its_file_is_deleted_is_kept(folder, monkeypatch, moment, what):
    """Only what was in the file before is lost, and counted."""

    def delete() -> None:
        (file,) = folder.glob("*.rows")
        if what == "folder":
            shutil.rmtree(folder)
        elif what == "file":
            file.unlink()
        else:
            file.rename(folder.parent / "moved")

    spool = Spool(folder)
    for number in range(5):
        spool.append(lines(number))
    with before(moment, delete, monkeypatch):
        spool.append(lines(5, 6))
    spool.append(lines(7))
    assert read_all(spool) == lines(5, 6, 7)
    assert [count for _, count in spool.lost_segments] == [5]
    assert spool.damaged.count == 0
    spool.close()


@pytest.mark.parametrize("what", ["file", "folder"])
def test_the_first_file_may_be_deleted_while_it_is_written(folder, monkeypatch, what):
    """Nothing else was in it: nothing is lost."""
    spool = Spool(folder)
    delete = (lambda: shutil.rmtree(folder)) if what == "folder" else (lambda: min(folder.glob("*.rows")).unlink())
    with before("fsync", delete, monkeypatch):
        spool.append(lines(1, 2))
    assert read_all(spool) == lines(1, 2)
    assert not spool.lost_segments
    spool.close()


def test_a_file_that_a_reader_has_found_missing_is_not_appended_to(folder, monkeypatch):
    """One appends while another reads: the reader has gone on to the file after it."""
    spool = Spool(folder)
    spool.append(lines(1, 2))

    def read_what_was_deleted() -> None:
        (file,) = folder.glob("*.rows")
        content = file.read_bytes()
        file.unlink()
        assert read_all(spool) == []
        file.write_bytes(content)  # a file system that comes back

    with before("open", read_what_was_deleted, monkeypatch):
        spool.append(lines(3))
    assert read_all(spool) == lines(3)
    assert len(spool) == 0
    spool.close()


def test_a_file_that_cannot_be_read_is_tried_again_and_then_left_behind(folder, monkeypatch, caplog):
    """A network file system may be away for a moment; a broken disk blocks nothing for ever."""
    spool = Spool(folder, segment_bytes=40)
    for number in range(6):
        spool.append(lines(number))
    first, broken = min(folder.glob("*.rows")), True
    is_open = Path.open

    def failing(path: Path, *arguments: object) -> object:
        if broken and path == first:
            raise OSError(5, "Input/output error")
        return is_open(path, *arguments)

    monkeypatch.setattr(Path, "open", failing)
    for _ in range(3):
        with pytest.raises(OSError, match="Input/output"):
            read_first(spool, 10)
    broken = False
    assert read_first(spool, 10)[0] == lines(*range(6))
    broken = True
    monkeypatch.setattr(spools, "_UNREADABLE_S", 0.0)
    assert read_first(spool, 10)[0] == lines(3, 4, 5)
    assert spool.lost_segments == [(1, 3)]
    assert "cannot be read" in caplog.text
    spool.close()
    assert first.with_suffix(".unreadable").exists()


def test_what_is_no_file_is_left_out(folder):
    """A folder called like a file of the spool does not end the others."""
    (folder / "000000000001.rows").mkdir(parents=True)
    spool = Spool(folder)
    spool.append(lines(1))
    assert read_all(spool) == lines(1)
    spool.close()
    spool = Spool(folder)
    spool.append(lines(2))
    assert read_all(spool) == lines(2)
    spool.close()


def test_a_spool_of_version_6_0_0_is_read(tmp_path):
    """Of alerts and of rows, from where it was read to; what is new gets a file and checksums of its own."""
    for kind in ("alerts", "rows"):
        shutil.copytree(OLD / kind, tmp_path / kind)
    spool = Spool(tmp_path / "rows")
    assert len(spool) == 25
    spool.append([to_line(Row("t", {"value_raw": 30}, "30"))])
    found = [from_line(line).values["value_raw"] for line in read_all(spool)]
    assert found == list(range(5, 31))
    assert spool.damaged.count == 0
    spool.close()
    spool = Spool(tmp_path / "alerts")
    assert len(spool) == 25
    assert len(read_all(spool)) == 25
    spool.close()


@pytest.mark.parametrize("position", ["2 0", "3 0", "9 0", "1 999999", ""])
def test_a_damaged_position_of_version_6_0_0_loses_nothing(tmp_path, position):
    """It has no checksum; the files that it skips would have been deleted."""
    shutil.copytree(OLD / "rows", tmp_path / "rows")
    (tmp_path / "rows" / "position").write_text(position)
    spool = Spool(tmp_path / "rows")
    found = [from_line(line).values["value_raw"] for line in read_all(spool)]
    assert found == list(range(30))
    spool.close()


def test_a_killed_process_has_kept_what_it_said_it_kept(folder):
    """Lines are on disk when append returns."""
    program = (
        "import sys; from pathlib import Path; from dripline.runtime.spool import Spool\n"
        f"spool = Spool(Path({str(folder)!r}))\n"
        "for number in range(10**6):\n"
        "    spool.append([b'line %d\\n' % number]); print(number, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout is not None
    said = [int(process.stdout.readline()) for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    said += [int(number) for number in process.stdout.read().split()]
    process.wait(30)
    spool = Spool(folder)
    kept = read_all(spool, 1000)
    assert kept[: len(said)] == lines(*said)
    spool.close()


def test_a_full_spool_takes_nothing_and_keeps_what_it_has(folder):
    """The limit is in bytes that wait; what was read makes room."""
    spool = Spool(folder, limit_bytes=40)
    spool.append(lines(1, 2))
    with pytest.raises(SpoolFull, match="holds its"):
        spool.append(lines(3))
    assert read_all(spool) == lines(1, 2)
    spool.append(lines(3))
    assert read_all(spool) == lines(3)
    spool.close()


def test_what_a_disk_takes_only_in_part_is_taken_back(folder, monkeypatch):
    """No space left: nothing of it is there, and later lines are whole."""
    spool = Spool(folder)
    spool.append(lines(1))
    write = os.write

    def full(file: int, data: bytes) -> int:
        if len(data) < 5:
            raise OSError(28, "No space left on device")
        return write(file, bytes(data[:5]))

    monkeypatch.setattr(files.os, "write", full)
    with pytest.raises(OSError, match="No space"):
        spool.append(lines(2))
    monkeypatch.undo()
    spool.append(lines(3))
    assert read_all(spool) == lines(1, 3)
    spool.close()


def test_what_was_read_makes_room_on_a_full_disk(folder, monkeypatch):
    """The note of how far it was read needs room as well; without it rows come again, and their ids are known."""
    spool = Spool(folder, segment_bytes=10)
    spool.append(lines(1, 2))
    spool.append(lines(3))
    _, position = read_first(spool, 2)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space"):
        spool.advance(position, 2)
    monkeypatch.undo()
    assert len(list(folder.glob("*.rows"))) == 1
    assert read_all(spool) == lines(3)
    spool.close()


def test_a_folder_belongs_to_one_service(folder):
    """A second one is refused, until the first one is closed."""
    spool = Spool(folder)
    with pytest.raises(BlockingIOError, match="in use by another service"):
        Spool(folder)
    spool.close()
    spool.close()
    Spool(folder).close()


def test_one_appends_while_another_reads(folder):
    """No line is lost where the end of a file that is read meets the one that grows."""
    spool, count = Spool(folder, segment_bytes=100), 400
    thread = threading.Thread(target=lambda: [spool.append(lines(number)) for number in range(count)])
    thread.start()
    found: list[bytes] = []
    while len(found) < count:
        assert thread.is_alive() or len(spool), found[-1:]
        found += read_all(spool, 7)
    thread.join()
    assert found == lines(*range(count))
    spool.close()
