"""What the tests of lost and kept alerts have in common: spools on disk, services beside them, and a witness."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contract.meshes import Mesh, serving
from support.traffic import ALERT_KEY, Witness
from support.waiting import eventually

from dripline.core import Service
from dripline.runtime.alert_backlog import to_line
from dripline.runtime.spool import Spool
from dripline.transport.address import BrokerAddress
from dripline.wire.codec import Encoder, Envelope
from dripline.wire.message import MsgAlert
from dripline.wire.sender import sender_info

PATIENCE_S = 60.0


def envelopes(number: int, key: str = ALERT_KEY) -> list[Envelope]:
    """A numbered alert, as a service encodes it."""
    alert = MsgAlert.create({"value_raw": number}, key)
    return Encoder(sender_info("service")).encode(alert, "2026-01-02T03:04:05.000006Z")


def fill(folder: Path, numbers: Iterable[int]) -> None:
    """Write numbered alerts to a spool, as a service does while the broker is away."""
    spool = Spool(folder)
    lines = [to_line(envelopes(number)) for number in numbers]
    for start in range(0, len(lines), 500):
        spool.append(lines[start : start + 500])
    spool.close()


def segments(folder: Path) -> list[Path]:
    """The files of a spool, the oldest first."""
    return sorted(folder.glob("*.rows"))


def put_aside(folder: Path) -> list[dict[str, str]]:
    """The records that were put aside there."""
    file = folder / "damaged.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def through(mesh: Mesh, proxy: Any) -> dict[str, Any]:
    """The login of a mesh, with a network between."""
    return {
        **mesh.login,
        "dripline_mesh": {**mesh.settings, "broker": proxy.host, "broker_port": proxy.port},
    }


@contextmanager
def witness_of(broker: BrokerAddress, mesh: Mesh) -> Iterator[Witness]:
    """Who hears all alerts of a mesh, over a connection without faults."""
    witness = Witness(broker, mesh.alerts, mesh.name("witness"))
    try:
        yield witness
    finally:
        witness.end()


@contextmanager
def sending_from(folder: Path, mesh: Mesh, **arguments: Any) -> Iterator[Service]:
    """A service that sends what waits in a folder."""
    spool = {"folder": str(folder), **arguments.pop("alert_spool", {})}
    service = Service(mesh.name("service"), **{**mesh.login, "alert_spool": spool, **arguments})
    with serving(service):
        yield service


def waits_for_nothing(service: Service) -> bool:
    """Wait until a service has nothing left to send."""
    report = service._Service__health.report  # type: ignore[attr-defined]
    return eventually(lambda: report()["waiting_alerts"] == 0, PATIENCE_S)


def health(service: Service) -> dict[str, Any]:
    """What a service reports of itself."""
    return service._Service__health.report()  # type: ignore[attr-defined,no-any-return]


def all_of(witness: Witness, numbers: Iterable[int]) -> bool:
    """Wait until all of some numbers arrived, as long as they keep coming; others may come as well."""
    missing = set(numbers) - set(witness.heard)
    while missing:
        if not eventually(lambda missing=missing: missing & set(witness.heard), PATIENCE_S):
            return False
        missing -= set(witness.heard)
    return True
