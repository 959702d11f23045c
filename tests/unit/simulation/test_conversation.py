"""Bytes in, bytes out, and when."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dripline.simulation.conversation import LONGEST_COMMAND, MOST_UNREAD, Conversation
from dripline.simulation.description import read_description
from dripline.simulation.device import Device

from .conftest import SUPPLY


class Talk:
    """One client, and an instrument without a socket; time goes on as it says."""

    def __init__(self, device):
        self.device = device
        self.faults = device.faults
        self.record = []
        self.now = 0.0
        self.conversation = Conversation(device, "client", self.record.append)

    def say(self, data, passing_s=0.0):
        """Send bytes, and take what comes."""
        self.conversation.receive(data, self.now)
        return self.hear(passing_s)

    def hear(self, passing_s=0.0):
        """Let time pass, and take what comes."""
        self.now += passing_s
        self.conversation.advance(self.now)
        out = bytes(self.conversation.outgoing)
        self.conversation.outgoing.clear()
        return out


def _talk(**others):
    return Talk(Device(read_description({**SUPPLY, **others})))


@pytest.fixture
def talk():
    """A client of the power supply."""
    return _talk()


def test_a_command_may_come_in_pieces(talk):
    """And several at once; each answer ends with the terminator."""
    assert talk.say(b"VO") == b""
    assert talk.say(b"LT?\nCURR?\r\n\n*OPC") == b"5\n2\n"
    assert talk.say(b"?\n") == b"1\n"
    assert talk.record == ["VOLT?", "CURR?", "*OPC?"]


@pytest.mark.parametrize(
    ("command_end", "answer_end"), [("\r\n", "\r\n"), (";\r", ">"), ("", "\n"), ("\n", "\r\n\r\n")]
)
def test_terminators_are_the_descriptions(command_end, answer_end):
    """Without one for commands, what comes at once is a command."""
    talk = _talk(command_terminator=command_end, response_terminator=answer_end)
    assert talk.say(b"VOLT?" + command_end.encode()) == b"5" + answer_end.encode()
    assert talk.say(b"VOLT 6" + command_end.encode()) == b""
    assert talk.say(b"VOLT?;CURR?" + command_end.encode()) == b"6;2" + answer_end.encode()


def test_an_instrument_may_echo():
    """The command as it came, before the answer; a command without answer is echoed too."""
    talk = _talk(echo=True)
    assert talk.say(b"VOLT?\n") == b"VOLT?\n5\n"
    assert talk.say(b"VOLT 6\n") == b"VOLT 6\n"
    prompt = _talk(echo=True, command_terminator="\r", response_terminator=">")
    assert prompt.say(b"VOLT 6\rVOLT?\r") == b"VOLT 6\r>VOLT?\r6>"


def test_a_command_without_end_is_thrown_away(talk):
    """Memory is bounded, the error is in the queue, and the next command is answered."""
    for _ in range(20):
        assert talk.say(b"x" * LONGEST_COMMAND) == b""
    assert len(talk.conversation._incoming) <= LONGEST_COMMAND
    assert talk.say(b"y\nSYST:ERR?\nSYST:ERR?\n") == b'-363,"Input buffer overrun"\n0,"No error"\n'


def test_a_client_that_does_not_read_is_not_listened_to(talk):
    """What it sent waits until there is room."""
    question = b"*IDN?\n" * 10000
    talk.conversation.receive(question, 0.0)
    assert not talk.conversation.wants_input
    assert len(talk.conversation.outgoing) < MOST_UNREAD + 100
    heard = 0
    while data := talk.hear():
        heard += data.count(b"\n")
    assert heard == 10000
    assert talk.conversation.wants_input


def test_silence(talk):
    """The command is carried out and not answered."""
    talk.faults.silent = True
    assert talk.say(b"VOLT 7;VOLT?\n") == b""
    talk.faults.silent = False
    assert talk.say(b"VOLT?\n") == b"7\n"


def test_a_slow_answer(talk):
    """Comes when it is due, and the next commands wait for it, as an instrument does one thing at a time."""
    talk.faults.delay_s = 2.0
    assert talk.say(b"VOLT?\nCURR?\n") == b""
    assert talk.conversation.due == 2.0
    assert talk.hear(1.9) == b""
    assert talk.record == ["VOLT?"]
    talk.faults.delay_s = 0
    assert talk.hear(0.2) == b"5\n2\n"


def test_garbage(talk):
    """Bytes of all kinds, ended as an answer is."""
    talk.faults.garbage = True
    answer = talk.say(b"*IDN?\n")
    assert answer.endswith(b"\n")
    assert answer.count(b"\n") == 1
    assert b"supply" not in answer


def test_a_truncated_answer(talk):
    """Its end is missing, terminator and all."""
    talk.faults.truncated = True
    answers = {talk.say(b"*IDN?\n") for _ in range(20)}
    assert all(b"dripline,supply,0,simulated".startswith(answer) for answer in answers)
    assert b"dripline,supply,0,simulated" not in answers
    assert len(answers) > 3


def test_a_late_answer(talk):
    """Comes after that of the next command."""
    talk.faults.late = True
    assert talk.say(b"VOLT?\n") == b""
    talk.faults.late = False
    assert talk.say(b"CURR?\n") == b"2\n5\n"
    talk.faults.late = True
    assert [talk.say(command) for command in (b"VOLT?\n", b"CURR?\n", b"*OPC?\n")] == [b"", b"5\n", b"2\n"]


def test_hanging_up(talk):
    """Instead of an answer; what was answered before is still sent, what comes after is not heard."""
    talk.conversation.receive(b"VOLT?\n", 0.0)
    talk.faults.disconnect = True
    assert talk.say(b"VOLT 9\nCURR?\n") == b"5\n"
    assert talk.conversation.hung_up
    assert talk.device.level("VOLT") == 9
    assert talk.record == ["VOLT?", "VOLT 9"]


def test_commands_about_faults_are_heard_through_all_of_them():
    """Else nobody could end them; and only where they are allowed."""
    talk = _talk(remote_faults=True)
    assert talk.say(b"SIM:FAUL silent,1\nVOLT?\nSIM:FAUL? silent\n") == b"1\n"
    assert talk.say(b"SIM:FAUL delay_s,9\nSIM:FAUL? delay_s\nSIM:FAUL:CLE\nVOLT?\n") == b"9\n5\n"
    deaf = _talk(faults={"silent": 1.0})
    assert deaf.say(b"SIM:FAUL silent,0\nSIM:FAUL? silent\nVOLT?\n") == b""


def test_faults_of_a_description_happen_with_their_probabilities():
    """So a demonstration can have an instrument that is bad now and then."""
    talk = _talk(faults={"silent": 0.2, "garbage": 0.2})
    answers = [talk.say(b"VOLT?\n") for _ in range(500)]
    assert 50 < answers.count(b"") < 160
    assert 230 < answers.count(b"5\n") < 420


_COMMANDS = st.sampled_from(
    [b"VOLT?", b"VOLT 3", b"*IDN?", b"OUTP?;POW?", b"FOO", b"SYST:ERR?", b";", b'"', b"\xff\xfe"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.binary(max_size=40) | _COMMANDS.map(lambda command: command + b"\n")), st.booleans())
def test_no_bytes_are_too_odd(chunks, echo):
    """After whatever came, in whatever pieces, a question is answered."""
    talk = _talk(echo=echo)
    for chunk in chunks:
        talk.say(chunk)
    talk.say(b"\n")
    assert talk.say(b"*OPC?\n") == (b"*OPC?\n1\n" if echo else b"1\n")


@settings(max_examples=100, deadline=None)
@given(
    st.lists(_COMMANDS, max_size=8),
    st.sets(st.sampled_from(["silent", "garbage", "truncated", "late"])),
    st.floats(0, 2),
)
def test_faults_end_when_they_are_ended(commands, faults, delay_s):
    """Nothing of them is left but answers that were under way."""
    talk = _talk()
    for name in faults:
        setattr(talk.faults, name, 0.5)
    talk.faults.delay_s = delay_s
    for command in commands:
        talk.say(command + b"\n")
    talk.faults.clear()
    while talk.conversation.due is not None:
        talk.hear(delay_s + 1)
    talk.say(b"*OPC?\n")
    assert talk.say(b"*OPC?\n") == b"1\n"
