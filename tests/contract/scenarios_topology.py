"""Scenarios: exchanges, queues, bindings and routing."""

from __future__ import annotations

from .scenario import scenario
from .stage import Stage


@scenario
def exchange_declared_again(stage: Stage) -> None:
    """The same declaration again is fine, any other property is 406."""
    name = stage.name("e")
    channel = stage.channel()
    stage.attempt("declare", channel.exchange_declare, name, "topic")
    stage.attempt("again", channel.exchange_declare, name, "topic")
    for change in ({"exchange_type": "direct"}, {"durable": True}, {"auto_delete": True}, {"internal": True}):
        other = stage.channel()
        stage.attempt(str(change), other.exchange_declare, name, **{"exchange_type": "topic", **change})
    stage.attempt("delete", channel.exchange_delete, name)


@scenario
def exchange_passive(stage: Stage) -> None:
    """A passive declaration finds what is there, whatever else it says, and 404 otherwise."""
    name = stage.name("e")
    channel = stage.channel()
    stage.attempt("missing", stage.channel().exchange_declare, name, "topic", passive=True)
    stage.attempt("declare", channel.exchange_declare, name, "fanout")
    stage.attempt("found", channel.exchange_declare, name, "topic", passive=True, durable=True)
    for predeclared in ("amq.topic", "amq.direct", "amq.fanout", "amq.headers", "amq.match"):
        stage.attempt(predeclared, channel.exchange_declare, predeclared, passive=True)
    stage.attempt("default", stage.channel().exchange_declare, "", passive=True)
    stage.attempt("delete", channel.exchange_delete, name)


@scenario
def exchange_reserved_names(stage: Stage) -> None:
    """Names of the broker's own cannot be made or deleted."""
    stage.attempt("amq.mine", stage.channel().exchange_declare, "amq.mine", "topic")
    stage.attempt("equal", stage.channel().exchange_declare, "amq.topic", "topic", durable=True)
    stage.attempt("other", stage.channel().exchange_declare, "amq.topic", "topic", durable=False)
    stage.attempt("default", stage.channel().exchange_declare, "", "direct", durable=True)
    stage.attempt("delete", stage.channel().exchange_delete, "amq.topic")
    stage.attempt("delete default", stage.channel().exchange_delete, "")


@scenario
def exchange_unknown_type(stage: Stage) -> None:
    """An exchange type nobody knows ends the connection with 503."""
    stage.attempt("declare", stage.channel().exchange_declare, stage.name("e"), "nonsense")


@scenario
def exchange_delete(stage: Stage) -> None:
    """Deleting what is not there is fine; if_unused protects what is bound; bindings go with it."""
    exchange, queue = stage.name("e"), stage.name("q")
    channel = stage.channel()
    stage.attempt("missing", channel.exchange_delete, exchange)
    channel.exchange_declare(exchange, "direct")
    channel.queue_declare(queue)
    channel.queue_bind(queue, exchange, "k")
    stage.attempt("if_unused", stage.channel().exchange_delete, exchange, if_unused=True)
    stage.attempt("delete", channel.exchange_delete, exchange)
    stage.attempt("gone", stage.channel().exchange_declare, exchange, passive=True)
    channel.exchange_declare(exchange, "direct")
    stage.attempt("unbound", channel.basic_publish, exchange, "k", b"", mandatory=True)
    stage.attempt("if_unused", channel.exchange_delete, exchange, if_unused=True)
    channel.queue_delete(queue)


@scenario
def exchange_auto_delete(stage: Stage) -> None:
    """An auto-delete exchange stays until its last binding goes."""
    exchange, queue = stage.name("e"), stage.name("q")
    channel = stage.channel()
    channel.exchange_declare(exchange, "topic", auto_delete=True)
    channel.queue_declare(queue)
    stage.attempt("never bound", channel.exchange_declare, exchange, passive=True)
    channel.queue_bind(queue, exchange, "a")
    channel.queue_bind(queue, exchange, "b")
    channel.queue_unbind(queue, exchange, "a")
    stage.attempt("one left", channel.exchange_declare, exchange, passive=True)
    channel.queue_unbind(queue, exchange, "b")
    stage.attempt("none left", stage.channel().exchange_declare, exchange, passive=True)
    channel.exchange_declare(exchange, "fanout", auto_delete=True)
    channel.queue_bind(queue, exchange, "a")
    channel.queue_delete(queue)
    stage.attempt("queue gone", stage.channel().exchange_declare, exchange, passive=True)


@scenario
def exchange_internal(stage: Stage) -> None:
    """Clients cannot publish to an internal exchange."""
    exchange = stage.name("e")
    channel = stage.channel()
    channel.exchange_declare(exchange, "topic", internal=True)
    stage.attempt("publish", stage.channel().basic_publish, exchange, "k", b"")
    channel.exchange_delete(exchange)


@scenario
def queue_server_named(stage: Stage) -> None:
    """The broker names a queue; "" then means the queue declared last."""
    channel = stage.channel()
    stage.attempt("no queue yet", stage.channel().queue_bind, "", "amq.topic", "k")
    stage.attempt("purge none", stage.channel().queue_purge, "")
    first = stage.attempt("declare", channel.queue_declare, "", exclusive=True)
    second = stage.attempt("declare", channel.queue_declare, "", exclusive=True)
    stage.note("different", first.method.queue != second.method.queue, len(first.method.queue))
    stage.attempt("bind", channel.queue_bind, "", "amq.direct", stage.name("k"))
    stage.publish(channel, "amq.direct", stage.name("k"), "to the second")
    stage.get(channel, first.method.queue, auto_ack=True)
    stage.get(channel, second.method.queue, auto_ack=True)
    stage.attempt("passive", channel.queue_declare, "", passive=True)


@scenario
def queue_declared_again(stage: Stage) -> None:
    """The same declaration again reports counts, another property is 406 or 405."""
    name = stage.name("q")
    channel = stage.channel()
    same = {"durable": False, "arguments": {"x-max-length": 10, "anything": 1}}
    stage.attempt("declare", channel.queue_declare, name, **same)
    stage.publish(channel, "", name, "1", "2")
    stage.attempt("again", channel.queue_declare, name, **same)
    stage.attempt("ignored argument", channel.queue_declare, name, arguments={"x-max-length": 10})
    changes = (
        {"durable": True},
        {"auto_delete": True},
        {"exclusive": True},
        {"arguments": {"x-max-length": 11}},
        {"arguments": {}},
        {"arguments": {"x-max-length": 10, "x-max-priority": 3}},
        {"arguments": {"x-max-length": 10, "x-overflow": "reject-publish"}},
    )
    for change in changes:
        stage.attempt(str(change), stage.channel().queue_declare, name, **{**same, **change})
    stage.attempt("passive", channel.queue_declare, name, passive=True, durable=True)
    channel.queue_delete(name)


@scenario
def queue_missing(stage: Stage) -> None:
    """Nothing but deletion can be done with a queue that does not exist."""
    name = stage.name("q")
    for what in ("passive", "purge", "bind", "unbind", "consume", "get", "delete"):
        channel = stage.channel()
        calls = {
            "passive": lambda c=channel: c.queue_declare(name, passive=True),
            "purge": lambda c=channel: c.queue_purge(name),
            "bind": lambda c=channel: c.queue_bind(name, "amq.topic", "k"),
            "unbind": lambda c=channel: c.queue_unbind(name, "amq.topic", "k"),
            "consume": lambda c=channel: c.basic_consume(name, print, consumer_tag="t"),
            "get": lambda c=channel: c.basic_get(name),
            "delete": lambda c=channel: c.queue_delete(name),
        }
        stage.attempt(what, calls[what])


@scenario
def queue_reserved_name(stage: Stage) -> None:
    """Names that begin with amq. are the broker's."""
    stage.attempt("declare", stage.channel().queue_declare, "amq.mine")
    stage.attempt("passive", stage.channel().queue_declare, "amq.mine", passive=True)


@scenario
def queue_exclusive_to_another(stage: Stage) -> None:
    """Another connection's exclusive queue takes messages, and 405 for all else."""
    name = stage.name("q")
    owner = stage.channel()
    owner.queue_declare(name, exclusive=True, auto_delete=True)
    stranger = stage.connect()
    calls = {
        "declare": lambda c: c.queue_declare(name, exclusive=True, auto_delete=True),
        "declare shared": lambda c: c.queue_declare(name),
        "passive": lambda c: c.queue_declare(name, passive=True),
        "bind": lambda c: c.queue_bind(name, "amq.topic", "k"),
        "unbind": lambda c: c.queue_unbind(name, "amq.topic", "k"),
        "purge": lambda c: c.queue_purge(name),
        "consume": lambda c: c.basic_consume(name, print, consumer_tag="t"),
        "get": lambda c: c.basic_get(name),
        "delete": lambda c: c.queue_delete(name),
    }
    for what, call in calls.items():
        stage.attempt(what, call, stage.channel(stranger))
    owner.queue_bind(name, "amq.topic", stage.name("bound"))
    stage.attempt("unbind bound", stage.channel(stranger).queue_unbind, name, "amq.topic", stage.name("bound"))
    stage.publish(stage.channel(stranger), "", name, "hello", mandatory=True)
    stage.get(owner, name, auto_ack=True)
    second_channel = stage.channel(owner.connection)
    stage.attempt("owner, not exclusive", second_channel.queue_declare, name, auto_delete=True)
    stage.attempt("owner", stage.channel(owner.connection).queue_declare, name, exclusive=True, auto_delete=True)


@scenario
def queue_exclusive_dies_with_its_connection(stage: Stage) -> None:
    """An exclusive queue survives its channel, not its connection."""
    name = stage.name("q")
    connection = stage.connect()
    channel = connection.channel()
    channel.queue_declare(name, exclusive=True)
    channel.close()
    stage.attempt("channel closed", connection.channel().queue_declare, name, passive=True)
    connection.close()
    stage.attempt("connection closed", stage.channel().queue_declare, name, passive=True)


@scenario
def queue_auto_delete(stage: Stage) -> None:
    """An auto-delete queue stays until its last consumer goes, by cancel, channel or connection."""
    for ending in ("cancel", "channel", "connection"):
        name = stage.name("q" + ending)
        observer = stage.channel()
        observer.queue_declare(name, auto_delete=True)
        stage.attempt("never consumed", observer.queue_declare, name, passive=True, auto_delete=True)
        first, second = stage.channel(), stage.channel()
        stage.consume(first, name, "one")
        stage.consume(second, name, "two")
        first.basic_cancel("one")
        stage.attempt("one left", observer.queue_declare, name, passive=True)
        if ending == "cancel":
            second.basic_cancel("two")
        elif ending == "channel":
            second.close()
        else:
            second.connection.close()
        stage.attempt(ending, stage.channel().queue_declare, name, passive=True)


@scenario
def queue_delete(stage: Stage) -> None:
    """Deletion counts messages, and can be made to depend on consumers and messages."""
    name = stage.name("q")
    channel = stage.channel()
    channel.queue_declare(name)
    stage.publish(channel, "", name, "1", "2", "3")
    stage.attempt("if_empty", stage.channel().queue_delete, name, if_empty=True)
    consumer = stage.channel()
    consumer.basic_qos(prefetch_count=1)
    stage.consume(consumer, name, "t")
    stage.attempt("if_unused", stage.channel().queue_delete, name, if_unused=True)
    consumer.close()
    stage.attempt("delete", channel.queue_delete, name)
    stage.attempt("again", channel.queue_delete, name)


@scenario
def queue_purge(stage: Stage) -> None:
    """Purging counts and drops what waits, not what is unacknowledged."""
    name = stage.name("q")
    channel = stage.channel()
    channel.queue_declare(name)
    stage.publish(channel, "", name, "1", "2", "3")
    tag = stage.get(channel, name)
    stage.attempt("purge", channel.queue_purge, name)
    channel.basic_reject(tag, requeue=True)
    stage.get(channel, name, auto_ack=True)
    stage.attempt("empty", channel.queue_purge, name)
    channel.queue_delete(name)
