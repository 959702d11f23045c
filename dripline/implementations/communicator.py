"""Sends a command to a device and reads one response, over any medium; detects an absent device.

`Line` asks and listens, `Medium` is what lies below it (each in the file of its service), and `Presence` knows
whether the device is there.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator

from dripline.core.throw_reply import ThrowReply
from dripline.runtime.outage import Outage, delays
from dripline.wire.safe_text import duration, safe_text

logger = logging.getLogger("dripline.instruments")

#: More than this is no answer but a device gone wild.
LONGEST_ANSWER = 16 * 2**20

_NO_RESPONSE = 202
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_SHOWN = 60


# -- what goes wrong; each is the reply to the request that met it --------------------------------------------


class DeviceError(ThrowReply):
    """The device did not do its part.

    Args:
        message: what happened; it names the device.
    """

    code = "resource_error"

    def __init__(self, message: str) -> None:
        super().__init__(self.code, message)


class DeviceAway(DeviceError, ConnectionError):
    """There is no connection to the device, or it broke."""

    code = "resource_error_connection"


class DeviceSilent(DeviceError, TimeoutError):
    """The device did not answer in time."""

    code = "resource_error_no_response"


class GarbledAnswer(DeviceError):
    """What came cannot be told to be the answer."""

    code = "resource_error_connection"


def device_error(who: str, error: BaseException) -> DeviceError:
    """Make of any failure one that names the device.

    Args:
        who: the device, for people.
        error: a failure of the medium, or of a lab's own way to use it.
    """
    if isinstance(error, DeviceError):
        return error
    if isinstance(error, ThrowReply):
        silent = error.return_code.value == _NO_RESPONSE
        return (DeviceSilent if silent else DeviceAway)(f"{who}: {error}")
    if isinstance(error, TimeoutError):
        return DeviceSilent(f"{who}: no answer in time")
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return DeviceAway(f"{who}: {reason}")


# -- what carries bytes ---------------------------------------------------------------------------------------


class Deadline:
    """The moment until which something may take.

    Args:
        seconds: from now.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: none are.
        """
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("no time left")
        return seconds


class Medium(ABC):
    """A way to a device. Failures are OSErrors, a time that is over is a TimeoutError."""

    @property
    @abstractmethod
    def device(self) -> str:
        """The device as messages call it, such as ``10.0.0.7:5025``."""

    @abstractmethod
    def renew(self, timeout_s: float) -> bool:
        """Open it, or make it fit for use again.

        Args:
            timeout_s: how long that may take.

        Returns:
            True when answers to earlier questions cannot come any more, as on a new connection.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of the device; `renew` opens it again."""

    @abstractmethod
    def write(self, data: bytes, deadline: Deadline) -> None:
        """Send all of it."""

    @abstractmethod
    def read(self, deadline: Deadline) -> bytes:
        """Wait for bytes, and return those that are there."""

    @abstractmethod
    def pending(self) -> bytes:
        """Return bytes that have come already, without waiting; none are ``b""``."""


# -- question and answer --------------------------------------------------------------------------------------


class Answer:
    """Collects bytes until an answer is complete; needs no device.

    Args:
        terminator: what ends an answer.
        echo: what the device may repeat of the question first, its terminator included.
        longest: how many bytes an answer may have.
    """

    def __init__(self, terminator: bytes, echo: bytes = b"", longest: int = LONGEST_ANSWER) -> None:
        self._terminator = terminator
        self._echo = echo
        self._longest = longest
        self._searched = 0
        self.received = bytearray()
        self.end = -1

    def add(self, data: bytes) -> bool:
        """Take what came.

        Returns:
            Whether the answer is complete.

        Raises:
            ValueError: it grew too long.
        """
        self.received += data
        if self.end < 0 and not self._is_echo_coming():
            self._search()
        if self.end < 0 and len(self.received) > self._longest:
            raise ValueError(f"more than {self._longest} bytes without terminator {self._terminator!r}")
        return self.end >= 0

    @property
    def content(self) -> bytes:
        """The answer, without its terminator; all that came when it is not complete."""
        return bytes(self.received if self.end < 0 else self.received[: self.end])

    @property
    def surplus(self) -> bytes:
        """What came behind the answer."""
        return b"" if self.end < 0 else bytes(self.received[self.end + len(self._terminator) :])

    def _is_echo_coming(self) -> bool:
        if len(self.received) < len(self._echo):
            return self._echo.startswith(self.received)
        if self._searched == 0 and self.received.startswith(self._echo):
            self._searched = len(self._echo)
        return False

    def _search(self) -> None:
        self.end = self.received.find(self._terminator, self._searched)
        while self.end == 0 and len(self.received) > len(self._terminator):
            del self.received[: len(self._terminator)]  # an empty line before the answer
            self.end = self.received.find(self._terminator)
        if self.end < 0:
            self._searched = max(self._searched, len(self.received) - len(self._terminator) + 1)


class Line:
    """One question and one answer at a time.

    Args:
        medium: what carries the bytes.
        who: the device, for people.
    """

    def __init__(self, medium: Medium, who: str) -> None:
        self._medium = medium
        self._who = who
        self._question = b""
        self._echo = b""
        self._deadline: Deadline | None = None

    def is_clear(self) -> bool:
        """Tell whether nothing of an earlier question is on the line; what is there is thrown away."""
        try:
            return not self._medium.pending()
        except OSError:
            return False

    def ask(self, question: bytes, timeout_s: float, echo: bool) -> None:
        """Send a question.

        Args:
            question: with its terminator.
            timeout_s: time for question and answer together.
            echo: whether the device repeats the question before it answers.

        Raises:
            DeviceError: it could not be sent.
        """
        self._deadline = Deadline(timeout_s)
        self._question = question
        self._echo = question if echo else b""
        try:
            self._medium.write(question, self._deadline)
        except OSError as error:
            raise device_error(self._who, error) from error

    def listen(self, terminator: bytes, timeout_s: float, may_be_silent: bool) -> bytes:
        """Listen for the answer to the question.

        Args:
            terminator: what ends it.
            timeout_s: how long to listen when no question was asked.
            may_be_silent: whether no answer is one as well.

        Returns:
            The answer without its terminator, but with the echo if there is one.

        Raises:
            DeviceSilent: there was none in time.
            GarbledAnswer: it has no end, or more came than one answer.
            DeviceAway: the connection broke.
        """
        deadline, self._deadline = self._deadline or Deadline(timeout_s), None
        answer, self._echo = Answer(terminator, self._echo, LONGEST_ANSWER), b""
        question, self._question = self._question, b""
        to = f" to {_short(question)}" if question else ""
        try:
            while not answer.add(self._medium.read(deadline)):
                pass
        except TimeoutError:
            if may_be_silent:
                return answer.content
            short = _short(answer.content)
            heard = f", only {short} without response_terminator {_short(terminator)}" if answer.content else ""
            raise DeviceSilent(f"{self._who}: no answer{to} within {duration(timeout_s)}{heard}") from None
        except OSError as error:
            raise device_error(self._who, error) from error
        except ValueError as error:
            raise GarbledAnswer(f"{self._who}: {error}") from None
        return self._alone(answer, to, may_be_silent)

    def drain(self, quiet_s: float, at_most_s: float) -> bool:
        """Throw away what comes, until nothing has come for a while.

        Args:
            quiet_s: that while.
            at_most_s: how long to go on at most.

        Returns:
            Whether anything came.

        Raises:
            OSError: the connection broke.
        """
        end, came = Deadline(at_most_s), False
        try:
            while True:
                self._medium.read(Deadline(min(quiet_s, end.left())))
                came = True
        except TimeoutError:
            return came

    def _alone(self, answer: Answer, to: str, may_be_more: bool) -> bytes:
        try:
            surplus = answer.surplus + self._medium.pending()
        except OSError:  # it hung up after the answer, which the next question will notice
            surplus = answer.surplus
        if surplus and not may_be_more:
            # The first of two may be the late answer to an earlier question: neither is believed.
            raise GarbledAnswer(
                f"{self._who}: more than one answer{to}: {_short(answer.content)}, then {_short(surplus)}"
            )
        return answer.content


def _short(data: bytes) -> str:
    text = data[:_SHOWN].decode(errors="replace")
    return repr(text) + ("…" if len(data) > _SHOWN else "")


# -- whether the device is there: said once when it is lost, once when it is back ------------------------------


class Presence:
    """Remembers that a device is away, so that nobody waits for what is known to fail.

    Args:
        who: the device, for people.
    """

    def __init__(self, who: str) -> None:
        self._who = who
        self._outage = Outage(logger)
        self._kind: type[DeviceError]  # of the error; the error itself would keep what it has seen open
        self._next_try = 0.0
        self._pauses: Iterator[float] = iter(())

    @property
    def is_away(self) -> bool:
        """Whether the device could not be reached when that was tried last."""
        return bool(self._outage)

    def check(self) -> None:
        """Let a call pass when the device is there, or when it is time to try again.

        Raises:
            DeviceError: the device is away, and it is not time yet.
        """
        pause = self._next_try - time.monotonic()
        if self._outage and pause > 0:
            raise self._kind(f"{self._outage.why}; next try in {pause:.1f} s")

    def lost(self, error: BaseException) -> DeviceError:
        """Take note that the device cannot be reached.

        Args:
            error: The error of the attempt.

        Returns:
            The error for whoever asked.
        """
        if not self._outage:
            self._pauses = delays(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        told = device_error(self._who, error)
        self._kind, text = type(told), str(told)
        line = "%s; the device is away, going on trying"
        self._outage.begin(text, line, safe_text(text), level=logging.WARNING)
        self._next_try = time.monotonic() + next(self._pauses)
        return self._kind(text)

    def found(self) -> None:
        """Take note that the device answers."""
        if self._outage:
            self._outage.end("%s is back after %.1f s", self._who, self._outage.for_s)
