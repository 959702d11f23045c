"""How much memory something takes."""

from __future__ import annotations

import os
import threading
from pathlib import Path


class PeakMemory:
    """The growth of this process while something runs, in MB."""

    def __enter__(self) -> PeakMemory:
        self._before, self.growth, self._done = self._now(), 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.growth = max(self.growth, self._now() - self._before)

    def _now(self) -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
