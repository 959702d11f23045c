"""Following messages until the user stops."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from dripline.cli.command import forget_output
from dripline.programs.signals import Interrupted, StopEvent, on_signal

if TYPE_CHECKING:
    from dripline.programs.session import Session
    from dripline.wire.message import Message

logger = logging.getLogger("dripline.cli")

_CONNECT_S = 30.0


def listen(
    session: Session,
    request_keys: Sequence[str],
    alert_keys: Sequence[str],
    on_message: Callable[[Message], None],
    on_tick: Callable[[], None] | None = None,
    tick_s: float = 0.25,
) -> None:
    """Call a function with every message, until SIGINT or SIGTERM or until nobody reads standard output.

    Args:
        session: whom to listen to.
        request_keys: binding keys on the requests exchange.
        alert_keys: binding keys on the alerts exchange.
        on_message: called on another thread, one message at a time.
        on_tick: called on this thread, again and again.
        tick_s: how often, in seconds.
    """
    stop = StopEvent()
    failures: list[BaseException] = []

    def guarded(message: Message) -> None:
        if stop.is_set():
            return
        try:
            on_message(message)
        except BrokenPipeError:
            forget_output()
            stop.set()
        except Exception as error:  # noqa: BLE001  # it must end the command as one of the main thread does
            failures.append(error)
            stop.set()

    def give_up() -> None:
        stop.set()
        raise Interrupted

    # Connecting comes first: Ctrl-C shall interrupt it, and the wait for a broker that has fallen silent.
    with session.client().in_time() as client:
        client.open(timeout_s=_CONNECT_S)
        with stop.armed():
            with suppress(Interrupted), on_signal(give_up):
                client.monitor(request_keys, alert_keys, guarded, _CONNECT_S)
            logger.info("listening to requests %s and alerts %s", list(request_keys), list(alert_keys))
            while not stop.wait(tick_s if on_tick else None):
                if on_tick:
                    on_tick()
    if failures:
        raise failures[0]
