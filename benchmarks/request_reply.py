"""How many requests a second are answered, one at a time and with 64 in flight."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks.rounds import Row, rows, take_turns
from benchmarks.target import Target
from benchmarks.worker import Worker

IN_FLIGHT = 64
_SEQUENTIAL_COUNT = 500
_IN_FLIGHT_COUNT = 20 * IN_FLIGHT


def measure(target: Target, rounds: int) -> list[Row]:
    """Sequential requests, then many in flight; servers and clients each in a process of their own."""
    with ExitStack() as stack:
        where = target.as_text()
        start = stack.enter_context
        start(Worker("pika_server", where, "bare_store"))
        start(Worker("dripline_service", where, "store", "1"))
        one_each = {
            "pika": start(Worker("pika_client", where, "bare_store", "1")),
            "Interface": start(Worker("dripline_interface", where, "store_0", "1")),
        }
        many_each = {
            "pika": start(Worker("pika_client", where, "bare_store", str(IN_FLIGHT))),
            f"Interface, {IN_FLIGHT} threads": start(
                Worker("dripline_interface", where, "store_0", str(IN_FLIGHT))
            ),
            "MeshClient.submit, one thread": start(Worker("dripline_client", where, "store_0", str(IN_FLIGHT))),
        }
        return _compare("get, one at a time", one_each, _SEQUENTIAL_COUNT, rounds) + _compare(
            f"get, {IN_FLIGHT} in flight", many_each, _IN_FLIGHT_COUNT, rounds
        )


def _compare(work: str, clients: dict[str, Worker], count: int, rounds: int) -> list[Row]:
    turns = {name: (lambda client=client: client.rate(count)) for name, client in clients.items()}
    return rows(work, "1/s", take_turns(turns, rounds), floor="pika")
