"""Requests through ``dripline.core.Interface``. Arguments: target, endpoint, number of threads."""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from benchmarks.target import Target
from benchmarks.worker import take_orders
from dripline.core import Interface


class Caller:
    """Sends ``get`` requests from one thread or several."""

    def __init__(self, target: Target, endpoint: str, threads: int) -> None:
        self._interface = Interface(
            username=target.username, password=target.password, dripline_mesh=target.mesh()
        )
        self._endpoint = endpoint
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads)

    def run(self, count: int) -> float:
        """Send ``count`` requests and wait for all replies; return the seconds it took."""
        if self._threads == 1:
            return self._timed(lambda: self._send(count))
        share = count // self._threads
        return self._timed(lambda: list(self._pool.map(self._send, [share] * self._threads)))

    def _send(self, count: int) -> None:
        for _ in range(count):
            self._interface.get(self._endpoint)

    @staticmethod
    def _timed(work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start


if __name__ == "__main__":
    take_orders(Caller(Target.from_text(sys.argv[1]), sys.argv[2], int(sys.argv[3])).run)
