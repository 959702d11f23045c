"""Bare pika: answers every request with the same reply. Arguments: target, queue name."""

import sys
import threading

from pika.adapters.blocking_connection import BlockingChannel
from pika.spec import Basic, BasicProperties

from benchmarks.message import REPLY_BODY, properties, reply_headers
from benchmarks.target import Target
from benchmarks.worker import announce, wait_for_parent


def main(target: Target, queue: str) -> None:
    """Serve until the parent hangs up."""
    channel = target.open_channel()
    headers = reply_headers()
    channel.queue_declare(queue, exclusive=True, auto_delete=True)
    channel.queue_bind(queue, target.requests_exchange, f"{queue}.#")
    channel.basic_qos(prefetch_count=100)

    def answer(_: BlockingChannel, method: Basic.Deliver, request: BasicProperties, body: bytes) -> None:
        reply = properties(headers, request.correlation_id)
        channel.basic_publish(target.requests_exchange, request.reply_to, REPLY_BODY, reply)
        channel.basic_ack(method.delivery_tag)

    channel.basic_consume(queue, answer)
    threading.Thread(target=_stop_with_parent, args=(channel,), daemon=True).start()
    announce()
    channel.start_consuming()


def _stop_with_parent(channel: BlockingChannel) -> None:
    wait_for_parent()
    channel.connection.add_callback_threadsafe(channel.stop_consuming)


if __name__ == "__main__":
    main(Target.from_text(sys.argv[1]), sys.argv[2])
