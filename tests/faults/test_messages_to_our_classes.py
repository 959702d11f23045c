"""Messages that would break a shipped class or forge its log, counted in and out, on both brokers."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterator

import pytest
from contract.meshes import Mesh, client, fresh_mesh, serving
from support.waiting import eventually

from dripline.core import Entity, Interface, MsgAlert, MsgRequest, Service, op_t
from dripline.errors import ErrorReply
from dripline.implementations import HeartbeatMonitor, SensorLogger
from dripline.programs.logs import LogFormatter
from dripline.wire.safe_text import safe_text

FULL = bool(os.environ.get("DRIPLINE_TEST_FULL"))
ALERTS = 2000 if FULL else 100
ROUNDS = 200 if FULL else 10
EVIL = "a\x1b[2J\x9b2J\x7f\u202e\u2028\t\r\n12:30:00 error dripline.forged b"


@pytest.fixture
def mesh(broker, tmp_path, monkeypatch) -> Iterator[Mesh]:
    """A mesh of the test's own, and a folder for the files of its services."""
    monkeypatch.chdir(tmp_path)
    with fresh_mesh(broker) as mesh:
        yield mesh


def code_of(interface: Interface, operation: op_t, endpoint: str, value: object, specifier: str) -> int:
    """What a request is answered with."""
    asked = {
        op_t.get: lambda: interface.get(endpoint, specifier),
        op_t.set: lambda: interface.set(endpoint, value, specifier),
        op_t.cmd: lambda: interface.cmd(endpoint, specifier, [value]),
    }
    try:
        asked[operation]()
    except ErrorReply as error:
        return error.return_code
    return 0


def test_no_message_breaks_a_logger(mesh):
    """Every name that a logger has is read, set and called: each request is answered, each alert becomes a row."""
    logger = SensorLogger(name=mesh.name("logger"), heartbeat_interval_s=0, **mesh.login)
    names = sorted({*dir(logger), *(name for kind in type(logger).__mro__ for name in vars(kind))})
    sender = Service(mesh.name("sender"), heartbeat_interval_s=0, **mesh.login)
    codes = dict.fromkeys(("get", "set", "cmd"), 0)
    with serving(logger), serving(sender), client(mesh) as interface:
        for number, name in enumerate(names):
            if number < ALERTS:
                sender.send(MsgAlert.create({"value_raw": number}, "sensor_value.peaches"))
            for operation in (op_t.get, op_t.set, op_t.cmd):
                code = code_of(interface, operation, logger.name, "x", name)
                reached = (operation.name, name) in {("get", "name"), ("cmd", "on_get"), ("cmd", "on_set")}
                assert reached or code in (306, 310), (operation, name, code)
                codes[operation.name] += 1
        for number in range(len(names), ALERTS):
            sender.send(MsgAlert.create({"value_raw": number}, "sensor_value.peaches"))
        assert eventually(lambda: interface.get(logger.name)["written"] >= ALERTS, 60)
        report = interface.get(logger.name)
    assert codes == dict.fromkeys(codes, len(names))
    assert (report["refused"], report["dropped"]) == (0, 0)
    with sqlite3.connect("slow_controls.sqlite") as database:
        found = [row[0] for row in database.execute("SELECT value_raw FROM sensor_values ORDER BY value_raw")]
    assert found == [float(number) for number in range(ALERTS)]


def test_settings_by_message_are_those_of_a_configuration(mesh):
    """Bad values are answered with 304 and change nothing; the monitor and the entity go on as they were."""
    monitor = HeartbeatMonitor(name=mesh.name("monitor"), heartbeat_interval_s=0, **mesh.login)
    store = Entity(name=mesh.name("store"))
    monitor.add_child(store)
    bad = [-5, -0.5, 0, "soon", "nan", "inf", True, [], {}, {"x": 1}, None, 10**400]
    spans = [(monitor.name, "warning_threshold_s"), (monitor.name, "critical_threshold_s")]
    with serving(monitor), client(mesh) as interface:
        before = [interface.get(*setting) for setting in spans]
        for setting in spans:
            answers = [code_of(interface, op_t.set, setting[0], value, setting[1]) for value in bad]
            assert answers == [304] * len(answers)
        for name, value in [("max_absolute_change", -1), ("log_interval", "soon"), ("check_field", 3)]:
            assert code_of(interface, op_t.set, store.name, value, name) == 304
        assert [interface.get(*setting) for setting in spans] == before
        assert interface.get(store.name, "check_field") == {"values": ["value_cal"]}


class Rude(Entity):
    """Fails with any text."""

    def fail(self, text: str) -> None:
        """As a handler that repeats what it was sent."""
        raise ValueError(f"bad {text}")


def test_text_of_a_peer_forges_no_line_of_a_log(mesh, caplog):
    """In keys, specifiers, values and exceptions: each request is answered with its text, each line is ours."""
    caplog.set_level(logging.DEBUG)
    service = Service(mesh.name("service"), heartbeat_interval_s=0, handler_timeout=5, **mesh.login)
    rude = Rude(name=mesh.name("rude"))
    service.add_child(rude)
    replies = []
    with serving(service), client(mesh) as interface:
        for number in range(ROUNDS):
            text = f"{EVIL} {number}"
            for operation, specifier in [(op_t.cmd, "fail"), (op_t.get, text), (op_t.set, text), (op_t.cmd, text)]:
                payload = {} if operation is op_t.get else {"values": [text]}
                request = MsgRequest.create(payload, operation, f"{rude.name}.{text}"[:200], specifier)
                reply = interface._dripline_exchange(request, 20)
                replies.append((reply.return_code, text in reply.return_message))
            interface.send(MsgAlert.create(text, f"sensor_value.{text}"[:200]))
    assert len(replies) == 4 * ROUNDS
    assert replies[0] == (999, True)
    assert all(code >= 300 for code, _ in replies)
    shown = "\n".join(map(LogFormatter("", colour=False).format, caplog.records)).split("\n")
    own = re.compile(r"\d\d:\d\d:\d\d (debug|info|warning|error) [\w.]+ .*|    .*")
    assert all(line.isprintable() and own.fullmatch(line) for line in shown)
    assert not [line for line in shown if line.strip().startswith("12:30:00 error")]
    assert any(f"ValueError: bad {safe_text(EVIL)}" in line for line in shown)
    for record in caplog.records:  # for programs that configure logging themselves
        assert record.name.startswith("pika") or "\n" not in record.getMessage(), record.getMessage()
