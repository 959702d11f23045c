"""Methods of an open channel (declare, bind, consume, get, ack, ...), except publish."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pika.spec import Basic, Confirm, Exchange, Queue
from pika.spec import Channel as ChannelSpec

from dripline.amqp.content import METHOD, frame
from dripline.broker.channel import Channel, Consumer
from dripline.broker.errors import (
    ChannelFault,
    ConnectionFault,
    Fault,
    default_exchange_refused,
    deprecated_feature,
)
from dripline.broker.frames import decode_method, key_bytes, name_text
from dripline.broker.queue import Entry, put_back, settle
from dripline.broker.vhost import generated_name


def handle_method(channel: Channel, payload: bytes) -> None:
    """Do what the payload of a method frame asks for.

    Raises:
        Fault: it cannot be done; the fault names the method.
    """
    method = decode_method(payload)
    handler = _HANDLERS.get(method.INDEX)
    if handler is None:
        raise _unimplemented(method)
    try:
        answer = handler(channel, method)
    except Fault as fault:
        fault.method = fault.method or method.INDEX
        raise
    if answer is not None and not getattr(method, "nowait", False):
        channel.send(answer)


def _unimplemented(method: Any) -> ConnectionFault:
    if method.NAME.startswith("Tx."):
        return ConnectionFault(540, "transactions", method.INDEX)
    return ConnectionFault(503, "unimplemented method", method.INDEX)


# -- exchanges


def _declare_exchange(channel: Channel, method: Exchange.Declare) -> Exchange.DeclareOk:
    name = name_text(method.exchange)
    if method.passive:
        channel.vhost.exchange(name)
    else:
        channel.vhost.declare_exchange(
            name,
            name_text(method.type),
            method.durable,
            method.auto_delete,
            method.internal,
            method.arguments,
        )
    return Exchange.DeclareOk()


def _delete_exchange(channel: Channel, method: Exchange.Delete) -> Exchange.DeleteOk:
    channel.vhost.delete_exchange(name_text(method.exchange), method.if_unused)
    return Exchange.DeleteOk()


def _bind_exchange(channel: Channel, method: Exchange.Bind) -> Exchange.BindOk:
    destination = channel.vhost.exchange(name_text(method.destination))
    channel.vhost.bind(name_text(method.source), destination, key_bytes(method.routing_key), method.arguments)
    return Exchange.BindOk()


def _unbind_exchange(channel: Channel, method: Exchange.Unbind) -> Exchange.UnbindOk:
    vhost = channel.vhost
    name = name_text(method.destination)
    if not name:
        raise default_exchange_refused()
    destination = vhost.exchanges.get(name)
    key, arguments = key_bytes(method.routing_key), method.arguments
    binding = vhost.find_binding(name_text(method.source), destination, key, arguments)
    if binding is not None:
        vhost.unbind(binding)
    return Exchange.UnbindOk()


# -- queues


def _declare_queue(channel: Channel, method: Queue.Declare) -> Queue.DeclareOk:
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
            method.arguments,
        )
    channel.last_queue = queue.name
    return Queue.DeclareOk(queue.name, len(queue.ready), len(queue.consumers))


def _bind_queue(channel: Channel, method: Queue.Bind) -> Queue.BindOk:
    queue = channel.queue(name_text(method.queue))
    channel.vhost.bind(name_text(method.exchange), queue, _binding_key(channel, method), method.arguments)
    return Queue.BindOk()


def _unbind_queue(channel: Channel, method: Queue.Unbind) -> Queue.UnbindOk:
    vhost = channel.vhost
    queue = vhost.queues.get(channel.queue_name(name_text(method.queue)))
    arguments = method.arguments
    binding = vhost.find_binding(name_text(method.exchange), queue, _binding_key(channel, method), arguments)
    if binding is not None:
        vhost.queue(binding.destination.name, channel.connection)  # 405 when it is another connection's
        vhost.unbind(binding)
    return Queue.UnbindOk()


def _purge_queue(channel: Channel, method: Queue.Purge) -> Queue.PurgeOk:
    return Queue.PurgeOk(channel.queue(name_text(method.queue)).purge())


def _delete_queue(channel: Channel, method: Queue.Delete) -> None:
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
        channel.send(Queue.DeleteOk(len(queue.ready) if queue else 0))
    if queue is not None:
        channel.vhost.delete_queue(queue)  # after the answer: consumers are cancelled later, as in RabbitMQ


def _binding_key(channel: Channel, method: Any) -> bytes:
    """The binding key; without queue and key, the key is the name of the queue declared last."""
    if not method.queue and not method.routing_key:
        return channel.last_queue.encode()
    return key_bytes(method.routing_key)


# -- messages


def _qos(channel: Channel, method: Basic.Qos) -> Basic.QosOk:
    if method.prefetch_size:
        raise ConnectionFault(540, f"prefetch_size!=0 ({method.prefetch_size})")
    if method.global_qos:
        _set_shared_prefetch(channel, method.prefetch_count)
    else:
        channel.prefetch = method.prefetch_count
    return Basic.QosOk()


def _set_shared_prefetch(channel: Channel, count: int) -> None:
    rule = channel.connection.state.settings.compatibility.global_qos
    if rule == "refused":
        raise deprecated_feature("global_qos")
    if rule == "applied":
        channel.shared_prefetch = count
        channel.wake_consumers()


def _consume(channel: Channel, method: Basic.Consume) -> None:
    queue = channel.queue(name_text(method.queue))
    tag = name_text(method.consumer_tag) or generated_name("amq.ctag-")
    if tag in channel.consumers:
        raise ConnectionFault(530, f"attempt to reuse consumer tag '{tag}'")
    if queue.consumers and (method.exclusive or queue.consumers[0].exclusive):
        raise ChannelFault(403, f"queue '{queue.name}' in vhost '{channel.vhost.name}' in exclusive use")
    consumer = Consumer(channel, queue, tag, method.no_ack, method.exclusive, channel.prefetch)
    queue.consumers.append(consumer)
    channel.consumers[tag] = consumer
    if not method.nowait:
        channel.send(Basic.ConsumeOk(tag))
    queue.drain()


def _cancel(channel: Channel, method: Basic.Cancel) -> None:
    consumer = channel.consumers.pop(name_text(method.consumer_tag), None)
    if consumer is not None:
        consumer.queue.consumers.remove(consumer)
    if not method.nowait:
        channel.send(Basic.CancelOk(method.consumer_tag))
    if consumer is not None:
        channel.vhost.delete_if_abandoned(consumer.queue)


def _get(channel: Channel, method: Basic.Get) -> Basic.GetEmpty | None:
    queue = channel.queue(name_text(method.queue))
    if not queue.ready:
        return Basic.GetEmpty()
    entry = queue.ready.popleft()
    tag = channel.next_delivery_tag()
    if method.no_ack:
        queue.settle(entry)
    else:
        channel.keep_unacked(tag, entry)
    message = entry.message
    head = Basic.GetOk.INDEX.to_bytes(4, "big") + tag.to_bytes(8, "big") + bytes((entry.redelivered,))
    channel.connection.send(
        frame(METHOD, channel.number, head + message.address + len(queue.ready).to_bytes(4, "big"))
        + entry.content_frames(channel.number, channel.connection.frame_max, always_counted=True)
    )
    return None


def _ack(channel: Channel, method: Basic.Ack) -> None:
    entries = channel.take_unacked(method.delivery_tag, method.multiple)
    settle(entries)
    _hand_out_more(channel, entries)


def _reject(channel: Channel, method: Basic.Reject) -> None:
    _refuse(channel, method.delivery_tag or 0, False, method.requeue, failed=True)


def _nack(channel: Channel, method: Basic.Nack) -> None:
    _refuse(channel, method.delivery_tag, method.multiple, method.requeue, failed=False)


def _refuse(channel: Channel, tag: int, multiple: bool, requeue: bool, failed: bool) -> None:
    entries = channel.take_unacked(tag, multiple)
    if requeue:
        put_back(entries, failed=failed)
    else:
        settle(entries)
    _hand_out_more(channel, entries)


def _hand_out_more(channel: Channel, settled: Iterable[Entry]) -> None:
    if channel.shared_prefetch:
        channel.wake_consumers()
        return
    for queue in {entry.queue for entry in settled}:
        queue.drain()


def _recover(channel: Channel, method: Basic.Recover | Basic.RecoverAsync) -> Basic.RecoverOk | None:
    if not method.requeue:
        raise ConnectionFault(540, "requeue=false")
    entries = channel.take_unacked(0, True)
    put_back(entries, failed=False)
    return Basic.RecoverOk() if isinstance(method, Basic.Recover) else None


def _select_confirms(channel: Channel, method: Confirm.Select) -> Confirm.SelectOk:
    channel.confirming = True
    return Confirm.SelectOk()


def _flow(channel: Channel, method: ChannelSpec.Flow) -> ChannelSpec.FlowOk:
    if not method.active:
        raise ConnectionFault(540, "active=false")
    return ChannelSpec.FlowOk(True)


#: What a handler returns is sent unless the client wants no answer; a few handlers send it before they go on.
_HANDLERS: dict[int, Callable[[Channel, Any], Any]] = {
    Exchange.Declare.INDEX: _declare_exchange,
    Exchange.Delete.INDEX: _delete_exchange,
    Exchange.Bind.INDEX: _bind_exchange,
    Exchange.Unbind.INDEX: _unbind_exchange,
    Queue.Declare.INDEX: _declare_queue,
    Queue.Bind.INDEX: _bind_queue,
    Queue.Unbind.INDEX: _unbind_queue,
    Queue.Purge.INDEX: _purge_queue,
    Queue.Delete.INDEX: _delete_queue,
    Basic.Qos.INDEX: _qos,
    Basic.Consume.INDEX: _consume,
    Basic.Cancel.INDEX: _cancel,
    Basic.Get.INDEX: _get,
    Basic.Ack.INDEX: _ack,
    Basic.Reject.INDEX: _reject,
    Basic.Nack.INDEX: _nack,
    Basic.Recover.INDEX: _recover,
    Basic.RecoverAsync.INDEX: _recover,
    Confirm.Select.INDEX: _select_confirms,
    ChannelSpec.Flow.INDEX: _flow,
}
