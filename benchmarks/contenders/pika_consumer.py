"""Bare pika: consumes alerts and drops them. Argument: target."""

import sys
import time

from benchmarks.target import Target
from benchmarks.worker import take_orders


class Consumer:
    """Consumes with a prefetch of 100 and acknowledges each."""

    def __init__(self, target: Target) -> None:
        self._channel = target.open_channel()
        self._exchange = target.alerts_exchange
        self._queue = ""

    def run(self, count: int) -> float:
        """Bind a queue when ``count`` is 0; else return the seconds until as many were acknowledged."""
        channel = self._channel
        if not count:
            self._queue = str(channel.queue_declare("", exclusive=True).method.queue)
            channel.queue_bind(self._queue, self._exchange, "sensor_value.#")
            return 0.0
        channel.basic_qos(prefetch_count=100)
        start = time.perf_counter()
        for number, (method, _properties, _body) in enumerate(channel.consume(self._queue), 1):
            channel.basic_ack(method.delivery_tag)
            if number == count:
                break
        seconds = time.perf_counter() - start
        channel.cancel()
        channel.queue_delete(self._queue)
        return seconds


if __name__ == "__main__":
    take_orders(Consumer(Target.from_text(sys.argv[1])).run)
