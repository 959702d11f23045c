"""Base of services for devices with commands and responses, for any medium; their settings."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any, ClassVar

from dripline.core import settings
from dripline.core._access import Reach
from dripline.core.service import Service
from dripline.core.settings import Setting, sendable_text
from dripline.core.throw_reply import ThrowReply
from dripline.errors import ConfigurationError
from dripline.implementations.communicator import (
    DeviceError,
    DeviceSilent,
    GarbledAnswer,
    Line,
    Medium,
    Presence,
    device_error,
)

logger = logging.getLogger("dripline.instruments")

_IF_UNKNOWN = "; if the device has no such command, set 'cmd_at_reconnect: null'"
_GREETINGS = 3
_SETTLING_S = 0.2


def as_commands(given: Sequence[str | None] | str | None) -> list[str | None]:
    """Take commands for a new connection: one, or a list, with None at its beginning for what is thrown away."""
    if given is None or isinstance(given, str):
        return [] if given is None else [sendable_text(given)]
    commands = list(given) if isinstance(given, Sequence) else [given]
    if all(command is None for command in commands):
        return commands
    if not all(command is None or isinstance(command, str) for command in commands) or commands[-1] is None:
        raise ValueError(f"is a list of commands, not {given!r}")
    return [None if command is None else sendable_text(command) for command in commands]


def expected_answer(value: Any) -> str | float | None:
    """Take what a device answers: a text, or a number as it is written; None accepts any answer."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float, type(None))):
        raise ValueError(f"is the answer that is expected, a text or a number, not {value!r}")
    return value


def terminator(value: Any) -> str:
    """Take what ends an answer, and is never empty."""
    if not value:
        raise ValueError("is missing: what the device ends its answers with")
    return sendable_text(value)


def some_seconds(value: Any) -> float:
    """Take a time span of more than 0, as seconds."""
    seconds = settings.seconds(value)
    if not 0 < seconds < threading.TIMEOUT_MAX:
        raise ValueError(f"is more than 0 seconds, not {value!r}")
    return seconds


def checked_commands(commands: Any) -> list[str]:
    """Take the commands of a message.

    Raises:
        ThrowReply: 304: they are no texts, or cannot be sent.
    """
    if not isinstance(commands, Sequence) or not all(isinstance(command, str) for command in commands):
        raise ThrowReply("service_error_invalid_value", f"commands are texts, not {commands!r}")
    for command in commands:
        try:
            command.encode()
        except UnicodeEncodeError:
            raise ThrowReply("service_error_invalid_value", f"half a character in {command!r}") from None
    return list(commands)


class SCPIService(Service):
    """A service that asks a device one thing at a time, and heals its connection.

    A device that is away, at the start too, is said once in the log; requests are answered with
    ``resource_error_connection`` (``resource_error_no_response`` when it is there and silent) at once, and now and
    then one of them tries again. Its return is said once as well.

    Args:
        device_timeout: seconds for one command and its answer together.
        cmd_at_reconnect: commands for each new connection, the last one of which is answered with
            `reconnect_test`; None at the beginning throws away what the device says by itself; None alone asks
            nothing.
        reconnect_test: what the last of them has to be answered with.
        command_terminator: what ends a command.
        response_terminator: what ends an answer.
        reply_echo_cmd: whether the device repeats each command before its answer.
        **kwargs: for `Service`.

    Attributes:
        alock: held while the device is used; the same thread may take it again.
    """

    _dripline_reach: ClassVar[Reach] = {
        "set": {"device_timeout", "command_terminator", "response_terminator", "reply_echo_cmd"}
        | {"cmd_at_reconnect", "reconnect_test"},
        "cmd": {"send_to_device"},
    }

    device_timeout = Setting(some_seconds, "Seconds for one command and its answer together.")
    command_terminator = Setting(sendable_text, "What ends a command.")
    response_terminator = Setting(terminator, "What ends an answer.")
    reply_echo_cmd = Setting(settings.switch, "Whether the device repeats each command before its answer.")
    cmd_at_reconnect = Setting(as_commands, "Commands for each new connection.")
    reconnect_test = Setting(expected_answer, "What the last of them has to be answered with.")

    def __init__(
        self,
        device_timeout: float = 1.0,
        /,  # subclasses have names of their own for it
        cmd_at_reconnect: Sequence[str | None] | str | None = ("*OPC?",),
        reconnect_test: str = "1",
        command_terminator: str = "\n",
        response_terminator: str | None = "\n",
        reply_echo_cmd: bool = False,
        **kwargs: Any,
    ) -> None:
        Service.__init__(self, **kwargs)
        self.__alock = threading.RLock()
        self.__in_step = False
        self.__recovering = False
        self.__medium = self._dripline_medium()
        self._dripline_configure(
            device_timeout=device_timeout,
            cmd_at_reconnect=cmd_at_reconnect,
            reconnect_test=reconnect_test,
            command_terminator="" if command_terminator is None else command_terminator,
            response_terminator=response_terminator,
            reply_echo_cmd=reply_echo_cmd,
        )
        who = f"{self.name}: device at {self.__medium.device}"
        self.__line = Line(self.__medium, who)
        self.__presence = Presence(who)
        self.__who = who
        self.__begin()

    @property
    def alock(self) -> threading.RLock:
        """Held while the device is used; the same thread may take it again."""
        return self.__alock

    def send_to_device(self, commands: Sequence[str] | str, **kwargs: Any) -> str:
        """Send commands, one after the other, each when the one before was answered.

        When the connection breaks, or an answer is missing or garbled, it is made anew, and the commands that
        were not answered yet are sent once more.

        Args:
            commands: a command or a list of them; each has to have an answer.
            **kwargs: ignored, for packages that pass more.

        Returns:
            The answers, joined with ``;``.

        Raises:
            ThrowReply: ``resource_error_connection``: the device is away, or what it says cannot be understood;
                ``resource_error_no_response``: it does not answer.
        """
        wanted = checked_commands([commands] if isinstance(commands, str) else commands)
        with self.alock:
            if not self.__recovering:  # else it is a reconnecting of a lab's own that asks
                self.__presence.check()
                if not self.__in_step:
                    self.__recover()
            try:
                return ";".join(self.__answers(wanted))
            except BaseException as error:
                self.__in_step = False
                if isinstance(error, OSError) and not isinstance(error, DeviceError):
                    raise device_error(self.__who, error) from error
                raise

    def stop(self) -> None:
        """End: requests in hand are answered, the queue and the device are released."""
        if self._dripline_is_left_behind():
            return
        Service.stop(self)
        self.__in_step = False
        self.__medium.close()

    # -- what packages override ------------------------------------------------------------------------------

    def _send_commands(self, commands: Sequence[str]) -> list[str]:
        """Send commands and return their answers; an override reads and writes in its own way."""
        answers: list[str] = []
        try:
            for command in commands:
                answers.append(self.__ask_device(command + self.command_terminator))
        except Exception as error:
            vars(error)["_dripline_answered"] = answers
            raise
        return answers

    def _listen(self, blank_command: bool = False) -> str:
        """Return the answer to what was sent, without its terminator.

        Args:
            blank_command: whether nothing was sent but a terminator, which need not be answered.
        """
        terminator = self.response_terminator.encode()
        return self.__line.listen(terminator, self.device_timeout, blank_command).decode(errors="replace")

    def _reconnect(self) -> None:
        """Make the connection anew, and see that the device answers as it should.

        Raises:
            ThrowReply: ``resource_error_connection`` or ``resource_error_no_response``.
        """
        with self.alock:
            before, self.__recovering = self.__recovering, True
            try:
                is_new = self.__medium.renew(self.device_timeout)
                if not is_new:
                    self.__line.drain(self.device_timeout, 2 * self.device_timeout)
                self.__greet(settle=not is_new)
            except DeviceError:
                raise
            except OSError as error:
                raise device_error(self.__who, error) from error
            finally:
                self.__recovering = before
            self.__in_step = True
            self.__presence.found()

    # -- inside ----------------------------------------------------------------------------------------------

    def _dripline_configure(self, **settings: Any) -> None:
        """Set what the configuration says; what is wrong there is a mistake of its author."""
        for key, value in settings.items():
            try:
                setattr(self, key, value)
            except ThrowReply as error:
                raise ConfigurationError(error.return_message) from None

    def _dripline_medium(self) -> Medium:
        raise NotImplementedError("subclasses know their medium")

    def __begin(self) -> None:
        """Connect; a device that is away does not keep the service from starting."""
        try:
            with self.alock:
                self.__recover()
        except ThrowReply as error:
            logger.debug("%s: starts without its device: %s", self.name, error)

    def __answers(self, commands: list[str]) -> list[str]:
        try:
            return self._send_commands(commands)
        except (OSError, ThrowReply) as error:
            if self.__presence.is_away or self.__recovering:
                raise
            answered = self.__answered_before(error)
            logger.info("%s; once more on a new connection", device_error(self.__who, error))
            self.__recover()
            return [*answered, *self._send_commands(commands[len(answered) :])]

    def __answered_before(self, error: BaseException) -> list[str]:
        """What need not be asked once more: nothing when an override may have made something else of it."""
        if type(self)._send_commands is not SCPIService._send_commands:
            return []
        answers: list[str] = vars(error).get("_dripline_answered", [])
        return answers

    def __ask_device(self, question: str) -> str:
        is_blank = question == self.command_terminator
        if not self.__line.is_clear() and not self.__recovering:
            self.__recover()
        self.__line.ask(question.encode(), self.device_timeout, self.reply_echo_cmd)
        answer = self._listen(is_blank)
        logger.debug("%s: %r -> %r", self.name, question, answer)
        if not self.reply_echo_cmd:
            return answer
        if answer.startswith(question):
            return answer[len(question) :]
        if is_blank:
            return answer
        raise GarbledAnswer(
            f"{self.__who}: the answer to {question!r} does not repeat it (reply_echo_cmd): {answer[:60]!r}"
        )

    def __recover(self) -> None:
        self.__in_step = False
        before, self.__recovering = self.__recovering, True
        try:
            self._reconnect()
        except (OSError, ThrowReply) as error:
            raise self.__presence.lost(error) from error
        finally:
            self.__recovering = before
        self.__in_step = True
        self.__presence.found()

    def __greet(self, settle: bool) -> None:
        """Send the commands for a new connection, and see that nothing else is on the line."""
        commands = list(self.cmd_at_reconnect)
        while commands and commands[0] is None:
            commands.pop(0)
            self._listen(True)
        wanted = [command for command in commands if command is not None]
        for _ in range(_GREETINGS if wanted else 0):
            heard = self.__greeted(wanted)
            if not self.__line_settles(settle or heard is not None) and heard is None:
                return
        if wanted:
            raise GarbledAnswer(f"{self.__who}: {heard or 'it does not fall silent'}")

    def __greeted(self, commands: list[str]) -> str | None:
        """Send them once; None is good, else what was wrong."""
        try:
            answer = self._send_commands(commands)[-1]
        except DeviceSilent as error:
            raise DeviceSilent(f"{error} (cmd_at_reconnect){_IF_UNKNOWN}") from None
        except GarbledAnswer as error:
            return str(error).removeprefix(f"{self.__who}: ")
        if self.reconnect_test is None or answer.strip() == str(self.reconnect_test).strip():
            return None
        expected = f"{self.reconnect_test!r} (reconnect_test){_IF_UNKNOWN}"
        return f"{commands[-1]!r} was answered with {answer[:60]!r} and not with {expected}"

    def __line_settles(self, needed: bool) -> bool:
        """Let late answers come and go, where there can be any; tell whether there were."""
        pause = min(_SETTLING_S, self.device_timeout)
        return needed and self.__line.drain(pause, self.device_timeout)
