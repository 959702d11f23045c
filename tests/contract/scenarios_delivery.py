"""Scenarios: publishing, consuming, acknowledging."""

from __future__ import annotations

import pika

from .scenario import scenario
from .stage import Stage


@scenario
def get_and_acknowledge(stage: Stage) -> None:
    """basic.get counts what is left; unacknowledged messages come back when the channel closes."""
    channel, name = stage.queue("1", "2", "3")
    other = stage.channel()
    first = stage.get(other, name)
    stage.get(other, name)
    other.basic_ack(first)
    stage.get(other, name, auto_ack=True)
    stage.get(other, name)
    other.close()
    stage.get(channel, name)
    stage.get(channel, name)
    channel.queue_delete(name)


@scenario
def requeue_keeps_the_order(stage: Stage) -> None:
    """Messages put back return to where they were, in whatever order they are given back."""
    channel, name = stage.queue("1", "2", "3", "4", "5")
    tags = [stage.get(channel, name) for _ in range(4)]
    channel.basic_nack(tags[2], requeue=True)
    channel.basic_reject(tags[0], requeue=True)
    channel.basic_nack(tags[3], requeue=True)
    channel.basic_ack(tags[1])
    while stage.get(channel, name, auto_ack=True):
        pass
    channel.queue_delete(name)


@scenario
def reject_without_requeue(stage: Stage) -> None:
    """A message rejected for good is gone."""
    channel, name = stage.queue("1", "2", "3")
    channel.basic_reject(stage.get(channel, name), requeue=False)
    channel.basic_nack(stage.get(channel, name), requeue=False)
    stage.settle(channel, name, 1)
    channel.queue_delete(name)


@scenario
def nack_multiple(stage: Stage) -> None:
    """With multiple, a tag names all up to it, and 0 all there are."""
    channel, name = stage.queue("1", "2", "3", "4")
    tags = [stage.get(channel, name) for _ in range(4)]
    channel.basic_nack(tags[1], multiple=True, requeue=True)
    stage.settle(channel, name, 2)
    channel.basic_nack(0, multiple=True, requeue=True)
    tags = [stage.get(channel, name) for _ in range(4)]
    channel.basic_ack(tags[2], multiple=True)
    channel.basic_nack(tags[3], requeue=True)
    stage.get(channel, name)
    channel.basic_ack(0, multiple=True)
    stage.get(channel, name)
    stage.attempt("nothing to acknowledge", channel.basic_ack, 0, True)
    stage.settle(channel, name, 0)
    channel.queue_delete(name)


@scenario
def unknown_delivery_tag(stage: Stage) -> None:
    """Acknowledging what was not delivered closes the channel with 406."""
    keeper, name = stage.queue("1", "2")
    for what in (
        "ack",
        "nack",
        "reject",
        "multiple",
        "twice",
        "zero",
        "multiple past the end",
        "multiple settled",
    ):
        channel = stage.channel()
        tag = stage.get(channel, name)
        if what == "ack":
            channel.basic_ack(99)
        elif what == "nack":
            channel.basic_nack(99)
        elif what == "reject":
            channel.basic_reject(99)
        elif what == "multiple":
            channel.basic_nack(99, multiple=True)
        elif what == "twice":
            channel.basic_nack(tag, requeue=True)
            channel.basic_ack(tag)
        elif what == "zero":
            channel.basic_ack(0)
        elif what == "multiple past the end":
            channel.basic_ack(tag + 1, multiple=True)
        else:
            second = stage.get(channel, name)
            channel.basic_nack(tag, requeue=True)
            channel.basic_ack(tag, multiple=True)
            stage.note("second", second)
        stage.attempt(what, channel.queue_declare, name, passive=True)
    keeper.queue_delete(name)


@scenario
def tags_belong_to_their_channel(stage: Stage) -> None:
    """A tag of one channel means nothing on another of the same connection."""
    keeper, name = stage.queue("1")
    connection = stage.connect()
    first, second = connection.channel(), connection.channel()
    stage.get(first, name)
    second.basic_ack(1)
    stage.attempt("other channel", second.queue_declare, name, passive=True)
    stage.attempt("own channel", first.queue_declare, name, passive=True)
    keeper.queue_delete(name)


@scenario
def connection_close_requeues(stage: Stage) -> None:
    """What a lost connection held comes again, marked as redelivered."""
    channel, name = stage.queue("1", "2")
    consumer = stage.channel()
    stage.consume(consumer, name, "t")
    stage.settle(consumer, name, 0, 2)
    consumer.connection.close()
    stage.settle(channel, name, 2)
    stage.get(channel, name)
    stage.get(channel, name)
    channel.queue_delete(name)


@scenario
def recover(stage: Stage) -> None:
    """Recover puts everything back; it cannot keep it for the same consumer."""
    channel, name = stage.queue("1", "2", "3")
    tag = stage.get(channel, name)
    stage.get(channel, name)
    channel.basic_ack(tag)
    stage.attempt("recover", channel.basic_recover, requeue=True)
    while stage.get(channel, name):
        pass
    other = stage.channel()
    stage.attempt("keep", other.basic_recover, requeue=False)
    channel.queue_delete(name)


@scenario
def mandatory(stage: Stage) -> None:
    """An unroutable mandatory message comes back whole, a routable one is taken."""
    channel, name = stage.queue()
    properties = pika.BasicProperties(message_id="m/0/1", headers={"n": {"a": [1, "x"]}})
    stage.attempt("unroutable", channel.basic_publish, "amq.topic", stage.name("k"), b"body", properties, True)
    stage.attempt("default", channel.basic_publish, "", stage.name("none"), b"", properties, mandatory=True)
    stage.attempt("routable", channel.basic_publish, "", name, b"body", properties, mandatory=True)
    stage.attempt("lost", channel.basic_publish, "amq.topic", stage.name("k"), b"body")
    stage.get(channel, name, auto_ack=True)
    channel.queue_delete(name)


@scenario
def publish_to_missing_exchange(stage: Stage) -> None:
    """An unknown exchange closes the channel with 404, also without confirms."""
    stage.attempt("confirmed", stage.channel().basic_publish, stage.name("e"), "k", b"body")
    channel = stage.channel(confirms=False)
    stage.attempt("sent", channel.basic_publish, stage.name("e"), "k", b"body")
    stage.attempt("noticed", channel.queue_declare, "", exclusive=True)
    stage.attempt("next channel", stage.channel(channel.connection).queue_declare, "", exclusive=True)


@scenario
def bodies_of_all_sizes(stage: Stage) -> None:
    """Bodies arrive whole whatever the number of their frames."""
    channel, name = stage.queue()
    for size in (0, 1, 131064, 131065, 262128, 1_000_000):
        body = bytes(range(256)) * (size // 256 + 1)
        channel.basic_publish("", name, body[:size])
        method, _, received = channel.basic_get(name, auto_ack=True)
        stage.note(size, len(received), received == body[:size], method.message_count)
    channel.queue_delete(name)


@scenario
def frame_max_of_the_receiver(stage: Stage) -> None:
    """A consumer with small frames gets large messages cut for it."""
    channel, name = stage.queue()
    body = bytes(range(256)) * 400
    consumer = stage.connect(frame_max=4096).channel()
    channel.basic_publish("", name, body)
    _, _, received = consumer.basic_get(name, auto_ack=True)
    stage.note(len(received), received == body)
    channel.queue_delete(name)


@scenario
def confirm_select_twice(stage: Stage) -> None:
    """Asking for confirms twice changes nothing."""
    channel = stage.connect().channel()
    channel._impl.confirm_delivery(ack_nack_callback=lambda frame: stage.note("confirm", frame.method.NAME))
    channel._impl.confirm_delivery(ack_nack_callback=lambda frame: stage.note("confirm", frame.method.NAME))
    stage.attempt("still open", channel.queue_declare, "", exclusive=True)


@scenario
def messages_survive_the_channel(stage: Stage) -> None:
    """A queue keeps messages while nobody is connected."""
    channel, name = stage.queue("1")
    channel.connection.close()
    stage.get(stage.channel(), name, auto_ack=True)
    stage.channel().queue_delete(name)
