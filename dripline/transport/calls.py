"""Questions to the broker that a thread waits for, and what becomes of them when the connection goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dripline.errors import BrokerError
from dripline.transport import error_messages as failures
from dripline.transport.future import OneShotFuture


class Calls:
    """Runs asynchronous calls on the I/O thread and waits for their answers.

    Args:
        post: Runs something on the I/O thread, soon; or never, when that thread has ended.
    """

    def __init__(self, post: Callable[[Callable[[], object]], None]) -> None:
        self._post = post
        self._waiting: set[OneShotFuture[Any]] = set()
        self._error: BrokerError | None = None

    def ask(self, start: Callable[[Callable[[Any], None]], object], timeout_s: float) -> Any:
        """Start a call on the I/O thread and wait for its answer.

        Args:
            start: The call; it is given what to call with the answer.
            timeout_s: Longest wait, in seconds.

        Raises:
            TimeoutError: No answer came in time.
            BrokerError: What `fail` was given, before or meanwhile.
        """
        slot: OneShotFuture[Any] = OneShotFuture()

        def run() -> None:
            try:
                start(slot.set)
            except Exception as error:  # noqa: BLE001 - it is raised again in the thread that asked
                slot.fail(error)

        self._waiting.add(slot)
        try:
            if self._error is not None:  # looked at after adding: `fail` either finds the slot or is seen here
                raise failures.again(self._error)
            self._post(run)
            return slot.wait(timeout_s)
        finally:
            self._waiting.discard(slot)

    def fail(self, error: BrokerError) -> None:
        """Answer all questions, and those to come, with an error."""
        self._error = error
        for slot in list(self._waiting):
            slot.fail(failures.again(error))
