"""Scenarios: exchanges bound to exchanges."""

from __future__ import annotations

import itertools

from pika.adapters.blocking_connection import BlockingChannel

from .scenario import scenario
from .stage import Stage

KINDS = ("topic", "direct", "fanout")


@scenario
def exchange_paths(stage: Stage) -> None:
    """A message reaches a queue at most once, whatever the paths, and keeps the exchange it was published to."""
    source, left, right, queue = (stage.name(label) for label in ("source", "left", "right", "q"))
    channel = stage.channel()
    for kind in KINDS:
        for exchange in (source, left, right):
            channel.exchange_declare(exchange, kind, durable=exchange == left)
        channel.queue_declare(queue)
        for exchange in (left, right):
            channel.exchange_bind(exchange, source, "k")
            channel.exchange_bind(exchange, source, "k", arguments={"another": 1})
            channel.queue_bind(queue, exchange, "k")
        channel.exchange_bind(source, source, "k")
        channel.queue_bind(queue, source, "k")
        for exchange, key in itertools.product((source, left), ("k", "other")):
            stage.publish(channel, exchange, key, stage.normal(f"{kind} {exchange} {key}"))
        channel.queue_unbind(queue, source, "k")
        stage.publish(channel, source, "k", "no longer at once")
        channel.exchange_unbind(left, source, "k")
        channel.exchange_unbind(right, source, "k")
        stage.publish(channel, source, "k", "the binding with arguments is left")
        channel.exchange_unbind(left, source, "k", arguments={"another": 1})
        channel.exchange_unbind(right, source, "k", arguments={"another": 1})
        stage.attempt("none left", channel.basic_publish, source, "k", b"", mandatory=True)
        _empty(stage, channel, queue)
        _delete(channel, source, left, right, queue=queue)


@scenario
def exchange_patterns_in_a_row(stage: Stage) -> None:
    """Topic patterns on the way and at its end must all match; a message that has two of them goes once."""
    alerts, durable, queue = stage.name("alerts"), stage.name("alerts.durable"), stage.name("q")
    channel = stage.channel()
    channel.exchange_declare(alerts, "topic")
    channel.exchange_declare(durable, "topic", durable=True)
    channel.queue_declare(queue, durable=True)
    channel.exchange_bind(durable, alerts, "#")
    channel.exchange_bind(durable, alerts, "a.*")
    for pattern in ("a.#", "*.b"):
        channel.queue_bind(queue, durable, pattern)
        channel.queue_bind(queue, alerts, pattern)
    for exchange, key in itertools.product((alerts, durable), ("a.b", "a", "x.b", "x.y", "", "a.b.c")):
        stage.publish(channel, exchange, key, stage.normal(f"{exchange} {key}"))
    _empty(stage, channel, queue)
    _delete(channel, alerts, durable, queue=queue)


@scenario
def exchange_bound_and_deleted(stage: Stage) -> None:
    """Bindings go with either end; an exchange that others are bound to is in use, not one that is bound."""
    source, target, queue = stage.name("source"), stage.name("target"), stage.name("q")
    channel = stage.channel()

    def build() -> None:
        channel.exchange_declare(source, "topic")
        channel.exchange_declare(target, "fanout")
        channel.queue_declare(queue)
        channel.exchange_bind(target, source, "#")
        channel.queue_bind(queue, target, "")

    build()
    stage.attempt("in use", stage.channel().exchange_delete, source, if_unused=True)
    for gone in (target, source):
        stage.attempt("delete", channel.exchange_delete, gone)
        channel.exchange_declare(gone, "topic" if gone == source else "fanout")
        channel.queue_bind(queue, target, "")
        stage.attempt("not bound", channel.basic_publish, source, "k", b"", mandatory=True)
        build()
        stage.publish(channel, source, "k", "bound again")
    _empty(stage, channel, queue)
    channel.queue_delete(queue)
    stage.attempt("only bound itself", channel.exchange_delete, target, if_unused=True)
    stage.attempt("nothing bound", channel.exchange_delete, source, if_unused=True)


@scenario
def exchange_auto_delete_in_a_row(stage: Stage) -> None:
    """An auto-delete exchange goes when nothing is bound to it, and so does the one before it."""
    names = [stage.name(label) for label in ("first", "second", "third")]
    channel = stage.channel()

    def build() -> None:
        for name in names:
            channel.exchange_declare(name, "topic", auto_delete=True)
        for source, target in itertools.pairwise(names):
            channel.exchange_bind(target, source, "#")

    def look() -> None:
        for name in names:
            stage.attempt(name, stage.channel().exchange_declare, name, passive=True)

    build()
    channel.exchange_unbind(names[2], names[1], "#")
    look()
    build()
    channel.exchange_delete(names[2])
    look()
    build()
    channel.exchange_delete(names[0])
    look()
    for name in names:
        channel.exchange_delete(name)


@scenario
def exchange_binding_errors(stage: Stage) -> None:
    """Both ends must be there to bind, neither to unbind; the default exchange cannot be either."""
    name, missing = stage.name("e"), stage.name("missing")
    channel = stage.channel()
    channel.exchange_declare(name, "topic")
    ends = ((name, missing), (missing, name), (missing, missing), (name, ""), ("", name), ("", ""), (name, name))
    for target, source in ends:
        stage.attempt("bind", stage.channel().exchange_bind, target, source, "k")
        stage.attempt("unbind", stage.channel().exchange_unbind, target, source, "k")
        stage.attempt("again", stage.channel().exchange_unbind, target, source, "k")
    internal = stage.name("internal")
    channel.exchange_declare(internal, "topic", internal=True)
    queue = stage.name("q")
    channel.queue_declare(queue)
    stage.attempt("internal", channel.exchange_bind, internal, name, "#")
    channel.queue_bind(queue, internal, "#")
    stage.publish(channel, name, "k", "by way of the internal one")
    _empty(stage, channel, queue)
    stage.attempt("reserved", channel.exchange_bind, name, "amq.topic", queue)
    stage.publish(channel, "amq.topic", queue, "from a reserved one")
    _empty(stage, channel, queue)
    _delete(channel, name, internal, queue=queue)


def _empty(stage: Stage, channel: BlockingChannel, queue: str) -> None:
    while stage.get(channel, queue, auto_ack=True):
        pass


def _delete(channel: BlockingChannel, *exchanges: str, queue: str) -> None:
    channel.queue_delete(queue)
    for exchange in exchanges:
        channel.exchange_delete(exchange)
