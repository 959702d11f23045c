"""A connection that heals itself, and an answer for each question that is its own or none."""

from __future__ import annotations

import logging
import socket
import threading
import time

import pytest
from support.waiting import eventually

from dripline.core import MsgRequest, ThrowReply, op_t
from dripline.implementations import communicator

from .scripted_device import ScriptedDevice, hang_up, nothing, says

pytestmark = pytest.mark.usefixtures("no_leaks")
SHORT_S = 0.6  # long enough for a device on a machine that is busy


def code_of(service, commands) -> int:
    """The code of the reply that sending these ends with."""
    with pytest.raises(ThrowReply) as raised:
        service.send_to_device(commands)
    assert f":{service.socket_info[1]}" in str(raised.value)  # it names the device
    return raised.value.return_code.value


def said(caplog, words: str) -> int:
    """How many lines of the log have these words."""
    return sum(words in record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)


def test_commands_are_answered_in_order(serve, device):
    """Each is asked when the one before was answered."""
    service = serve()
    assert service.send_to_device(["A?", "B?", "C?"]) == "A;B;C"
    assert service.send_to_device("D?") == "D"
    assert service.send_to_device([]) == ""
    assert device.asked == ["*OPC?", "A?", "B?", "C?", "D?"]


def test_it_can_be_asked_by_message(serve):
    """`send_to_device` is a command of the service; what is no text is refused."""
    service = serve()

    def cmd(*values):
        request = MsgRequest.create({"values": list(values)}, op_t.cmd, "psu", "send_to_device")
        reply = service.on_request_message(request)
        return reply.return_code, reply.plain_payload

    assert cmd(["A?"]) == (0, "A")
    assert cmd("B?") == (0, "B")
    assert cmd([1])[0] == cmd(None)[0] == cmd({"a": 1})[0] == cmd("\ud800")[0] == 304


@pytest.mark.parametrize("name", ["_reconnect", "_send_commands", "_dripline_medium", "stop", "socket", "alock"])
def test_messages_do_not_reach_the_machinery(serve, name):
    """Neither calls nor assignments."""
    service = serve()
    request = MsgRequest.create({"values": []}, op_t.cmd, "psu", name)
    assert service.on_request_message(request).return_code == 306
    request = MsgRequest.create({"values": ["x"]}, op_t.set, "psu", name)
    assert service.on_request_message(request).return_code in (304, 310)
    assert service.send_to_device("A?") == "A"


def test_settings_can_be_changed_by_message(serve):
    """And are checked."""
    service = serve()

    def set_(name, value):
        request = MsgRequest.create({"values": [value]}, op_t.set, "psu", name)
        return service.on_request_message(request).return_code

    assert set_("socket_timeout", 2.5) == 0
    assert service.socket_timeout == 2.5
    assert set_("socket_timeout", "soon") == set_("reply_echo_cmd", 7) == 304
    assert set_("response_terminator", "") == set_("command_terminator", "\ud800") == 304
    assert set_("socket_info", ["elsewhere", 1]) == 310, "which device it is stands in the configuration"
    assert set_("cmd_at_reconnect", [1]) == set_("response_terminator", 5) == 304


def test_a_device_that_is_away_at_start_keeps_no_service_from_starting(serve, device, caplog):
    """It is said once, requests are refused at once, and when it is there they are answered."""
    device.unplug()
    service = serve(socket_timeout=30)
    start = time.monotonic()
    for _ in range(50):
        assert code_of(service, "A?") == 201
    assert time.monotonic() - start < 25
    assert said(caplog, "away") == 1
    device.plug_in()
    assert eventually(lambda: _answers(service), 60)
    assert (said(caplog, "away"), said(caplog, "is back")) == (1, 1)


def _answers(service) -> bool:
    try:
        return service.send_to_device("A?") == "A"
    except ThrowReply:
        return False


def test_a_device_unplugged_and_plugged_in_again_is_said_once_each(serve, device, caplog):
    """Twice over: each time one line when lost and one when back."""
    service = serve()
    for times in (1, 2):
        device.unplug()
        assert [code_of(service, "A?") for _ in range(5)] == [201] * 5
        device.plug_in()
        assert eventually(lambda: _answers(service), 60)
        assert (said(caplog, "away"), said(caplog, "is back")) == (times, times)


def test_nobody_waits_for_what_is_known_to_fail(serve, device, monkeypatch):
    """Within the back-off no connection is even tried."""
    monkeypatch.setattr(communicator, "_FIRST_PAUSE_S", 60)
    device.unplug()
    service = serve()
    device.plug_in()
    assert code_of(service, "A?") == 201
    assert device.asked == []


@pytest.mark.parametrize("act", [hang_up, says(b"A", hang_up=True), says(b"", hang_up=True)])
def test_a_connection_that_breaks_is_made_anew_and_the_question_asked_again(serve, device, act, caplog):
    """Nobody notices, and nothing is said."""
    service = serve()
    device.when("A?", act)
    assert service.send_to_device(["B?", "A?", "C?"]) == "B;A;C"
    assert device.asked == ["*OPC?", "B?", "A?", "*OPC?", "A?", "C?"]
    assert said(caplog, "") == 0


def test_a_connection_that_broke_in_between_is_made_anew(serve, device):
    """Before the question is asked, so that it is asked once only."""
    service = serve()
    device.when("A?", says(b"A\n", hang_up=True))
    assert service.send_to_device("A?") == "A"
    assert eventually(lambda: service.socket.recv(1, socket.MSG_PEEK) == b"")
    assert service.send_to_device("B?") == "B"
    assert device.asked == ["*OPC?", "A?", "*OPC?", "B?"]


def test_once_more_and_no_more(serve, device):
    """A command that breaks the connection each time is answered with an error; others go on."""
    service = serve()
    device.when("A?", hang_up, hang_up)
    assert code_of(service, "A?") == 201
    assert device.asked.count("A?") == 2
    assert service.send_to_device("B?") == "B"


def test_a_command_without_answer_is_told(serve, device):
    """The device is there, but has nothing to say to that."""
    service = serve(socket_timeout=SHORT_S)
    device.when("A?", nothing, nothing)
    assert code_of(service, "A?") == 202
    service.socket_timeout = 30
    assert service.send_to_device("B?") == "B"


def test_a_silent_device_is_away_until_it_answers(serve, device, caplog):
    """One caller finds it out, the others are told at once: nobody hangs."""
    service = serve(socket_timeout=SHORT_S)
    device.script = {question: [nothing] * 1000 for question in ("A?", "*OPC?")}
    assert code_of(service, "A?") == 202
    asked = len(device.asked)
    start = time.monotonic()
    assert code_of(service, "A?") == 202
    if time.monotonic() - start < SHORT_S:  # else it was time to try again
        assert len(device.asked) == asked
    assert said(caplog, "away") == 1
    device.script.clear()
    service.socket_timeout = 30
    assert eventually(lambda: _answers(service), 60)
    assert said(caplog, "is back") == 1


def test_a_late_answer_is_not_the_next_question_s(serve, device):
    """It comes on a connection that nobody listens to any more."""
    service = serve(socket_timeout=SHORT_S)
    late: list[socket.socket] = []
    device.when("A?", late.append, late.append)
    assert code_of(service, "A?") == 202
    for connection in late:
        try:
            connection.sendall(b"A\n")
        except OSError:
            continue
    service.socket_timeout = 30
    assert service.send_to_device(["B?", "C?"]) == "B;C"


def test_a_line_too_many_is_not_the_next_question_s(serve, device):
    """Which of two lines is the answer nobody knows: the question is asked again on a new connection."""
    service = serve()
    device.when("A?", says(b"stale\nA\n"))
    assert service.send_to_device(["A?", "B?"]) == "A;B"
    device.when("A?", says(b"A\nmore\n"), says(b"A\nmore\n"))
    assert code_of(service, "A?") == 201
    assert service.send_to_device(["B?"]) == "B"


def test_what_comes_between_questions_is_no_answer(serve, device):
    """A device that speaks unasked is not listened to."""
    service = serve()
    held: list[socket.socket] = []
    device.when("A?", lambda connection: (held.append(connection), connection.sendall(b"A\n")))
    assert service.send_to_device("A?") == "A"
    held[0].sendall(b"unasked")
    assert _arrived(service)
    assert service.send_to_device("B?") == "B"
    held[0].close()


def _arrived(service) -> bool:
    return bool(eventually(lambda: service.socket.recv(1, socket.MSG_PEEK)))


def test_a_part_of_an_answer_is_no_answer(serve, device):
    """Neither now nor together with what comes later."""
    service = serve(socket_timeout=SHORT_S)
    device.when("A?", says(b"half"), says(b"half"))
    assert code_of(service, "A?") == 202
    service.socket_timeout = 30
    assert service.send_to_device("B?") == "B"


def test_a_device_that_talks_for_ever_stops_nothing(serve, device, monkeypatch):
    """What it says has a bound in bytes, and the time is one for all it says."""
    monkeypatch.setattr(communicator, "LONGEST_ANSWER", 100_000)
    service = serve()

    def rave(connection: socket.socket) -> None:
        while not device.over.is_set():
            connection.sendall(b"x" * 10_000)

    device.when("A?", rave, rave)
    assert code_of(service, "A?") == 201
    assert service.send_to_device("B?") == "B"


def test_the_time_is_for_the_whole_answer(serve, device):
    """A device that sends a byte now and then does not keep anybody longer."""
    service = serve(socket_timeout=SHORT_S)

    def drip(connection: socket.socket) -> None:
        while not device.over.wait(0.02):
            connection.sendall(b"x")

    device.when("A?", drip, drip)
    start = time.monotonic()
    assert code_of(service, "A?") == 202
    assert time.monotonic() - start < 30


def test_an_answer_with_echo_is_told_from_one_without(serve, device):
    """`reply_echo_cmd`: what does not repeat the question is not its answer."""
    device.script = {"*OPC?": [says(b"*OPC?\n", b"1\n") for _ in range(9)]}
    service = serve(reply_echo_cmd=True)
    device.when("A?", says(b"A?\nA\n"))
    assert service.send_to_device("A?") == "A"
    device.when("A?", says(b"B?\n"), says(b"A?\n", b"A\n"))
    assert service.send_to_device("A?") == "A"
    device.when("A?", says(b"A\n"), says(b"A\n"))
    assert code_of(service, "A?") == 201


def test_bytes_that_are_no_text_are_shown_all_the_same(serve, device):
    """As the replacement character."""
    service = serve()
    device.when("A?", says(b"\xff\xfe\n"))
    assert service.send_to_device("A?") == "\ufffd\ufffd"


def test_a_blank_command_needs_no_answer(serve, device):
    """Nothing but a terminator: silence is an answer."""
    service = serve(socket_timeout=SHORT_S)
    device.when("", nothing)
    assert service.send_to_device([""]) == ""


def test_what_a_device_says_when_connected_is_thrown_away(serve, device):
    """None at the beginning of `cmd_at_reconnect`, and unasked-for text in general."""
    device.greeting = b"Welcome to psu\n"
    assert serve(cmd_at_reconnect=[None, "*OPC?"]).send_to_device("A?") == "A"
    device.greeting = b"Welcome\nto psu\n"
    assert serve(cmd_at_reconnect=[None, None, "*OPC?"], socket_timeout=1.5).send_to_device("A?") == "A"


def test_a_connection_needs_no_test(serve, device):
    """None as `cmd_at_reconnect`."""
    service = serve(cmd_at_reconnect=None)
    assert service.send_to_device("A?") == "A"
    assert device.asked == ["A?"]


def test_a_device_that_fails_the_test_is_away(serve, device, caplog):
    """The text says what was asked and what came."""
    service = serve(reconnect_test="ready")
    assert code_of(service, "A?") == 201
    assert said(caplog, "'*OPC?' was answered with '1' and not with 'ready'") == 1


def test_one_caller_at_a_time(serve, device):
    """Many threads ask at once, and each gets its own answer."""
    service = serve()
    wrong: list[tuple[str, str]] = []

    def ask(thread: int) -> None:
        for number in range(50):
            name = f"T{thread}N{number}"
            if (answer := service.send_to_device([f"{name}?"])) != name:
                wrong.append((name, answer))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(device.asked) == 401


def test_a_service_that_stopped_lets_go_and_comes_back(serve, device):
    """The socket is closed; a later question opens one again."""
    service = serve()
    service.stop()
    assert service.socket.fileno() == -1
    assert service.send_to_device("A?") == "A"


def test_a_configuration_that_cannot_work_is_told(serve):
    """A terminator that is not there is told before anything is opened."""
    with pytest.raises(ValueError, match="response_terminator is missing"):
        serve(response_terminator=None)
    for wrong in ([1], 5, ["*OPC?", None]):
        with pytest.raises(ValueError, match="cmd_at_reconnect is a list of commands"):
            serve(cmd_at_reconnect=wrong)
    with pytest.raises(ValueError, match="psu: socket_info is host and port"):
        serve(socket_info="nonsense")
    with pytest.raises(ValueError, match="socket_timeout is more than 0"):
        serve(socket_timeout=0)


def test_who_did_not_answer_what_is_told(serve, device, caplog):
    """The question, and the key of the configuration to look at."""
    device.script = {question: [nothing] * 9 for question in ("A?", "SYST:REM")}
    service = serve(socket_timeout=SHORT_S)
    with pytest.raises(ThrowReply, match=r"no answer to 'A\?\\n' within"):
        service.send_to_device("A?")
    device.when("A?", says(b"A\nB\n"), says(b"A\nB\n"))
    service.socket_timeout = 30
    with pytest.raises(ThrowReply, match=r"more than one answer to 'A\?\\n': 'A', then 'B"):
        service.send_to_device("A?")
    serve(cmd_at_reconnect=["SYST:REM", "*OPC?"], socket_timeout=SHORT_S)
    assert said(caplog, rf"no answer to 'SYST:REM\n' within {SHORT_S:g} s (cmd_at_reconnect)") == 1


def test_two_services_do_not_share_a_device(serve):
    """Each has its own connection and its own lock."""
    with ScriptedDevice() as other:
        first, second = serve(), serve(name="load", socket_info=f"127.0.0.1:{other.port}")
        assert first.alock is not second.alock
        with first.alock:
            assert second.send_to_device("A?") == "A"
