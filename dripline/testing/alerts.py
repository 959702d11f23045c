"""Records alerts during a test."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

from dripline.wire.message import Message, MsgAlert
from dripline.wire.safe_text import duration

_SHOWN = 10


class RecordedAlerts:
    """What came on the alerts exchange since somebody listened, in order.

    Args:
        keys: The binding keys, for messages to people.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)
        self._alerts: list[MsgAlert] = []
        self._arrival = threading.Condition()

    @property
    def payloads(self) -> list[Any]:
        """The payloads so far, as plain Python."""
        return [alert.plain_payload for alert in self]

    @property
    def routing_keys(self) -> list[str]:
        """The routing keys so far."""
        return [alert.routing_key for alert in self]

    def wait_for(self, count: int = 1, timeout_s: float = 10.0) -> list[MsgAlert]:
        """Return the alerts as soon as there are so many.

        Args:
            count: How many, those that came already included.
            timeout_s: Longest wait, in seconds.

        Returns:
            All alerts so far.

        Raises:
            AssertionError: Fewer came in time; the text tells which.
        """
        __tracebackhide__ = True
        with self._arrival:
            if not self._arrival.wait_for(lambda: len(self._alerts) >= count, timeout_s):
                raise AssertionError(self._missing(count, timeout_s))
            return list(self._alerts)

    def clear(self) -> None:
        """Forget those that came."""
        with self._arrival:
            self._alerts.clear()

    def take(self, message: Message) -> None:
        """Record an alert; anything else is none of ours."""
        if isinstance(message, MsgAlert):
            with self._arrival:
                self._alerts.append(message)
                self._arrival.notify_all()

    def __iter__(self) -> Iterator[MsgAlert]:
        with self._arrival:
            return iter(list(self._alerts))

    def __len__(self) -> int:
        return len(self._alerts)

    def __getitem__(self, index: int) -> MsgAlert:
        return self._alerts[index]

    def __bool__(self) -> bool:
        return bool(self._alerts)

    def __repr__(self) -> str:
        return f"<{len(self)} alerts for {', '.join(self._keys)}>"

    def _missing(self, count: int, timeout_s: float) -> str:
        wanted = "1 alert was" if count == 1 else f"{count} alerts were"
        keys = ", ".join(map(repr, self._keys))
        text = f"{wanted} awaited for {keys}, {len(self)} came within {duration(timeout_s)}"
        lines = [f"  {alert.routing_key}: {alert.plain_payload!r}" for alert in self._alerts[-_SHOWN:]]
        return "\n".join([text + (":" if lines else ""), *lines])
