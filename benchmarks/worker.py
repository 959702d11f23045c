"""Contenders as processes: the parent says how often, the child does it and says how long it took.

A contender prints ``ready`` once it can work; a client then reads a count from standard input and prints
seconds, again and again. Closing its standard input ends it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from types import TracebackType

from benchmarks.rounds import NotMeasured


class Worker:
    """A contender's process, seen from the parent.

    Args:
        module: Name of a module in ``benchmarks.contenders``.
        *arguments: Its command line.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self._name = module
        command = [sys.executable, "-m", f"benchmarks.contenders.{module}", *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.greeting = self._read_line()

    def run(self, count: int) -> float:
        """Have the work done ``count`` times; return the seconds it took."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        return float(self._read_line())

    def rate(self, count: int) -> float:
        """Have the work done ``count`` times; return how often a second."""
        return count / self.run(count)

    def _read_line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise NotMeasured(f"{self._name} ended with exit code {self._process.wait()}")
        return line.strip()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def announce(greeting: str = "ready") -> None:
    """Tell the parent that the contender can work."""
    print(greeting, flush=True)


def take_orders(work: Callable[[int], float]) -> None:
    """Do ``work(count)`` for each count the parent sends and answer with its seconds, until it hangs up."""
    announce()
    for line in sys.stdin:
        print(work(int(line)), flush=True)


def wait_for_parent() -> None:
    """Return when the parent hangs up."""
    sys.stdin.read()
