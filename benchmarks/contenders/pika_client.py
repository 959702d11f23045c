"""Bare pika: requests, some at a time in flight. Arguments: target, routing key, number in flight."""

import sys
import time
import uuid

from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties

from benchmarks.message import REQUEST_BODY, properties, request_headers
from benchmarks.target import Target
from benchmarks.worker import take_orders


class Client:
    """Keeps a number of requests in flight on a blocking connection."""

    def __init__(self, target: Target, routing_key: str, in_flight: int) -> None:
        self._channel = target.open_channel()
        self._exchange = target.requests_exchange
        self._routing_key = routing_key
        self._in_flight = in_flight
        self._headers = request_headers()
        self._to_send = 0
        self._waiting = 0
        self._reply_queue = self._channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
        self._channel.queue_bind(self._reply_queue, self._exchange, self._reply_queue)
        self._channel.basic_consume(self._reply_queue, self._on_reply, auto_ack=True)

    def run(self, count: int) -> float:
        """Send ``count`` requests and wait for all replies; return the seconds it took."""
        self._to_send = count
        start = time.perf_counter()
        for _ in range(min(self._in_flight, count)):
            self._send()
        while self._waiting:
            self._channel.connection.process_data_events(time_limit=None)
        return time.perf_counter() - start

    def _send(self) -> None:
        message = properties(self._headers, str(uuid.uuid4()), self._reply_queue)
        self._channel.basic_publish(self._exchange, self._routing_key, REQUEST_BODY, message, mandatory=True)
        self._to_send -= 1
        self._waiting += 1

    def _on_reply(self, _: BlockingChannel, method: Basic.Deliver, reply: BasicProperties, body: bytes) -> None:
        self._waiting -= 1
        if self._to_send:
            self._send()


if __name__ == "__main__":
    take_orders(Client(Target.from_text(sys.argv[1]), sys.argv[2], int(sys.argv[3])).run)
