"""``python -m benchmarks``: dripline against bare pika, side by side on one broker."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import pika

from benchmarks import alerts, command_line, files_entered, logging_rate, request_reply, startup
from benchmarks.rounds import NotMeasured, Row
from benchmarks.table import as_table
from benchmarks.target import Target
from benchmarks.worker import Worker

MEASUREMENTS: dict[str, Callable[[Target, int], list[Row]]] = {
    "requests": request_reply.measure,
    "alerts": alerts.measure,
    "logging": logging_rate.measure,
    "command": command_line.measure,
    "startup": startup.measure,
    "files": files_entered.measure,
}
_SLOW_ROUNDS = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for, print the table, write the JSON file; return the exit code."""
    options = _parser().parse_args(arguments)
    results: list[Row] = []
    left_out: dict[str, str] = {}
    with _target(options.broker) as target:
        for name in options.only or MEASUREMENTS:
            print(f"{name} …", file=sys.stderr, flush=True)
            rounds = min(options.rounds, _SLOW_ROUNDS) if name == "startup" else options.rounds
            try:
                measured = MEASUREMENTS[name](target, rounds)
            except NotMeasured as reason:
                left_out[name] = str(reason)
                print(f"{name} left out: {reason}", file=sys.stderr, flush=True)
                continue
            print(as_table(measured), flush=True)
            results += measured
            if options.json:
                report = {"conditions": _conditions(options), "results": [asdict(row) for row in results]}
                Path(options.json).write_text(json.dumps({**report, "left_out": left_out}, indent=2) + "\n")
    if not results:
        return 1
    print(f"\nAll results:\n\n{as_table(results)}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--broker", metavar="HOST:PORT", default="127.0.0.1:5672", help="default: %(default)s")
    where.add_argument("--embedded", dest="broker", action="store_const", const=None, help="our own broker")
    parser.add_argument("--rounds", type=int, default=7, help="rounds; their median counts (%(default)s)")
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, help="measure just these")
    parser.add_argument("--json", metavar="FILE", help="write the results there as they come")
    return parser


@contextmanager
def _target(broker: str | None) -> Iterator[Target]:
    if broker:
        target = Target.from_text(broker)
        try:
            target.open_channel().connection.close()
        except pika.exceptions.AMQPError as error:
            raise SystemExit(
                f"no broker at {broker} ({type(error).__name__}); start RabbitMQ, or use --embedded"
            ) from None
        try:
            yield target
        finally:
            target.remove_exchanges()
    else:
        with Worker("embedded_broker") as process:
            yield Target(port=int(process.greeting))


def _conditions(options: argparse.Namespace) -> dict[str, object]:
    return {
        "broker": options.broker or "embedded",
        "rounds": options.rounds,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "dripline": version("dripline"),
        "pika": version("pika"),
    }


if __name__ == "__main__":
    sys.exit(main())
