"""Scenarios: quorum queues, which count how often a message comes back."""

from __future__ import annotations

import time
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from .scenario import scenario
from .stage import Stage


def quorum(stage: Stage, *bodies: str, limit: int | None = None, **kwargs: Any) -> tuple[BlockingChannel, str]:
    """A channel, and a new quorum queue that holds messages."""
    channel, name = stage.channel(), stage.name("q")
    declare(channel, name, limit)
    stage.publish(channel, "", name, *bodies, **kwargs)
    left(stage, channel, name, len(bodies))
    return channel, name


def declare(channel: BlockingChannel, name: str, limit: object = None, kind: str = "quorum") -> Any:
    """Declare a queue."""
    arguments = {"x-queue-type": kind} | ({} if limit is None else {"x-delivery-limit": limit})
    return channel.queue_declare(name, durable=True, arguments=arguments)


def left(stage: Stage, channel: BlockingChannel, name: str, count: int) -> None:
    """Wait until a queue has so many messages, and write down how many there are; RabbitMQ counts in its own time.

    Consumers are not written down: RabbitMQ counts who has the message of a basic.get.
    """
    deadline = time.monotonic() + 30.0
    while (answer := channel.queue_declare(name, passive=True).method).message_count != count:
        if time.monotonic() > deadline:
            break
        channel.connection.process_data_events(0.01)
    stage.note("left", answer.message_count)


def give_back(stage: Stage, channel: BlockingChannel, name: str, how: str) -> None:
    """Take the message and give it back in one of the ways there are."""
    taker = stage.channel()
    tag = stage.get(taker, name)
    if how == "nack":
        taker.basic_nack(tag, requeue=True)
    elif how == "reject":
        taker.basic_reject(tag, requeue=True)
    elif how == "recover":
        taker.basic_recover(requeue=True)
    elif how == "close channel":
        taker.close()
    else:
        taker.connection.close()


@scenario
def delivery_limit_drops(stage: Stage) -> None:
    """A message that came back more often than the limit is dropped, whatever the reason of its returns."""
    for how in ("nack", "reject", "recover", "close channel", "close connection"):
        channel, name = quorum(stage, "1", limit=2)
        stage.note(how)
        for remaining in (1, 1, 0):
            give_back(stage, channel, name, how)
            left(stage, channel, name, remaining)
        channel.queue_delete(name)


@scenario
def delivery_limit_concerns_one_message(stage: Stage) -> None:
    """The count is that of a message, not that of its queue; what is acknowledged does not count."""
    channel, name = quorum(stage, "1", "2", "3", limit=1)
    channel.basic_ack(stage.get(channel, name))
    left(stage, channel, name, 2)
    for remaining in (2, 1):
        channel.basic_nack(stage.get(channel, name), requeue=True)
        left(stage, channel, name, remaining)
    channel.basic_ack(stage.get(channel, name))
    left(stage, channel, name, 0)
    channel.queue_delete(name)


@scenario
def delivery_count_of_a_consumer(stage: Stage) -> None:
    """A consumer finds the count in the headers, from the first redelivery on, beside the publisher's own."""
    properties = pika.BasicProperties(
        content_type="a",
        content_encoding="b",
        headers={"mine": 1, "table": {"x": "y"}},
        correlation_id="c",
        app_id="d",
    )
    for given in (None, properties, pika.BasicProperties(headers={}), pika.BasicProperties(message_id="m")):
        channel, name = quorum(stage, "1", properties=given)
        for _ in range(3):
            consumer = stage.channel()
            came = sum(entry[0] == "deliver" for entry in stage.log)
            stage.consume(consumer, name, "t")
            stage.settle(consumer, name, 0, came + 1)
            consumer.connection.close()
            stage.settle(channel, name, 1)
        channel.queue_delete(name)


@scenario
def delivery_limit_redeclared(stage: Stage) -> None:
    """Another limit, or none, is another queue: 406."""
    keeper, name = quorum(stage, limit=2)
    for limit in (3, None, -1, 2):
        stage.attempt(f"limit {limit}", declare, stage.channel(), name, limit)
    keeper.queue_delete(name)
    declare(keeper, name)
    for limit in (5, -1, None):
        stage.attempt(f"none, then {limit}", declare, stage.channel(), name, limit)
    keeper.queue_delete(name)


@scenario
def delivery_limit_of_another_queue(stage: Stage) -> None:
    """A classic queue has no delivery limit; what is not a number is no limit."""
    name = stage.name("q")
    stage.attempt("classic", declare, stage.channel(), name, 4, "classic")
    channel = stage.channel()
    for limit in ("a", True):
        declare(channel, name, limit)
        stage.publish(channel, "", name, "1")
        for _ in range(3):
            left(stage, channel, name, 1)
            channel.basic_nack(stage.get(channel, name), requeue=True)
        left(stage, channel, name, 1)
        channel.queue_delete(name)
