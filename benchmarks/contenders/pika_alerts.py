"""Bare pika: publishes alerts. Arguments: target, ``confirmed`` or ``unconfirmed``."""

import sys
import time
import uuid

from benchmarks.message import REPLY_BODY, alert_headers, properties
from benchmarks.target import Target
from benchmarks.worker import take_orders


class Publisher:
    """Publishes alerts one after the other, each confirm awaited or none asked for."""

    def __init__(self, target: Target, confirmed: bool) -> None:
        self._channel = target.open_channel()
        self._exchange = target.alerts_exchange
        self._headers = alert_headers()
        if confirmed:
            self._channel.confirm_delivery()

    def run(self, count: int) -> float:
        """Publish ``count`` alerts; return the seconds until the broker has dealt with them."""
        start = time.perf_counter()
        for _ in range(count):
            message = properties(self._headers, str(uuid.uuid4()))
            self._channel.basic_publish(self._exchange, "sensor_value.peaches", REPLY_BODY, message)
        # a call that is answered in order: everything published before it has been routed
        self._channel.exchange_declare(self._exchange, passive=True)
        return time.perf_counter() - start


if __name__ == "__main__":
    take_orders(Publisher(Target.from_text(sys.argv[1]), sys.argv[2] == "confirmed").run)
