"""Scenarios at the level of frames: handshake, protocol errors, order of frames."""

from __future__ import annotations

import struct

import pika.frame
from pika.spec import Basic, Channel, Confirm, Connection, Exchange, Queue

from .raw_client import CAPABILITIES, RawClient, encode_frame
from .scenario import scenario
from .stage import Stage

# One field of every type, as tag and value on the wire.
FIELDS = {
    "bool": b"t\x01",
    "int8": b"b\xff",
    "uint8": b"B\xff",
    "int16": b"s\xff\xfe",
    "uint16": b"u\xff\xfe",
    "int32": b"I\xff\xff\xff\xfe",
    "uint32": b"i\xff\xff\xff\xfe",
    "int64": b"l\xff\xff\xff\xff\xff\xff\xff\xfe",
    "float": b"f" + struct.pack(">f", 2.75),
    "double": b"d" + struct.pack(">d", 2.75),
    "decimal": b"D\x02" + struct.pack(">i", 275),
    "string": b"S" + struct.pack(">I", 5) + "Grüß"[:4].encode()[:5],
    "binary": b"x" + struct.pack(">I", 3) + b"\x00\xff\x80",
    "timestamp": b"T" + struct.pack(">Q", 1795218661),
    "void": b"V",
    "array": b"A" + struct.pack(">I", 7) + b"t\x00I\x00\x00\x00\x07",
    "table": b"F" + struct.pack(">I", 4) + b"\x01kt\x01",
}


@scenario
def header_table_unchanged(stage: Stage) -> None:
    """Content headers arrive byte for byte, every field type included."""
    table = b"".join(bytes((len(name),)) + name.encode() + value for name, value in FIELDS.items())
    properties = b"\x66\x80\x10application/json" + struct.pack(">I", len(table)) + table
    properties += b"\x04corr\x00\x05m/0/1"
    client = RawClient(stage)
    client.open()
    client.send(1, Queue.Declare(queue="", exclusive=True))
    client.skip(1)
    client.send(1, Basic.Consume(queue="", consumer_tag="t", no_ack=True))
    client.skip(1)
    client.send(1, Queue.Bind(queue="", exchange="amq.topic", routing_key=stage.name("k")))
    client.skip(1)
    for sent in (properties, b"\0\0"):
        client.publish(1, Basic.Publish(exchange="amq.topic", routing_key=stage.name("k")), b"body", sent)
        client.read(1)
        header, parts = client.raw_content()
        stage.note(header.hex(), header[12:] == sent, parts)


@scenario
def return_before_confirm(stage: Stage) -> None:
    """An unroutable mandatory message is returned first and confirmed then; others are confirmed."""
    client = RawClient(stage)
    client.open()
    client.send(1, Confirm.Select())
    client.skip(1)
    for mandatory in (True, False, True):
        publish = Basic.Publish(exchange="amq.topic", routing_key=stage.name("k"), mandatory=mandatory)
        client.publish(1, publish, b"body" if mandatory else b"")
        client.read_until(Basic.Ack)


@scenario
def confirms_count_from_select(stage: Stage) -> None:
    """Only what is published after confirm.select is confirmed, numbered from 1."""
    client = RawClient(stage)
    client.open()
    client.publish(1, Basic.Publish(exchange="amq.fanout", routing_key=""), b"before")
    client.send(1, Confirm.Select())
    client.read(1)
    client.publish(1, Basic.Publish(exchange="amq.fanout", routing_key=""), b"after")
    client.read(1)
    client.send(1, Channel.Close(200, "", 0, 0))
    client.read(1)


@scenario
def confirms_before_channel_close(stage: Stage) -> None:
    """What was published before the mistake is confirmed before the channel closes."""
    client = RawClient(stage)
    client.open()
    client.send(1, Confirm.Select())
    client.skip(1)
    client.publish(1, Basic.Publish(exchange="amq.fanout", routing_key=""), b"good")
    client.read_until(Basic.Ack)
    client.publish(1, Basic.Publish(exchange=stage.name("none"), routing_key=""), b"bad")
    client.publish(1, Basic.Publish(exchange="amq.fanout", routing_key=""), b"ignored")
    client.read(1)
    client.send(1, Channel.CloseOk())
    client.send(1, Channel.Open())
    client.read(1)


@scenario
def channel_error_names_the_method(stage: Stage) -> None:
    """channel.close tells class and method at fault, and all is ignored until close-ok."""
    client = RawClient(stage)
    client.open()
    mistakes = (
        Queue.Declare(queue=stage.name("none"), passive=True),
        Exchange.Declare(exchange="amq.mine", type="topic"),
        Basic.Ack(7, False),
        Basic.Get(queue=stage.name("none")),
    )
    for mistake in mistakes:
        client.send(1, mistake, Queue.Declare(queue=stage.name("ignored")))
        client.read(1)
        client.send(1, Channel.CloseOk())
        client.send(1, Channel.Open())
        client.read(1)
    client.send(1, Queue.Declare(queue=stage.name("ignored"), passive=True))
    client.read(1)


@scenario
def channel_close_crossing(stage: Stage) -> None:
    """A client's channel.close that crosses the broker's is answered."""
    client = RawClient(stage)
    client.open()
    client.send(1, Queue.Declare(queue=stage.name("none"), passive=True), Channel.Close(200, "bye", 0, 0))
    client.read(2)
    client.send(1, Channel.CloseOk())
    client.send(1, Channel.Open())
    client.read(1)


@scenario
def consumer_cancelled_when_queue_goes(stage: Stage) -> None:
    """Deleting a queue tells its consumers, if they can hear it."""
    for capabilities in (CAPABILITIES, None):
        client, other = RawClient(stage), stage.channel()
        client.open(capabilities=capabilities)
        name = stage.name("q")
        other.queue_declare(name)
        client.send(1, Basic.Consume(queue=name, consumer_tag="t"))
        client.read(1)
        other.queue_delete(name)
        client.send(1, Basic.Qos(prefetch_count=1))
        client.read(2 if capabilities else 1)


@scenario
def cancelled_on_the_same_channel(stage: Stage) -> None:
    """Who deletes the queue it consumes from is told as well."""
    client = RawClient(stage)
    client.open()
    client.send(1, Queue.Declare(queue=stage.name("q")))
    client.send(1, Basic.Consume(queue=stage.name("q"), consumer_tag="t"))
    client.read(2)
    client.publish(1, Basic.Publish(exchange="", routing_key=stage.name("q")), b"unacknowledged")
    client.read(3)
    client.send(1, Queue.Delete(queue=stage.name("q")))
    client.read(1)
    client.send(1, Basic.Ack(1, False))
    client.send(1, Basic.Qos(prefetch_count=1))
    client.read(2)


@scenario
def nowait(stage: Stage) -> None:
    """Methods sent with nowait are done and not answered."""
    client = RawClient(stage)
    client.open()
    queue, exchange = stage.name("q"), stage.name("e")
    client.send(
        1,
        Exchange.Declare(exchange=exchange, type="topic", nowait=True),
        Queue.Declare(queue=queue, exclusive=True, nowait=True),
        Queue.Bind(queue=queue, exchange=exchange, routing_key="a.#", nowait=True),
        Basic.Consume(queue=queue, consumer_tag="t", no_ack=True, nowait=True),
    )
    client.publish(1, Basic.Publish(exchange=exchange, routing_key="a"), b"body")
    client.read(3)
    client.send(1, Basic.Cancel("t", nowait=True), Queue.Purge(queue=queue, nowait=True))
    client.send(1, Queue.Delete(queue=queue, nowait=True), Exchange.Delete(exchange=exchange, nowait=True))
    client.send(1, Basic.Qos(prefetch_count=1))
    client.read(1)


@scenario
def bind_without_names(stage: Stage) -> None:
    """Without queue and key, a binding takes the last queue's name for both."""
    client = RawClient(stage)
    client.open()
    client.send(1, Queue.Declare(queue=stage.name("q"), exclusive=True))
    client.send(1, Queue.Bind(queue="", exchange="amq.direct", routing_key=""))
    client.read(2)
    client.publish(1, Basic.Publish(exchange="amq.direct", routing_key=stage.name("q"), mandatory=True), b"body")
    client.send(1, Basic.Get(queue="", no_ack=True))
    client.read(3)


@scenario
def channel_opened_twice(stage: Stage) -> None:
    """Opening an open channel is 504."""
    client = RawClient(stage)
    client.open()
    client.send(1, Channel.Open())
    client.read_close()


@scenario
def channel_not_open(stage: Stage) -> None:
    """A method on a channel that is not open is 504."""
    client = RawClient(stage)
    client.open()
    client.send(2, Queue.Declare(queue="x"))
    client.read_close()


@scenario
def channel_number_reused(stage: Stage) -> None:
    """A channel that was closed can be opened again and starts anew."""
    client = RawClient(stage)
    client.open()
    for _ in range(2):
        client.send(1, Queue.Declare(queue="", exclusive=True), Confirm.Select())
        client.publish(1, Basic.Publish(exchange="amq.fanout", routing_key=""), b"")
        client.read(3)
        client.send(1, Channel.Close(200, "", 0, 0))
        client.read(1)
        client.send(1, Channel.Open())
        client.read(1)


@scenario
def consumer_tag_twice(stage: Stage) -> None:
    """A consumer tag twice on a channel ends the connection; on another channel it is fine."""
    client = RawClient(stage)
    client.open()
    client.send(2, Channel.Open())
    client.send(1, Queue.Declare(queue=stage.name("q"), exclusive=True))
    client.read(2)
    client.send(1, Basic.Consume(queue=stage.name("q"), consumer_tag="t"))
    client.read(1)
    client.send(2, Basic.Consume(queue=stage.name("q"), consumer_tag="t"))
    client.read(1)
    client.send(1, Basic.Consume(queue=stage.name("q"), consumer_tag="t"))
    client.read_close()


@scenario
def channel_flow(stage: Stage) -> None:
    """Flow can be affirmed; to stop it is not implemented."""
    client = RawClient(stage)
    client.open()
    client.send(1, Channel.Flow(True))
    client.read(1)
    client.send(1, Channel.Flow(False))
    client.read_close()


@scenario
def immediate(stage: Stage) -> None:
    """immediate=true is not implemented."""
    client = RawClient(stage)
    client.open()
    client.publish(1, Basic.Publish(exchange="amq.fanout", routing_key="", immediate=True), b"body")
    client.read_close()


@scenario
def unexpected_frames(stage: Stage) -> None:
    """Content out of turn is 505."""
    publish = pika.frame.Method(1, Basic.Publish(exchange="amq.fanout", routing_key="")).marshal()
    header = encode_frame(2, 1, struct.pack(">HHQ", 60, 0, 4) + b"\0\0")
    body = encode_frame(3, 1, b"body")
    qos = pika.frame.Method(1, Basic.Qos()).marshal()
    for data in (header, body, publish + body, publish + qos, publish + header + header, publish + header + qos):
        client = RawClient(stage)
        client.open()
        client.send_bytes(data)
        client.read_close()


@scenario
def frame_errors(stage: Stage) -> None:
    """Broken frames are 501."""
    broken = (
        encode_frame(1, 1, b"\x00\x3c\x00\x0a" + bytes(7))[:-1] + b"\x00",
        encode_frame(9, 1, b"nonsense"),
        struct.pack(">BHI", 1, 1, 200_000) + bytes(1000),
        encode_frame(1, 1, b"\x00"),
    )
    for data in broken:
        client = RawClient(stage)
        client.open()
        client.send_bytes(data)
        client.read_close_code()
        client.close()


@scenario
def unusable_methods(stage: Stage) -> None:
    """Methods only brokers send, and arguments cut short, end the connection."""
    for payload in (
        b"\x00\x32\x00\x0a\x00\x00\x05ab",
        b"\x00\x32\x00\x0a\x00",
        b"\x00\x32\x00\x0b\x00" + bytes(8),
    ):
        client = RawClient(stage)
        client.open()
        client.send_bytes(encode_frame(1, 1, payload))
        client.read_close()


@scenario
def connection_methods_only_on_channel_zero(stage: Stage) -> None:
    """Other classes need a channel, and a connection is opened once."""
    for method in (Basic.Qos(), Channel.Open(), Queue.Declare(), Connection.TuneOk()):
        client = RawClient(stage)
        client.open()
        client.send(0, method)
        client.read_close()


@scenario
def content_on_channel_zero(stage: Stage) -> None:
    """Channel 0 carries no content."""
    client = RawClient(stage)
    client.open()
    client.send_bytes(encode_frame(2, 0, struct.pack(">HHQ", 60, 0, 0) + b"\0\0"))
    client.read_close()


@scenario
def octets_after_a_publish(stage: Stage) -> None:
    """A basic.publish with something behind its last field cannot be read."""
    publish = pika.frame.Method(1, Basic.Publish(exchange="amq.fanout", routing_key="k")).marshal()[7:-1]
    client = RawClient(stage)
    client.open()
    content = encode_frame(2, 1, struct.pack(">HHQH", 60, 0, 1, 0)) + encode_frame(3, 1, b"x")
    client.send_bytes(encode_frame(1, 1, publish + b"more") + content)
    client.read_close_code()
    client.close()


@scenario
def body_in_pieces(stage: Stage) -> None:
    """A body may come in pieces of any size, also of none."""
    channel, queue = stage.queue()
    client = RawClient(stage)
    client.open()
    publish = pika.frame.Method(1, Basic.Publish(exchange="", routing_key=queue)).marshal()
    header = encode_frame(2, 1, struct.pack(">HHQH", 60, 0, 4, 0))
    pieces = (b"", b"b", b"", b"od", b"", b"y")
    client.send_bytes(publish + header + b"".join(encode_frame(3, 1, piece) for piece in pieces))
    stage.settle(channel, queue, 1)
    stage.get(channel, queue, auto_ack=True)
    client.close()
