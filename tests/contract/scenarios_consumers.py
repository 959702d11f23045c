"""Scenarios: consumers, their credit and their turns."""

from __future__ import annotations

import pika

from .scenario import scenario
from .stage import Stage


@scenario
def consume_and_acknowledge(stage: Stage) -> None:
    """Deliveries come in order with growing tags; closing the channel brings back what was not acknowledged."""
    channel, name = stage.queue("1", "2", "3")
    consumer = stage.channel()
    tags = stage.consume(consumer, name, "t")
    stage.settle(consumer, name, 0, 3)
    consumer.basic_ack(tags[1])
    stage.settle(consumer, name, 0, 3)
    consumer.close()
    other = stage.channel()
    stage.consume(other, name, "u", auto_ack=True)
    stage.settle(other, name, 0, 5)
    stage.publish(channel, "", name, "4")
    stage.settle(other, name, 0, 6)
    channel.queue_delete(name)


@scenario
def prefetch_per_consumer(stage: Stage) -> None:
    """Each consumer gets what its credit allows, more as it acknowledges; a new qos is for new consumers."""
    channel, name = stage.queue(*"123456789")
    consumer = stage.channel()
    consumer.basic_qos(prefetch_count=2)
    tags = stage.consume(consumer, name, "two")
    stage.settle(consumer, name, 7, 2)
    consumer.basic_ack(tags[0])
    stage.settle(consumer, name, 6, 3)
    consumer.basic_qos(prefetch_count=1)
    stage.settle(consumer, name, 6, 3)
    others = stage.consume(consumer, name, "one")
    stage.settle(consumer, name, 5, 4)
    for number, tag in enumerate((others[0], tags[1], tags[2])):
        consumer.basic_ack(tag)
        stage.settle(consumer, name, 4 - number, 5 + number)
    channel.queue_delete(name)


@scenario
def prefetch_shared(stage: Stage) -> None:
    """A global credit is shared by the channel's consumers and takes effect at once and stops even no_ack."""
    channel = stage.channel()
    first, second, third = (stage.name(label) for label in ("q1", "q2", "q3"))
    for name in (first, second, third):
        channel.queue_declare(name)
    consumer = stage.channel()
    consumer.basic_qos(prefetch_count=2, global_qos=True)
    tags = stage.consume(consumer, first, "first")
    stage.consume(consumer, second, "second")
    stage.consume(consumer, third, "third", auto_ack=True)
    for name, left in ((first, 0), (second, 2), (third, 2)):
        stage.publish(channel, "", name, "1", "2")
        stage.settle(consumer, name, left, 2)
    consumer.basic_cancel("third")
    consumer.basic_ack(tags[0])
    stage.settle(consumer, second, 1, 3)
    consumer.basic_qos(prefetch_count=0, global_qos=True)
    stage.settle(consumer, second, 0, 4)
    consumer.basic_qos(prefetch_count=4, global_qos=True)
    stage.consume(consumer, third, "third", auto_ack=True)
    stage.settle(consumer, third, 0, 6)
    for name in (first, second, third):
        channel.queue_delete(name)


@scenario
def prefetch_does_not_count_gets(stage: Stage) -> None:
    """basic.get needs no credit and uses none."""
    channel, name = stage.queue("1", "2", "3", "4")
    consumer = stage.channel()
    consumer.basic_qos(prefetch_count=1, global_qos=True)
    stage.get(consumer, name)
    stage.consume(consumer, name, "t")
    stage.settle(consumer, name, 2, 1)
    stage.get(consumer, name)
    stage.settle(consumer, name, 1, 1)
    channel.queue_delete(name)


@scenario
def prefetch_size(stage: Stage) -> None:
    """A prefetch window in bytes is not implemented."""
    stage.attempt("qos", stage.channel().basic_qos, prefetch_size=1000)


@scenario
def consumers_take_turns(stage: Stage) -> None:
    """Messages go round the consumers of a queue."""
    channel, name = stage.queue()
    consumers = [stage.channel(channel.connection) for _ in range(3)]
    for number, consumer in enumerate(consumers):
        stage.consume(consumer, name, f"t{number}", auto_ack=True)
    for count, body in enumerate("1234567", start=1):
        stage.publish(channel, "", name, body)
        stage.settle(channel, name, 0, count)
    channel.queue_delete(name)


@scenario
def nack_goes_to_the_next_consumer(stage: Stage) -> None:
    """A message given back goes to whose turn it is."""
    channel, name = stage.queue()
    first, second = stage.channel(channel.connection), stage.channel(channel.connection)
    tags = stage.consume(first, name, "first")
    stage.consume(second, name, "second")
    stage.publish(channel, "", name, "1")
    stage.settle(channel, name, 0, 1)
    first.basic_nack(tags[0], requeue=True)
    stage.settle(first, name, 0, 2)
    channel.queue_delete(name)


@scenario
def cancel(stage: Stage) -> None:
    """After cancel nothing more comes, and what was delivered can still be acknowledged."""
    channel, name = stage.queue("1", "2")
    consumer = stage.channel()
    consumer.basic_qos(prefetch_count=1)
    tags = stage.consume(consumer, name, "t")
    stage.settle(consumer, name, 1, 1)
    consumer.basic_cancel("t")
    consumer.basic_ack(tags[0])
    stage.settle(consumer, name, 1, 1)
    stage.get(consumer, name)
    stage.attempt("unknown tag", consumer.basic_cancel, "nobody")
    channel.queue_delete(name)


@scenario
def exclusive_consumer(stage: Stage) -> None:
    """An exclusive consumer is alone or not at all."""
    channel, name = stage.queue()
    stage.consume(channel, name, "t")
    stage.attempt("exclusive second", stage.channel().basic_consume, name, print, exclusive=True)
    channel.basic_cancel("t")
    stage.consume(channel, name, "t", exclusive=True)
    stage.attempt("second", stage.channel().basic_consume, name, print)
    stage.attempt("declare", stage.channel().queue_declare, name, passive=True)
    channel.basic_cancel("t")
    stage.attempt("free again", stage.channel().basic_consume, name, print, consumer_tag="t")
    channel.queue_delete(name)


@scenario
def recover_redelivers_to_consumers(stage: Stage) -> None:
    """A consumer gets again what it did not acknowledge."""
    channel, name = stage.queue("1", "2")
    stage.consume(channel, name, "t")
    stage.settle(channel, name, 0, 2)
    channel.basic_recover(requeue=True)
    stage.settle(channel, name, 0, 4)
    channel.queue_delete(name)


@scenario
def service_pattern(stage: Stage) -> None:
    """A request and its reply travel as services and clients send them."""
    exchange, service = stage.name("requests"), stage.name("my_store")
    server, client = stage.channel(), stage.channel()
    server.exchange_declare(exchange, "topic")
    server.queue_declare(service, exclusive=True, auto_delete=True)
    for key in (f"{service}.#", "broadcast.#", "peaches.#"):
        server.queue_bind(service, exchange, key)
    server.basic_qos(prefetch_count=1, global_qos=True)
    tags = stage.consume(server, service, "s", exclusive=True)
    client.exchange_declare(exchange, "topic")
    reply_queue = client.queue_declare("", exclusive=True, auto_delete=True).method.queue
    client.queue_bind(reply_queue, exchange, reply_queue)
    stage.consume(client, reply_queue, "c", auto_ack=True)
    properties = pika.BasicProperties(reply_to=stage.name("reply"), content_encoding="application/json")
    for key in ("peaches", "peaches.x.y", "broadcast", "nobody"):
        stage.attempt(key, client.basic_publish, exchange, key, b"{}", properties, mandatory=True)
    stage.settle(server, service, 2, 1)
    for number in range(3):
        stage.publish(server, exchange, reply_queue, f"reply {number}")
        server.basic_ack(tags[number])
        stage.settle(server, service, max(1 - number, 0), min(number + 2, 3))
    stage.settle(client, reply_queue, 0, 6)
    client.exchange_delete(exchange)
