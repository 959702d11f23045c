"""Alerts on disk that are damaged, deleted, or accepted by no broker: put aside, and all others are sent once."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alerts import (
    all_of,
    envelopes,
    fill,
    health,
    put_aside,
    segments,
    sending_from,
    through,
    waits_for_nothing,
    witness_of,
)
from contract.meshes import Mesh, fresh_mesh
from reports import FULL, report
from support.proxy import Proxy
from support.traffic import ALERT_KEY
from support.waiting import eventually

from dripline.core import MsgAlert
from dripline.runtime import alert_publisher
from dripline.runtime.alert_backlog import to_line
from dripline.runtime.spool import Spool
from dripline.transport.address import BrokerAddress

OLD = Path(__file__).parents[1] / "fixtures" / "spools-6.0.0"
COUNT = 20
FLIPS = 400 if FULL else 25


@pytest.fixture
def mesh(broker: BrokerAddress, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mesh]:
    """A mesh on which a service is back soon, and sends soon."""
    monkeypatch.setattr(alert_publisher, "_SETTLE_S", -1.0)
    with fresh_mesh(broker, max_reconnect_delay_s=1) as mesh:
        yield mesh


def append(folder: Path, *lines: bytes) -> None:
    """Put records into a spool that have a valid checksum, whatever they are."""
    spool = Spool(folder)
    spool.append(lines)
    spool.close()


def edit(folder: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Change the lines of the last file of a spool."""
    file = segments(folder)[-1]
    file.write_bytes(b"".join(change(file.read_bytes().splitlines(keepends=True))))


def torn(lines: list[bytes]) -> list[bytes]:
    """The middle of the tenth line is gone."""
    return [*lines[:10], lines[10][:50] + lines[10][-50:], *lines[11:]]


def zeroed(lines: list[bytes]) -> list[bytes]:
    """The tenth line is zero bytes, its newline as well."""
    return [*lines[:10], bytes(len(lines[10])), *lines[11:]]


def garbage(lines: list[bytes]) -> list[bytes]:
    """The tenth line is random bytes, some of them newlines."""
    return [*lines[:10], random.Random(1).randbytes(5000), b"\n", *lines[11:]]


def not_one_chunk(**changes: object) -> bytes:
    """A record whose checksum is right, and which is wrong all the same."""
    ((key, properties, body),) = json.loads(to_line(envelopes(10)))
    chunk = {"key": key, "properties": properties, "body": body, **changes}
    return json.dumps([list(chunk.values())]).encode() + b"\n"


WRONG = {
    "deeply nested": b"[" * 100_000 + b"\n",
    "no key": not_one_chunk(key=None),
    "overlong key": not_one_chunk(key="k" * 256),
    "key of another kind": not_one_chunk(key=["x"]),
    "not base64": not_one_chunk(body="!!"),
    "damaged properties": not_one_chunk(properties="/////w=="),
    "properties of no frame": not_one_chunk(properties="ZoA" + "A" * 400_001),
    "body missing": b'[["x", ""]]\n',
    "empty": b"[]\n",
    "not json": b"\x00\xff\xfe\n",
}


@pytest.mark.parametrize("damage", [torn, zeroed, garbage])
def test_damage_on_disk_costs_the_damaged_alert_only(broker, mesh, tmp_path: Path, damage) -> None:
    """Those before and behind it arrive, each once; the damaged one is put aside and counted."""
    fill(tmp_path, range(COUNT))
    edit(tmp_path, damage)
    with witness_of(broker, mesh) as witness, sending_from(tmp_path, mesh) as service:
        assert waits_for_nothing(service)
        others = set(range(COUNT)) - {10}
        assert all_of(witness, others)
        assert health(service)["damaged_alerts"] == 1
        service.send(MsgAlert.create({"value_raw": COUNT}, ALERT_KEY))
        assert all_of(witness, {*others, COUNT})
        assert witness.heard.total() == COUNT
    assert "damaged on disk" in put_aside(tmp_path)[0]["reason"]
    assert not segments(tmp_path)


@pytest.mark.parametrize("kind", WRONG)
def test_a_record_that_is_no_alert_blocks_nothing(broker, mesh, tmp_path: Path, kind) -> None:
    """Whatever it is, though its checksum is right."""
    fill(tmp_path, range(5))
    append(tmp_path, WRONG[kind])
    fill(tmp_path, range(5, 10))
    with witness_of(broker, mesh) as witness, sending_from(tmp_path, mesh) as service:
        assert waits_for_nothing(service)
        assert all_of(witness, range(10))
        assert eventually(lambda: health(service)["damaged_alerts"] == 1)
        assert witness.heard.total() == 10
    assert len(put_aside(tmp_path)) == 1


def test_one_flipped_bit_anywhere_costs_one_alert_at_most(broker, mesh, tmp_path: Path, request) -> None:
    """In a key, a checksum, a body, or a newline: all others arrive once, and nothing else does."""
    chance = random.Random(7)
    folder, part = tmp_path / "spool", tmp_path / "part"
    folder.mkdir()
    for turn in range(FLIPS):
        fill(part, range(turn * 10, turn * 10 + 10))
        (file,) = segments(part)
        data = bytearray(file.read_bytes())
        special = [8 * data.index(b"\n") + 2, 8 * len(data) - 6, 0, 5]  # newlines, and the first byte
        bit = special[turn] if turn < len(special) else chance.randrange(8 * len(data))
        data[bit // 8] ^= 1 << bit % 8
        (folder / f"{turn + 1:012d}.rows").write_bytes(data)
        shutil.rmtree(part)
    sent = 10 * FLIPS
    with witness_of(broker, mesh) as witness, sending_from(folder, mesh) as service:
        assert waits_for_nothing(service)
        assert eventually(lambda: len(witness.heard) + health(service)["damaged_alerts"] == sent)
        for turn in range(FLIPS):
            assert len(set(range(turn * 10, turn * 10 + 10)) - set(witness.heard)) <= 1
        report(
            "a bit of the spool flipped",
            request.node.callspec.params["broker"],
            times=FLIPS,
            sent=sent,
            missing=sent - len(witness.heard),
            put_aside=len(put_aside(folder)),
            twice=witness.heard.total() - len(witness.heard),
        )
        assert witness.heard.total() == len(witness.heard)


def test_a_spool_of_version_6_0_0_is_sent(broker, mesh, tmp_path: Path) -> None:
    """From where it was read to; new alerts go behind its own."""
    folder = tmp_path / "spool"
    shutil.copytree(OLD / "alerts", folder)
    keys = []
    connection = mesh.pika()
    channel = connection.channel()
    channel.exchange_declare(mesh.alerts, "topic")
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, mesh.alerts, "test_value.#")
    with sending_from(folder, mesh) as service:
        service.send(MsgAlert.create({"value_raw": 30}, "test_value.n30"))
        for method, properties, _ in channel.consume(queue, inactivity_timeout=30):
            assert method is not None, keys
            if "/0/" in properties.message_id:  # one of them has several chunks
                keys.append(method.routing_key)
            if len(keys) == 26:
                break
        assert eventually(lambda: service._Service__link._publisher._backlog.is_idle)
        assert health(service)["damaged_alerts"] == 0
    connection.close()
    assert keys == [f"test_value.n{number}" for number in range(5, 31)]
    assert not segments(folder)


def test_a_damaged_alert_of_version_6_0_0_costs_itself_only(broker, mesh, tmp_path: Path) -> None:
    """It has no checksum; what it must be like is known."""
    fill(tmp_path, range(10))
    lines = [to_line(envelopes(number)) for number in range(10)]
    lines[3] = lines[3][:100] + lines[3][200:]
    lines[5] = bytes(len(lines[5]) - 1) + b"\n"
    (file,) = segments(tmp_path)
    file.write_bytes(b"".join(lines))
    with witness_of(broker, mesh) as witness, sending_from(tmp_path, mesh) as service:
        assert waits_for_nothing(service)
        assert all_of(witness, set(range(10)) - {3, 5})
        assert eventually(lambda: health(service)["damaged_alerts"] == 2)
        assert witness.heard.total() == 8


@pytest.mark.parametrize("position", ["", "torn", "-1 -1", "1 17", "99 0", "1 999999999", "\x00\xff", "1 1 1\n"])
def test_a_damaged_position_loses_nothing(broker, mesh, tmp_path: Path, position) -> None:
    """All are sent then: better twice than not at all, and the ids show it."""
    fill(tmp_path, range(10))
    (tmp_path / "position").write_text(position)
    with witness_of(broker, mesh) as witness, sending_from(tmp_path, mesh) as service:
        assert all_of(witness, range(10))
        assert health(service)["damaged_alerts"] == 0


@pytest.mark.parametrize("what", ["folder", "file", "a file in its place"])
def test_a_spool_that_is_deleted_does_not_stop_what_comes_after(broker, mesh, tmp_path: Path, what) -> None:
    """What was on disk only is lost and counted; what comes afterwards waits on disk again, and is sent."""
    folder = tmp_path / "spool"
    with (
        Proxy(broker.host, broker.port) as proxy,
        witness_of(broker, mesh) as witness,
        sending_from(
            folder, mesh, alert_spool={"in_memory": 10}, heartbeat_interval_s=0, **through(mesh, proxy)
        ) as service,
    ):
        proxy.refuse = True
        proxy.cut()
        assert eventually(lambda: not service._dripline_is_connected())
        for number in range(100):
            service.send(MsgAlert.create({"value_raw": number}, ALERT_KEY))
        backlog = service._Service__link._publisher._backlog
        assert eventually(lambda: backlog._spool is not None and len(backlog._spool) == 100)
        for file in segments(folder):
            file.unlink()
            if what == "a file in its place":
                file.write_bytes(b"something else\n")
        if what == "folder":
            shutil.rmtree(folder)
        for number in range(100, 200):
            service.send(MsgAlert.create({"value_raw": number}, ALERT_KEY))
        proxy.refuse = False
        assert all_of(witness, range(100, 200))
        assert waits_for_nothing(service)
        assert eventually(lambda: len(witness.heard) + health(service)["damaged_alerts"] == 200)
        assert health(service)["damaged_alerts"] == 100
        assert health(service)["dropped_alerts"] == 0


def poison() -> bytes:
    """An alert that looks right and makes a broker close the connection: a property is announced and missing."""
    (envelope,) = envelopes(10)
    flags = int.from_bytes(envelope.properties[:2], "big") | 1 << 4
    return to_line([envelope._replace(properties=flags.to_bytes(2, "big") + envelope.properties[2:])])


@pytest.mark.timeout(120)
def test_an_alert_that_makes_the_broker_close_the_connection_is_put_aside(
    broker, mesh, tmp_path: Path, request
) -> None:
    """After it did so repeatedly, and alone; all others arrive, and the reason is kept with it."""
    fill(tmp_path, range(50))
    append(tmp_path, poison())
    fill(tmp_path, range(50, 100))
    with witness_of(broker, mesh) as witness, sending_from(tmp_path, mesh) as service:
        assert all_of(witness, range(100))
        assert waits_for_nothing(service)
        assert health(service)["damaged_alerts"] == 1
        report(
            "an alert the broker does not accept",
            request.node.callspec.params["broker"],
            sent=101,
            missing=len(witness.missing(100)),
            put_aside=len(put_aside(tmp_path)),
        )
    (aside,) = put_aside(tmp_path)
    assert "the connection ended each time" in aside["reason"]
