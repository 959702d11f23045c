"""The protocol of one client connection: bytes in, bytes out, and delays."""

from __future__ import annotations

import logging
from collections.abc import Callable

from dripline.simulation.device import Device
from dripline.simulation.faults import is_about_faults
from dripline.simulation.scpi import ScpiError

logger = logging.getLogger("dripline.simulation")

#: A longer command is thrown away.
LONGEST_COMMAND = 65536
#: A client that has so much to read is not listened to.
MOST_UNREAD = 65536


class Conversation:
    """One client's connection, without its socket.

    Args:
        device: the instrument.
        peer: who the client is, for the log.
        record: called with each command.

    Attributes:
        outgoing: bytes to be sent.
        due: when to call `advance` again, if it is time that is waited for.
        hung_up: the instrument ends the conversation when `outgoing` is sent.
    """

    def __init__(self, device: Device, peer: str, record: Callable[[str], None]) -> None:
        self.outgoing = bytearray()
        self.due: float | None = None
        self.hung_up = False
        self._device = device
        self._peer = peer
        self._record = record
        self._command_end = device.description.command_terminator.encode()
        self._answer_end = device.description.response_terminator.encode()
        self._incoming = bytearray()
        self._delayed = b""
        self._late = b""
        self._too_long = False

    @property
    def wants_input(self) -> bool:
        """Whether there is room for more from the client."""
        return not self.hung_up and self.due is None and len(self.outgoing) <= MOST_UNREAD

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the client."""
        self._incoming += data
        self.advance(now)

    def advance(self, now: float) -> None:
        """Send the answer whose time has come, and carry out the commands that wait."""
        if self.due is not None and now >= self.due:
            self.outgoing += self._delayed
            self._delayed, self.due = b"", None
        while self.wants_input and (command := self._next_command()) is not None:
            self._carry_out(command, now)

    def _next_command(self) -> bytes | None:
        if not self._command_end:  # what comes at once is one command
            command, self._incoming = bytes(self._incoming), bytearray()
            return command or None
        position = self._incoming.find(self._command_end)
        if position < 0:
            self._throw_away_if_too_long()
            return None
        end = position + len(self._command_end)
        command = bytes(self._incoming[:end])
        del self._incoming[:end]
        if self._too_long:
            self._too_long = False  # this is the end of it
            return self._next_command()
        return command

    def _throw_away_if_too_long(self) -> None:
        if len(self._incoming) > LONGEST_COMMAND:
            if not self._too_long:
                with self._device.lock:
                    self._device.status.add(ScpiError(-363))
            self._too_long = True
            # The terminator may have come in part.
            del self._incoming[: -len(self._command_end)]

    def _carry_out(self, command: bytes, now: float) -> None:
        text = command.removesuffix(self._command_end).decode(errors="backslashreplace").strip("\r\n")
        if not text.strip() and not self._device.description.echo:
            return
        with self._device.lock:
            answer = self._device.handle(text)
            logger.debug("%s %s: %r -> %s", self._device.description.name, self._peer, text, _shown(answer))
            whole = self._framed(command, answer)
            if is_about_faults(text) and self._device.description.remote_faults:
                self.outgoing += whole
            else:
                self._send_with_faults(whole, now)
        self._record(text)  # who sees it there knows that it was carried out

    def _framed(self, command: bytes, answer: str | None) -> bytes:
        """An answer as it travels; an instrument that echoes says each command again before."""
        said = b"" if answer is None else answer.encode(errors="replace") + self._answer_end
        if not self._device.description.echo:
            return said
        whole = command + said
        return whole if whole.endswith(self._answer_end) else whole + self._answer_end

    def _send_with_faults(self, answer: bytes, now: float) -> None:
        faults = self._device.faults
        before, self._late = self._late, b""
        if faults.happens("disconnect"):
            self.hung_up = True
            return
        delay_s = faults.delay_now_s() if answer else 0.0
        if not answer or faults.happens("silent"):
            answer = b""
        elif faults.happens("garbage"):
            answer = faults.noise_instead(answer, self._answer_end) + self._answer_end
        elif faults.happens("truncated"):
            answer = faults.cut(answer.removesuffix(self._answer_end))
        elif faults.happens("late"):
            answer, self._late = b"", answer
        if delay_s and (answer or before):
            self._delayed, self.due = answer + before, now + delay_s
        else:
            self.outgoing += answer + before


def _shown(answer: str | None) -> str:
    return "(no answer)" if answer is None else repr(answer)
