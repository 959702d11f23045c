"""A consumer: hands the messages of one queue to one channel, within its credit."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from dripline.broker.frames import FRAME_END, FRAME_HEAD, METHOD, short_string
from dripline.broker.message import Entry

if TYPE_CHECKING:
    from dripline.broker.channel import Channel
    from dripline.broker.queue import Queue


class Consumer:
    """One basic.consume.

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
        content = entry.content_frames(channel)
        connection.send(b"".join((head, message.address, FRAME_END, content)))

    def release(self) -> None:
        """One of its deliveries was settled."""
        self.unacked -= 1
        self.channel.shared_unacked -= 1
