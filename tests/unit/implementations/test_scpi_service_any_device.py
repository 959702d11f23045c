"""Whatever a device does, no question is answered with another's answer."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dripline.core import ThrowReply
from dripline.implementations import communicator
from dripline.implementations.communicator import Deadline, Medium
from dripline.implementations.scpi_service import SCPIService

from .scripted_device import reply_to

DEEDS = ("answer", "silence", "late", "part", "part and late", "two lines", "stale line", "hang up", "noise")


class Imagined(Medium):
    """A device in memory, in which no time passes: it says what it has to say, or a read times out.

    Args:
        deeds: what it does for each question, one after the other; it answers when there are no more.
        chunk: how many bytes are read at a time.
        is_new: whether a renewed connection brings nothing old, as TCP, or what is late, as a serial line.
    """

    device = "nowhere"

    def __init__(self, deeds: list[str], chunk: int, is_new: bool) -> None:
        self._deeds = list(deeds)
        self._chunk = chunk
        self._is_new = is_new
        self._there = b""
        self._late = b""
        self._is_open = False
        self._stale = b"stale\n"

    def renew(self, timeout_s: float) -> bool:
        """Open it."""
        if self._is_new:
            self._there = self._late = b""
        was_open, self._is_open = self._is_open, True
        return self._is_new or not was_open

    def close(self) -> None:
        """Close it."""
        self._is_open = False

    def write(self, data: bytes, deadline: Deadline) -> None:
        """Take a question, and do something."""
        self._check()
        deed = self._deeds.pop(0) if self._deeds else "answer"
        answer = reply_to(data.decode().strip()).encode() + b"\n"
        if deed == "hang up":
            self.close()
        elif deed in ("part", "part and late"):
            self._there += answer[:1]
            self._late += answer[1:] if deed == "part and late" else b""
        elif deed == "late":
            self._late += answer
        elif deed != "silence":
            before = {"stale line": self._stale, "noise": b"\xff\x00"}.get(deed, b"")
            self._there += before + (answer * 2 if deed == "two lines" else answer)
        if deed in ("answer", "part"):
            self._stale = answer

    def read(self, deadline: Deadline) -> bytes:
        """Give some bytes; what is late comes when somebody has waited for it in vain."""
        self._check()
        if not self._there:
            self._there, self._late = self._late, b""
            raise TimeoutError
        data, self._there = self._there[: self._chunk], self._there[self._chunk :]
        return data

    def pending(self) -> bytes:
        """Give all that is there."""
        self._check()
        data, self._there = self._there, b""
        return data

    def _check(self) -> None:
        if not self._is_open:
            raise ConnectionResetError("the device hung up")


class Service(SCPIService):
    """A service for it."""

    def __init__(self, medium: Medium) -> None:
        self._imagined = medium
        terminators = {"command_terminator": "\n", "response_terminator": "\n"}
        SCPIService.__init__(self, 30.0, name="psu", make_connection=False, **terminators)

    def _dripline_medium(self) -> Medium:
        return self._imagined


def unspoilt(answers: str) -> list[str]:
    """The answers, without the noise that no terminator parts from them."""
    return [answer.lstrip("\ufffd\x00") for answer in answers.split(";")]


def asked(service: Service, names: list[str]) -> tuple[str, str]:
    """The answer to these questions, or what is said instead."""
    try:
        return service.send_to_device([f"{name}?" for name in names]), ""
    except ThrowReply as error:
        return "", str(error)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(communicator, "_FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(communicator, "_LONGEST_PAUSE_S", 0.0)


@pytest.mark.usefixtures("no_pauses")
@given(
    deeds=st.lists(st.sampled_from(DEEDS), max_size=12),
    chunk=st.sampled_from([1, 2, 5, 4096]),
    is_new=st.booleans(),
    lengths=st.lists(st.integers(1, 3), min_size=1, max_size=6),
)
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_each_question_gets_its_own_answer_or_an_error(deeds, chunk, is_new, lengths):
    """On connections that are made anew, and on lines that are not; and in the end it answers again."""
    service = Service(Imagined(deeds, chunk, is_new))
    for number, length in enumerate(lengths):
        names = [f"Q{number}N{part}" for part in range(length)]
        answer, problem = asked(service, names)
        assert unspoilt(answer) == names if answer else "psu: device at nowhere" in problem
    for _ in range(len(deeds) + 1):  # each deed spoils one attempt at most
        answer, _ = asked(service, ["LAST"])
        if answer:
            break
    assert unspoilt(answer) == ["LAST"]
