"""What the queue.* methods do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pika.spec

from dripline.broker.decoding import key_bytes, name_text, table
from dripline.broker.errors import ChannelFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from dripline.broker.channel import Channel


def _declare(channel: Channel, method: pika.spec.Queue.Declare) -> None:
    name = name_text(method.queue)
    if method.passive:
        queue = channel.vhost.queue(name, channel.connection)
    else:
        queue = channel.vhost.declare_queue(
            name,
            channel.connection,
            method.durable,
            method.exclusive,
            method.auto_delete,
            table(method.arguments),
        )
    channel.last_queue = queue.name
    if not method.nowait:
        channel.send(pika.spec.Queue.DeclareOk(queue.name, len(queue.ready), len(queue.consumers)))


def _bind(channel: Channel, method: pika.spec.Queue.Bind) -> None:
    queue = channel.queue(name_text(method.queue))
    channel.vhost.bind(name_text(method.exchange), queue, _binding_key(channel, method), table(method.arguments))
    if not method.nowait:
        channel.send(pika.spec.Queue.BindOk())


def _unbind(channel: Channel, method: pika.spec.Queue.Unbind) -> None:
    vhost = channel.vhost
    queue = vhost.queues.get(channel.queue_name(name_text(method.queue)))
    arguments = table(method.arguments)
    binding = vhost.find_binding(name_text(method.exchange), queue, _binding_key(channel, method), arguments)
    if binding is not None:
        vhost.queue(binding.destination.name, channel.connection)  # 405 when it is another connection's
        vhost.unbind(binding)
    channel.send(pika.spec.Queue.UnbindOk())


def _purge(channel: Channel, method: pika.spec.Queue.Purge) -> None:
    count = channel.queue(name_text(method.queue)).purge()
    if not method.nowait:
        channel.send(pika.spec.Queue.PurgeOk(count))


def _delete(channel: Channel, method: pika.spec.Queue.Delete) -> None:
    name = channel.queue_name(name_text(method.queue))
    queue = None
    if name in channel.vhost.queues:
        queue = channel.vhost.queue(name, channel.connection)
        described = f"queue '{name}' in vhost '{channel.vhost.name}'"
        if method.if_unused and queue.consumers:
            raise ChannelFault(406, f"{described} in use")
        if method.if_empty and queue.ready:
            raise ChannelFault(406, f"{described} not empty")
    if not method.nowait:
        channel.send(pika.spec.Queue.DeleteOk(len(queue.ready) if queue else 0))
    if queue is not None:
        channel.vhost.delete_queue(queue)  # after the answer: consumers are told later, as RabbitMQ does


def _binding_key(channel: Channel, method: Any) -> bytes:
    """The binding key; without queue and key, the key is the name of the queue declared last."""
    if not method.queue and not method.routing_key:
        return channel.last_queue.encode()
    return key_bytes(method.routing_key)


HANDLERS: dict[int, Callable[[Channel, Any], None]] = {
    pika.spec.Queue.Declare.INDEX: _declare,
    pika.spec.Queue.Bind.INDEX: _bind,
    pika.spec.Queue.Unbind.INDEX: _unbind,
    pika.spec.Queue.Purge.INDEX: _purge,
    pika.spec.Queue.Delete.INDEX: _delete,
}
