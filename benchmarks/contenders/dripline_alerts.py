"""Alerts from a dripline service, as its endpoints log them. Argument: target."""

import sys
import time

from benchmarks.target import Target
from benchmarks.worker import take_orders
from dripline.core import MsgAlert, Service


class Logger:
    """Sends alerts from a service."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def run(self, count: int) -> float:
        """Send ``count`` alerts; return the seconds until the service has stopped, with all of them confirmed."""
        service = self._started_service()
        start = time.perf_counter()
        for _ in range(count):
            service.send(MsgAlert.create({"value_cal": 1.5, "value_raw": 0.75}, "sensor_value.peaches"))
        service.stop()
        return time.perf_counter() - start

    def _started_service(self) -> Service:
        target = self._target
        service = Service(
            "logger", dripline_mesh=target.mesh(), username=target.username, password=target.password
        )
        service.start()
        return service


if __name__ == "__main__":
    take_orders(Logger(Target.from_text(sys.argv[1])).run)
