"""What a SCPI instrument remembers of its mistakes: the error queue and the standard event register."""

from __future__ import annotations

from collections import deque

_LENGTH = 20
_LONGEST_DETAIL = 60

_TEXTS = {
    -102: "Syntax error",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -131: "Invalid suffix",
    -222: "Data out of range",
    -224: "Illegal parameter value",
    -350: "Queue overflow",
    -363: "Input buffer overrun",
}

POWER_ON, COMMAND_ERROR, EXECUTION_ERROR, DEVICE_ERROR, OPERATION_COMPLETE = 128, 32, 16, 8, 1


class ScpiError(Exception):
    """A command that the instrument cannot carry out.

    Args:
        number: of the SCPI standard, such as -222.
        detail: what it is about.
    """

    def __init__(self, number: int, detail: str = "") -> None:
        super().__init__(number, detail)
        self.number = number
        self.detail = detail


class Status:
    """Errors and events since they were last asked for."""

    def __init__(self) -> None:
        self._queue: deque[str] = deque()
        self._events = POWER_ON
        self.event_enable = 0
        self.service_request_enable = 0

    def add(self, error: ScpiError) -> None:
        """Remember an error; the last place in the queue tells that there were more."""
        self.raise_event(_event_of(error.number))
        if len(self._queue) == _LENGTH:
            self._queue[-1] = _entry(ScpiError(-350))
        else:
            self._queue.append(_entry(error))

    def raise_event(self, bit: int) -> None:
        """Set a bit of the standard event register."""
        self._events |= bit

    def next_error(self) -> str:
        """The oldest error, which is taken out."""
        return self._queue.popleft() if self._queue else '0,"No error"'

    def error_count(self) -> int:
        """How many errors wait."""
        return len(self._queue)

    def take_events(self) -> int:
        """The standard event register, which is cleared."""
        events, self._events = self._events, 0
        return events

    def status_byte(self) -> int:
        """The summary that `*STB?` asks for."""
        summary = 4 * bool(self._queue) + 32 * bool(self._events & self.event_enable)
        return summary + 64 * bool(summary & self.service_request_enable)

    def clear(self) -> None:
        """Forget all errors and events."""
        self._queue.clear()
        self._events = 0


def _event_of(number: int) -> int:
    if -200 < number <= -100:
        return COMMAND_ERROR
    return EXECUTION_ERROR if -300 < number <= -200 else DEVICE_ERROR


def _entry(error: ScpiError) -> str:
    text = _TEXTS[error.number]
    detail = "".join(letter if letter.isprintable() else "?" for letter in error.detail[:_LONGEST_DETAIL])
    quoted = detail.replace('"', "'")
    return f'{error.number},"{text}; {quoted}"' if quoted else f'{error.number},"{text}"'
