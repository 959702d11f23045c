"""How many alerts a second are published."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.rounds import Row, rows, take_turns
from benchmarks.target import Target
from benchmarks.worker import Worker

_FLOOR = "pika, no confirms"
_CONFIRMED_FLOOR = "pika, each confirm awaited"
_COUNT = 2000


def measure(target: Target, rounds: int) -> list[Row]:
    """Alerts with confirms by dripline, and by bare pika with and without."""
    with ExitStack() as stack:
        where = target.as_text()
        publishers = {
            _FLOOR: stack.enter_context(Worker("pika_alerts", where, "unconfirmed")),
            _CONFIRMED_FLOOR: stack.enter_context(Worker("pika_alerts", where, "confirmed")),
            "Service.send, confirmed": stack.enter_context(Worker("dripline_alerts", where)),
        }
        turns = {name: (lambda worker=worker: worker.rate(_COUNT)) for name, worker in publishers.items()}
        medians = take_turns(turns, rounds)
    table = rows("alerts published", "1/s", medians, floor=_FLOOR)
    confirmed = {name: median for name, median in medians.items() if name != _FLOOR}
    return table + rows("alerts published", "1/s", confirmed, floor=_CONFIRMED_FLOOR)[1:]
