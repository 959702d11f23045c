"""The parts that commands are made of, called directly."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.errors import ConfigurationError
from dripline.programs import logs
from dripline.programs import processes as supervisor
from dripline.programs.common_options import CommonOptions
from dripline.programs.embedded_broker import answers, is_local
from dripline.programs.monitor import LiveTable, line_of
from dripline.programs.output import value_text
from dripline.programs.request import make_payload
from dripline.programs.session import open_client_session, open_session
from dripline.programs.signals import Interrupted, StopEvent
from dripline.wire.enums import op_t
from dripline.wire.message import MsgAlert, MsgReply, MsgRequest


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home without settings."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "payload"),
    [
        ([], {}),
        (["1", "a", "null"], {"values": [1, "a", None]}),
        (["a.b=1", "2", "d.0=x"], {"a": {"b": 1}, "d": ["x"], "values": [2]}),
        (["values.0=5"], {"values": [5]}),
        (["*OPC?=1"], {"values": ["*OPC?=1"]}),
    ],
)
def test_words_become_a_payload(words, payload):
    """Positional ones are `values`, keywords the rest."""
    assert make_payload(words) == payload


def test_words_for_values_are_values_whatever_they_look_like():
    """A `=` makes none of them a keyword, and none gets lost."""
    assert make_payload(["1"], ["a=b", "c", "2"]) == {"values": [1, "a=b", "c", 2]}


def test_words_that_contradict_each_other_are_refused():
    """Nobody can know which was meant."""
    with pytest.raises(ConfigurationError, match=r"^values=1 and \[5\] are both 'values'; leave one out"):
        make_payload(["values=1"], ["5"])
    with pytest.raises(ConfigurationError, match=r"^values=1 and \[5\] are both 'values'; leave one out"):
        make_payload(["values=1", "5"])


@given(st.lists(st.text()))
def test_any_words_become_a_payload_or_are_refused(words):
    """With a ConfigurationError, nothing else."""
    with contextlib.suppress(ConfigurationError):
        assert isinstance(make_payload(words), dict)


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"value_cal": 1.5, "value_raw": 0.75}, "1.5"),
        ({"value_raw": "OPEN"}, "OPEN"),
        ({"value_cal": None, "value_raw": 1}, "null"),
        ({"value": 33.0}, "33.0"),
        ({"values": [False]}, "false"),
        ({"values": [1, 2]}, '{"values": [1, 2]}'),
        ({"values": [1], "unit": "V"}, '{"values": [1], "unit": "V"}'),
        ({"key": "µ"}, '{"key": "µ"}'),
        ([1, None], "[1, null]"),
        ("text", "text"),
        (None, ""),
    ],
)
def test_a_person_wants_to_see_the_value(payload, text):
    """The calibrated one first; whatever else there is as JSON."""
    assert value_text(payload) == text


def test_options_win_over_files_and_words(home, monkeypatch):
    """`-b` over the mesh file, `-u` over the configuration; what is handed on agrees with it."""
    monkeypatch.chdir(home)
    (home / ".dripline_mesh.yaml").write_text("broker: lab\nbroker_port: 5673\n")
    (home / "s.yaml").write_text("name: s\nusername: from_file\npassword: {env: NOT_SET, default: p}\n")
    common = CommonOptions(config="s.yaml", broker="other", username="me")
    session = open_session(common, ["dripline_mesh.broker=word"])
    assert (session.mesh.broker, session.mesh.broker_port) == ("other", 5673)
    assert (session.username, session.password) == ("me", "p")
    assert session.configuration["username"] == "me"


def test_a_client_tries_once_unless_told_else(home):
    """A person waits; a service does not mind."""
    assert open_client_session(CommonOptions()).mesh.max_connection_attempts == 1
    assert open_session(CommonOptions()).mesh.max_connection_attempts == 10
    assert open_client_session(CommonOptions(max_connection_attempts=3)).mesh.max_connection_attempts == 3
    (home / ".dripline_mesh.yaml").write_text("max_connection_attempts: 4\n")
    assert open_client_session(CommonOptions()).mesh.max_connection_attempts == 4


def test_an_old_authentication_file_may_name_the_broker(home):
    """Anything else said wins."""
    (home / "auths.json").write_text('{"amqp": {"broker": "rabbit", "username": "u", "password": "p"}}')
    common = CommonOptions(auth_file=str(home / "auths.json"))
    session = open_session(common)
    assert (session.mesh.broker, session.username, session.password) == ("rabbit", "u", "p")
    (home / ".dripline_mesh.yaml").write_text("broker: lab\n")
    assert open_session(common).mesh.broker == "lab"


def test_an_empty_password_is_a_mistake():
    """It is not the same as none: a variable that is not set must not become a login without a password."""
    with pytest.raises(ConfigurationError):
        open_session(CommonOptions(password=""))


@pytest.mark.parametrize(
    ("base", "verbose", "quiet", "level"),
    [
        (logging.INFO, 0, 0, logging.INFO),
        (logging.INFO, 1, 0, logging.DEBUG),
        (logging.INFO, 9, 0, logging.DEBUG),
        (logging.INFO, 0, 1, logging.WARNING),
        (logging.WARNING, 1, 0, logging.INFO),
        (logging.WARNING, 2, 1, logging.INFO),
        (logging.WARNING, 0, 9, logging.CRITICAL),
    ],
)
def test_each_v_shows_more_and_each_q_less(monkeypatch, base, verbose, quiet, level):
    """From what the command shows by itself."""
    monkeypatch.setattr(logging, "root", logging.RootLogger(logging.WARNING))
    monkeypatch.setattr(logging.Logger, "root", logging.root)
    logs.set_up(base, verbose, quiet)
    assert logging.root.level == level


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "marked"), [(io.StringIO(), False), (_Terminal(), True)])
def test_colour_is_for_terminals_only(monkeypatch, stream, marked):
    """And for what is no ordinary message."""
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr(logging, "root", logging.RootLogger(logging.WARNING))
    monkeypatch.setattr(logging.Logger, "root", logging.root)
    logs.set_up(logging.INFO, 0, 0, "my_store")
    logging.root.warning("careful, %s", "hot")
    logging.root.info("fine")
    warning, info = stream.getvalue().splitlines()
    assert ("\033[33m" in warning, "\033" in info) == (marked, False)
    assert warning.removesuffix("\033[0m").endswith(" warning root [my_store] careful, hot")


def test_local_addresses_are_told_from_others():
    """An embedded broker can only listen on one of this machine."""
    assert is_local("localhost")
    assert is_local("127.0.0.1")
    assert not is_local("192.0.2.1")
    assert not is_local("no-such-host.invalid")


def test_a_port_answers_when_somebody_listens():
    """And not when nobody does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert answers("127.0.0.1", port)
    assert not answers("127.0.0.1", port)


def _alert(key: str, payload, service: str = "my_store") -> MsgAlert:
    alert = MsgAlert.create(payload, key)
    alert.timestamp = "2026-11-21T00:21:27.508039Z"
    alert.sender_info = {"service_name": service}
    return alert


def test_a_message_in_one_line():
    """Time, key, value, sender; operation and specifier of requests, code and message of replies."""
    assert (
        line_of(_alert("sensor_value.peaches", {"value_raw": 1})) == "00:21:27 sensor_value.peaches 1 (my_store)"
    )
    request = MsgRequest.create({"values": [3]}, op_t.set, "peaches", "log_on_set")
    assert line_of(request) == "--:--:-- peaches set log_on_set 3"
    assert line_of(MsgRequest.create({}, op_t.get, "peaches")) == "--:--:-- peaches get"
    assert (
        line_of(MsgReply.create(310, "no such thing", None, "amq.gen-1")) == "--:--:-- amq.gen-1 310 no such thing"
    )
    assert line_of(_alert("a", "two\nlines")) == "00:21:27 a two lines (my_store)"


def test_a_table_has_a_row_for_each_key():
    """With the latest value, and how many there were."""
    table = LiveTable(io.StringIO())
    assert table.lines(80, 24) == ["waiting for news; Ctrl-C ends"]
    for key, value in (("b", 1), ("a", 2), ("b", 3)):
        table.take(_alert(key, {"value_cal": value}))
    assert table.lines(80, 24) == [
        "KEY  VALUE  FROM      AGE  COUNT",
        "a    2      my_store  0 s      1",
        "b    3      my_store  0 s      2",
    ]


def test_a_table_fits_into_its_terminal():
    """Long cells are cut, and the keys heard last are kept."""
    table = LiveTable(io.StringIO())
    for number in range(50):
        table.take(_alert(f"key{number:02}", "x" * 200))
    lines = table.lines(60, 11)
    assert len(lines) == 11
    assert max(map(len, lines)) == 60
    assert [line[:5] for line in lines[1:]] == [f"key{number}" for number in range(40, 50)]
    assert "xxx…" in table.lines(200, 11)[1]


def test_a_narrow_table_keeps_what_matters():
    """Key, value and age stay longest; what tells keys apart is at their end. Numbers lose what nobody reads."""
    table = LiveTable(io.StringIO())
    table.take(_alert("sensor_value.cold_head_temperature", {"value_cal": 77.19412345678901}, "thermometer"))
    (_, row) = table.lines(80, 24)
    assert row == "sensor_value.cold_head_temperature  77.19412  thermometer  0 s      1"
    assert table.lines(60, 24)[1] == "sensor_value.cold_head_temperature  77.19412  0 s"
    assert table.lines(40, 24)[1] == "…r_value.cold_head_temperature  77.19412"
    assert table.lines(24, 24)[1] == "…d_temperature  77.19412"


def test_columns_of_a_table_do_not_jump():
    """A shorter value leaves the others where they are; another width of the terminal is a new beginning."""
    table = LiveTable(io.StringIO())
    table.take(_alert("a", "a long value"))
    wide = table.lines(80, 24)[0]
    table.take(_alert("a", "no"))
    assert table.lines(80, 24)[0] == wide
    assert table.lines(79, 24)[0] == "KEY  VALUE  FROM      AGE  COUNT"


def test_a_terminal_obeys_no_message():
    """What would move its cursor, in a key or a value, is a mark instead."""
    evil = _alert("a\033[2J", "b\033]0;title\a", "c\033c")
    table = LiveTable(io.StringIO())
    table.take(evil)
    assert "\033" not in line_of(evil) + "".join(table.lines(80, 24))


@pytest.mark.parametrize(("variables", "colours"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_table_is_coloured_unless_that_is_not_wanted(variables, colours, monkeypatch):
    """What is not well is yellow or red."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    terminal = io.StringIO()
    table = LiveTable(terminal)
    table.take(_alert("status_message.magnet.critical", "too hot"))
    table.take(_alert("status_message.magnet.notice", "cold again"))
    table.draw()
    assert ("\033[31mstatus_message.magnet.critical" in terminal.getvalue()) == colours
    assert ("\033[0m" in terminal.getvalue()) == colours


def test_a_table_is_drawn_over_the_one_before(monkeypatch):
    """The cursor goes up as many lines as were drawn."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    terminal = io.StringIO()
    table = LiveTable(terminal)
    table.draw()
    table.take(_alert("a", 1))
    table.draw()
    table.draw()
    drawn = terminal.getvalue().split("\033[J")
    assert drawn[1].startswith("\033[1A\r\033[1mKEY")
    assert drawn[2].startswith("\033[2A\r\033[1mKEY")


def test_a_signal_that_interrupts_nothing_ends_it_too():
    """The system may hand a signal to another thread; what waits in the main thread is not woken by it."""
    stop = StopEvent()
    with stop.armed():
        other = threading.Timer(0.05, lambda: signal.pthread_kill(threading.get_ident(), signal.SIGTERM))
        other.start()
        assert stop.wait()
        other.join()


def test_a_signal_ends_a_wait_at_whatever_moment_it_comes():
    """Also when the wait is just beginning or ending and holds its lock."""
    program = (
        "import os\nfrom dripline.programs.signals import StopEvent\nwhile True:\n    stop = StopEvent()\n"
        "    with stop.armed():\n        os.write(1, b'?')\n        while not stop.wait(1e-6):\n            pass\n"
        "        os.write(1, b'!')\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        try:
            for round_ in range(500):
                assert read_from(process) == b"?"
                time.sleep(round_ % 50 * 1e-5)
                process.terminate()
                assert read_from(process) == b"!", f"round {round_}"
        finally:
            process.kill()


def read_from(process) -> bytes:
    """One byte of what a process prints, nothing when it prints none."""
    ready, _, _ = select.select([process.stdout], [], [], 30)
    return os.read(process.stdout.fileno(), 1) if ready else b""


def test_a_signal_is_seen_between_two_steps():
    """Wherever it came."""
    stop = StopEvent()
    with stop.armed():
        stop.look()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            stop.look()


def test_a_second_signal_ends_services_at_once(monkeypatch):
    """None is left behind that takes no notice of the first."""
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(99)"
    )
    started = []

    def start(*_):
        child = subprocess.Popen([sys.executable, "-c", stubborn], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert child.stdout.readline()
        started.append(child)
        return child

    monkeypatch.setattr(supervisor, "_start", start)
    interrupts = [threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT)) for after in (0.1, 0.5)]
    with pytest.raises(KeyboardInterrupt):
        supervisor.run_all(
            ["a", "b"], ["of a", "of b"], CommonOptions(),
            on_look=lambda: [interrupts.pop().start() for _ in tuple(interrupts)],
        )  # fmt: skip
    assert [child.returncode for child in started] == [-signal.SIGKILL] * 2
    for child in started:
        child.stdout.close()
        child.stdin.close()
