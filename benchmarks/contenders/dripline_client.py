"""Requests through ``MeshClient``, many in flight from one thread. Arguments: target, endpoint, in flight."""

import sys
import time
from collections import deque

from benchmarks.target import Target
from benchmarks.worker import take_orders
from dripline.config.mesh import MeshSettings
from dripline.core import MsgRequest, op_t
from dripline.runtime.client import MeshClient
from dripline.runtime.pending_replies import PendingReply


class Submitter:
    """Keeps a number of requests in flight and waits for the oldest one."""

    def __init__(self, target: Target, endpoint: str, in_flight: int) -> None:
        mesh = MeshSettings.from_dict(target.mesh())
        self._client = MeshClient(mesh, target.username, target.password)
        self._client.open()
        self._endpoint = endpoint
        self._in_flight = in_flight

    def run(self, count: int) -> float:
        """Send ``count`` requests and wait for all replies; return the seconds it took."""
        waiting: deque[PendingReply] = deque()
        start = time.perf_counter()
        for _ in range(count):
            if len(waiting) == self._in_flight:
                waiting.popleft().wait(10)
            waiting.append(self._client.submit(MsgRequest.create(None, op_t.get, self._endpoint)))
        while waiting:
            waiting.popleft().wait(10)
        return time.perf_counter() - start


if __name__ == "__main__":
    take_orders(Submitter(Target.from_text(sys.argv[1]), sys.argv[2], int(sys.argv[3])).run)
