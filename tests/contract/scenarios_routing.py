"""Scenarios: bindings, and where messages go by them."""

from __future__ import annotations

from .scenario import scenario
from .stage import Stage

PATTERNS = (
    "#",
    "*",
    "*.*",
    "a",
    "a.#",
    "#.a",
    "a.*",
    "*.a",
    "a.#.b",
    "a.*.b",
    "#.#",
    "*.#",
    "#.b.#",
    "a.*.#.b",
    "",
)
KEYS = (
    "",
    "a",
    "b",
    "a.b",
    "a.a",
    "b.a",
    "a.x.b",
    "a.x.y.b",
    "a.b.c",
    "a.",
    ".a",
    "..",
    "x.y.z",
    "a.b.a.b",
    "*",
    "#",
)


@scenario
def exchange_to_exchange(stage: Stage) -> None:
    """Exchanges can be bound to exchanges, also in a circle; each queue gets a message once."""
    first, second, queue = stage.name("e1"), stage.name("e2"), stage.name("q")
    channel = stage.channel()
    for exchange in (first, second):
        channel.exchange_declare(exchange, "topic")
    channel.queue_declare(queue)
    stage.attempt("bind", channel.exchange_bind, second, first, "a.#")
    stage.attempt("back", channel.exchange_bind, first, second, "#")
    channel.queue_bind(queue, second, "*.b")
    channel.queue_bind(queue, first, "a.b")
    stage.publish(channel, first, "a.b", "both ways")
    stage.publish(channel, first, "x.b", "first refuses")
    stage.publish(channel, second, "x.b", "second only")
    while stage.get(channel, queue, auto_ack=True):
        pass
    stage.attempt("unbind", channel.exchange_unbind, second, first, "a.#")
    stage.attempt("missing", stage.channel().exchange_bind, stage.name("none"), first, "a")
    stage.attempt("missing source", stage.channel().exchange_bind, first, stage.name("none"), "a")
    stage.attempt("default", stage.channel().exchange_bind, first, "", "a")
    for exchange in (first, second):
        channel.exchange_delete(exchange)
    channel.queue_delete(queue)


@scenario
def bind_errors(stage: Stage) -> None:
    """Bindings need both ends, and the default exchange has none."""
    name = stage.name("q")
    channel = stage.channel()
    channel.queue_declare(name)
    stage.attempt("no exchange", stage.channel().queue_bind, name, stage.name("e"), "k")
    stage.attempt("default exchange", stage.channel().queue_bind, name, "", "k")
    stage.attempt("unbind nothing", stage.channel().queue_unbind, name, "amq.topic", "k")
    stage.attempt("unbind no exchange", stage.channel().queue_unbind, name, stage.name("e"), "k")
    stage.attempt("unbind default", stage.channel().queue_unbind, name, "", name)
    channel.queue_delete(name)


@scenario
def bind_twice(stage: Stage) -> None:
    """The same binding twice is one; with other arguments it is another."""
    exchange, queue = stage.name("e"), stage.name("q")
    channel = stage.channel()
    for kind in ("topic", "direct", "fanout"):
        channel.exchange_declare(exchange, kind)
        channel.queue_declare(queue)
        channel.queue_bind(queue, exchange, "k")
        channel.queue_bind(queue, exchange, "k")
        channel.queue_bind(queue, exchange, "k", arguments={"version": 2})
        stage.publish(channel, exchange, "k", "once")
        channel.queue_unbind(queue, exchange, "k")
        stage.publish(channel, exchange, "k", "still")
        channel.queue_unbind(queue, exchange, "k", arguments={"version": 2})
        stage.attempt("no longer", channel.basic_publish, exchange, "k", b"", mandatory=True)
        while stage.get(channel, queue, auto_ack=True):
            pass
        channel.queue_delete(queue)
        channel.exchange_delete(exchange)


@scenario
def topic_routing(stage: Stage) -> None:
    """Every pattern against every key, as RabbitMQ matches them."""
    exchange = stage.name("e")
    channel = stage.channel()
    channel.exchange_declare(exchange, "topic")
    queues = {pattern: stage.name(f"q{number}") for number, pattern in enumerate(PATTERNS)}
    for pattern, queue in queues.items():
        channel.queue_declare(queue)
        channel.queue_bind(queue, exchange, pattern)
    for key in KEYS:
        stage.publish(channel, exchange, key, "x" + key)
    for pattern, queue in queues.items():
        received = []
        while (answer := channel.basic_get(queue, auto_ack=True))[0] is not None:
            received.append(answer[0].routing_key)
        stage.note(pattern, received)
        channel.queue_delete(queue)
    channel.exchange_delete(exchange)


@scenario
def direct_and_fanout_routing(stage: Stage) -> None:
    """Direct takes equal keys only, fanout everything."""
    channel = stage.channel()
    for kind in ("direct", "fanout"):
        exchange, queue = stage.name(kind), stage.name("q" + kind)
        channel.exchange_declare(exchange, kind)
        channel.queue_declare(queue)
        channel.queue_bind(queue, exchange, "a.#")
        for key in ("a.#", "a.b", ""):
            stage.attempt(key, channel.basic_publish, exchange, key, key.encode(), mandatory=True)
        while stage.get(channel, queue, auto_ack=True):
            pass
        channel.queue_delete(queue)
        channel.exchange_delete(exchange)


@scenario
def unicode_and_long_names(stage: Stage) -> None:
    """Names and keys may hold any letters and be 255 bytes long."""
    channel = stage.channel()
    for label in ("Heißleiter/温度 ✓", "x" * (254 - len(stage.name("")))):
        exchange, queue = stage.name("e" + label), stage.name("q" + label)
        stage.attempt("exchange", channel.exchange_declare, exchange, "topic")
        stage.attempt("queue", channel.queue_declare, queue)
        stage.attempt("bind", channel.queue_bind, queue, exchange, queue + "")
        stage.publish(channel, exchange, queue, label)
        stage.get(channel, queue, auto_ack=True)
        stage.attempt("error", stage.channel().queue_declare, queue, durable=True)
        channel.queue_delete(queue)
        channel.exchange_delete(exchange)
