"""A channel: assembles published content, delivers to consumers, tracks unacknowledged messages."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterable
from typing import Any, Final

import pika.spec

from dripline.amqp.content import FRAME_END, FRAME_HEAD, METHOD, ack_frame, encode_method, frame
from dripline.amqp.properties import short_string
from dripline.broker.errors import ChannelFault, ConnectionFault, Fault, unknown_tag
from dripline.broker.frames import PUBLISH_INDEX
from dripline.broker.message import Message, content_size
from dripline.broker.queue import Entry, Queue, QueueConsumer, put_back
from dripline.broker.state import Peer

_NO_ROUTE: Final = b"\x00\x3c\x00\x32" + (312).to_bytes(2, "big") + b"\x08NO_ROUTE"


class Channel:
    """One open channel of a connection.

    Attributes:
        consumers: by consumer tag.
        unacked: deliveries waiting for acknowledgement, by delivery tag, oldest first.
        prefetch: credit that new consumers get (0: any number).
        shared_prefetch: credit of all consumers together (0: any number).
        shared_unacked: how much of it is used.
        last_queue: name of the queue declared last; "" in a method means this one.
        confirming: what is published is confirmed.
        reclaimed: tags of deliveries that a timeout took back; what the client says about them has no effect.
    """

    def __init__(self, connection: Peer, number: int) -> None:
        self.connection = connection
        self.number = number
        self.vhost = connection.vhost
        self.consumers: dict[str, Consumer] = {}
        self.unacked: dict[int, Entry] = {}
        self.prefetch = 0
        self.shared_prefetch = 0
        self.shared_unacked = 0
        self.last_queue = ""
        self.reclaimed: set[int] = set()
        self.next_delivery_tag = itertools.count(1).__next__
        self._publish: bytes | None = None
        self._header: bytes | None = None
        self._body = bytearray()
        self._body_missing = 0
        self.confirming = False
        self._published = 0
        self._confirmed = 0

    # -- frames from the client

    @property
    def in_content(self) -> bool:
        """A message has begun, the next frame must belong to it."""
        return self._publish is not None

    def on_publish(self, payload: bytes) -> None:
        """Handle a basic.publish, or any other method frame while a message has begun."""
        if self._publish is not None:
            raise self._out_of_turn()
        self._publish = payload

    def on_header(self, payload: bytes) -> None:
        """Handle a content header frame."""
        if self._publish is None or self._header is not None:
            raise self._out_of_turn()
        size = content_size(payload)
        self._header = payload
        self._body_missing = size
        limit = self.connection.max_body_size
        if size > limit:
            self._clear_content()
            raise ChannelFault(
                406, f"message size {size} is larger than configured max size {limit}", PUBLISH_INDEX
            )
        if not size:
            self._complete(b"")

    def on_body(self, payload: bytes) -> None:
        """Handle a content body frame."""
        if self._header is None:
            raise self._out_of_turn()
        self._body_missing -= len(payload)
        if self._body_missing < 0:
            raise ConnectionFault(501, "content body is longer than its header announced", PUBLISH_INDEX)
        if self._body or self._body_missing:
            self._body += payload
            self.connection.count_unfinished(len(payload))
        if not self._body_missing:
            self._complete(bytes(self._body) or payload)

    def _complete(self, body: bytes) -> None:
        publish, header = self._publish, self._header
        self._clear_content()
        assert publish is not None
        assert header is not None
        try:
            route = self.vhost.route(publish)
        except Fault as fault:
            fault.method = PUBLISH_INDEX
            raise
        message = Message(route.address, header, body)
        self.connection.publishes = True
        for queue in route.queues:
            queue.put(message)
        if route.mandatory and not route.queues:
            self._return(message)
        if self.confirming:
            if self._published == self._confirmed:
                self.connection.confirm_later(self.send_confirms)
            self._published += 1

    def _return(self, message: Message) -> None:
        """Send a mandatory message back that reached no queue."""
        self.connection.send(
            frame(METHOD, self.number, _NO_ROUTE + message.address)
            + message.content_frames(self.number, self.connection.frame_max)
        )

    def _out_of_turn(self) -> ConnectionFault:
        if self._publish is None:
            return ConnectionFault(505, "expected method frame, got non method frame instead")
        if self._header is None:
            text = "expected content header for class 60, got non content header frame instead"
        else:
            text = "expected content body, got non content body frame instead"
        return ConnectionFault(505, text, PUBLISH_INDEX)

    def _clear_content(self) -> None:
        self._publish = self._header = None
        self._body_missing = 0
        if self._body:
            self.connection.count_unfinished(-len(self._body))
            self._body = bytearray()

    # -- what handlers use

    def send(self, method: Any) -> None:
        """Send a method to the client."""
        self.connection.send(encode_method(self.number, method))

    def queue(self, name: str) -> Queue:
        """The queue a method names, "" being the one declared last on this channel."""
        return self.vhost.queue(self.queue_name(name), self.connection)

    def queue_name(self, name: str) -> str:
        """Resolve "" to the name of the queue declared last.

        Raises:
            ChannelFault: 404 when none was declared.
        """
        if name:
            return name
        if not self.last_queue:
            raise ChannelFault(404, "no previously declared queue")
        return self.last_queue

    def send_confirms(self) -> None:
        """One acknowledgement for all that was published since the last."""
        count = self._published - self._confirmed
        if count:
            self._confirmed = self._published
            self.connection.send(ack_frame(self.number, self._published, count > 1))

    def keep_unacked(self, tag: int, entry: Entry) -> None:
        """Wait for the acknowledgement of a delivery."""
        entry.delivered_at = self.connection.state.loop.time()
        self.unacked[tag] = entry

    def take_unacked(self, tag: int, multiple: bool) -> list[Entry]:
        """Remove the deliveries that an acknowledgement names, oldest first.

        Raises:
            ChannelFault: 406 for a tag that does not wait.
        """
        if multiple and not tag:
            return self._settle(tuple(self.unacked))
        if tag in self.reclaimed:
            self.reclaimed.discard(tag)
        elif tag not in self.unacked:
            raise unknown_tag(tag)
        if not multiple:
            return self._settle((tag,) if tag in self.unacked else ())
        return self._settle(tuple(itertools.takewhile(lambda waiting: waiting <= tag, self.unacked)))

    def _settle(self, tags: Iterable[int]) -> list[Entry]:
        entries = [self.unacked.pop(tag) for tag in tags]
        for entry in entries:
            if entry.consumer is not None:
                entry.consumer.release()
        return entries

    def wake_consumers(self) -> None:
        """Credit came back, or the client reads again: hand out what waits."""
        for consumer in tuple(self.consumers.values()):
            consumer.queue.drain()

    def reclaim(self, consumer: QueueConsumer) -> None:
        """End a consumer that has timed out, notify the client, and return what the consumer holds."""
        self.consumers.pop(consumer.tag, None)
        if consumer in consumer.queue.consumers:
            consumer.queue.consumers.remove(consumer)
        self.send(pika.spec.Basic.Cancel(consumer.tag, True))
        tags = [tag for tag, entry in self.unacked.items() if entry.consumer is consumer]
        self.reclaimed.update(tags)
        put_back(self._settle(tags), failed=False)

    def close(self) -> None:
        """End the consumers and put back what was not acknowledged."""
        consumers = tuple(self.consumers.values())
        self.consumers.clear()
        for consumer in consumers:
            if not consumer.queue.deleted:
                consumer.queue.consumers.remove(consumer)
        put_back(self._settle(tuple(self.unacked)), failed=True)
        for consumer in consumers:
            self.vhost.delete_if_abandoned(consumer.queue)


class Consumer:
    """One basic.consume: hands the messages of a queue to a channel, within its credit.

    Args:
        tag: consumer tag, unique on its channel.
        no_ack: deliveries count as acknowledged when sent.
        exclusive: nobody else may consume from the queue.
        prefetch: most unacknowledged deliveries at a time, 0 for any number.
    """

    __slots__ = (
        "_deliver",
        "_fixed_size",
        "_tag_bytes",
        "channel",
        "exclusive",
        "no_ack",
        "prefetch",
        "queue",
        "tag",
        "unacked",
    )

    def __init__(
        self, channel: Channel, queue: Queue, tag: str, no_ack: bool, exclusive: bool, prefetch: int
    ) -> None:
        self.channel = channel
        self.queue = queue
        self.tag = tag
        self.no_ack = no_ack
        self.exclusive = exclusive
        self.prefetch = prefetch
        self.unacked = 0
        self._tag_bytes = short_string(tag)
        self._deliver = struct.Struct(f">BHIHH{len(self._tag_bytes)}sQB")
        self._fixed_size = self._deliver.size - FRAME_HEAD.size

    def is_ready(self) -> bool:
        """Whether it can take a message now."""
        channel = self.channel
        if channel.connection.congested:
            return False
        if channel.shared_prefetch and channel.shared_unacked >= channel.shared_prefetch:
            return False
        return self.no_ack or not self.prefetch or self.unacked < self.prefetch

    def deliver(self, entry: Entry) -> None:
        """Send a message; unless no_ack, the channel keeps it until it is acknowledged."""
        channel = self.channel
        tag = channel.next_delivery_tag()
        if not self.no_ack:
            entry.consumer = self
            self.unacked += 1
            channel.shared_unacked += 1
            channel.keep_unacked(tag, entry)
        message = entry.message
        size = self._fixed_size + len(message.address)
        connection = channel.connection
        head = self._deliver.pack(METHOD, channel.number, size, 60, 60, self._tag_bytes, tag, entry.redelivered)
        content = entry.content_frames(channel.number, connection.frame_max)
        connection.send(b"".join((head, message.address, FRAME_END, content)))

    def release(self) -> None:
        """One of its deliveries was settled."""
        self.unacked -= 1
        self.channel.shared_unacked -= 1

    def on_queue_deleted(self) -> None:
        """Its queue is gone: forget it, and tell the client."""
        channel = self.channel
        channel.consumers.pop(self.tag, None)
        if channel.connection.wants_cancel_notifications:
            channel.send(pika.spec.Basic.Cancel(self.tag, True))
