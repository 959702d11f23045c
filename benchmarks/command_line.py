"""How long one command takes, from the shell's point of view."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rounds import Row, rows, take_turns
from benchmarks.target import Target
from benchmarks.worker import Worker


def console_script(name: str) -> str:
    """Path of one of our commands in the running environment."""
    return str(Path(sys.executable).with_name(name))


def options(target: Target) -> list[str]:
    """Options that send a command to the target's broker and exchanges."""
    return [
        *("-b", target.host, "-p", str(target.port), "-u", target.username, "--password", target.password),
        *("--requests-exchange", target.requests_exchange, "--alerts-exchange", target.alerts_exchange),
    ]


def measure(target: Target, rounds: int) -> list[Row]:
    """``dl-agent get`` against a Python that only imports pika, and one that does nothing."""
    commands = {
        "python -c 'import pika'": [sys.executable, "-c", "import pika"],
        "python -c pass": [sys.executable, "-c", "pass"],
        "dl-agent get": [console_script("dl-agent"), "get", "store_0", *options(target)],
    }
    with Worker("dripline_service", target.as_text(), "store", "1"):
        turns = {name: (lambda command=command: wall_time(command)) for name, command in commands.items()}
        medians = take_turns(turns, rounds)
    return rows("one command", "s", medians, floor="python -c 'import pika'")


def wall_time(command: Sequence[str]) -> float:
    """Seconds a command takes; an exit code other than 0 is an error."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start
