"""Bare pika: binds one queue many times without waiting for each answer. Argument: target."""

import sys
import time
from collections.abc import Callable
from typing import Any

import pika
from pika.channel import Channel

from benchmarks.target import Target
from benchmarks.worker import take_orders


class Binding:
    """One connection that declares a queue, binds it ``count`` times and asks one question at the end."""

    def __init__(self, target: Target, count: int) -> None:
        self._exchange = target.requests_exchange
        self._count = count
        self._queue = ""
        self._start = self._end = 0.0
        self._channel: Channel
        self._connection = pika.SelectConnection(target.parameters(), on_open_callback=self._on_open)

    def run(self) -> float:
        """Return the seconds from the first binding to the answer at the end."""
        self._connection.ioloop.start()
        return self._end - self._start

    def _on_open(self, _: pika.SelectConnection) -> None:
        self._connection.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        self._channel = channel
        self._then(self._declare_queue, channel.exchange_declare, exchange=self._exchange, exchange_type="topic")

    def _declare_queue(self, _: Any) -> None:
        self._then(self._bind, self._channel.queue_declare, queue="", exclusive=True, auto_delete=True)

    def _bind(self, declared: Any) -> None:
        self._queue = declared.method.queue
        self._start = time.perf_counter()
        for number in range(self._count):
            self._channel.queue_bind(self._queue, self._exchange, f"sensor_{number}.#")
        self._then(self._finish, self._channel.queue_declare, queue=self._queue, passive=True)

    def _finish(self, _: Any) -> None:
        self._end = time.perf_counter()
        self._connection.add_on_close_callback(lambda *_: self._connection.ioloop.stop())
        self._connection.close()

    @staticmethod
    def _then(step: Callable[[Any], None], call: Callable[..., Any], **arguments: Any) -> None:
        call(callback=step, **arguments)


if __name__ == "__main__":
    where = Target.from_text(sys.argv[1])
    take_orders(lambda count: Binding(where, count).run())
