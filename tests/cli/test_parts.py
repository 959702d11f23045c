"""The parts that commands are made of, called directly."""

from __future__ import annotations

import contextlib
import io
import logging
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.cli import logs
from dripline.cli.asking import value_text
from dripline.cli.embedded import answers, is_local
from dripline.cli.options import CommonOptions
from dripline.cli.payload import make_payload
from dripline.cli.session import open_client_session, open_session
from dripline.cli.table import LiveTable, line_of
from dripline.wire.enums import op_t
from dripline.wire.errors import ConfigurationError
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


def test_words_that_contradict_each_other_are_refused():
    """Nobody can know which was meant."""
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


def test_an_empty_password_is_one():
    """It is not the same as none."""
    assert open_session(CommonOptions(password="")).password == ""


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
        "a    2      my_store  0 s  1",
        "b    3      my_store  0 s  2",
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


def test_a_table_is_drawn_over_the_one_before():
    """The cursor goes up as many lines as were drawn."""
    terminal = io.StringIO()
    table = LiveTable(terminal)
    table.draw()
    table.take(_alert("a", 1))
    table.draw()
    table.draw()
    drawn = terminal.getvalue().split("\033[J")
    assert drawn[1].startswith("\033[1A\rKEY")
    assert drawn[2].startswith("\033[2A\rKEY")
