"""What the basic.*, confirm.* and channel.flow methods do; publishing itself is in `channel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pika.spec import Basic, Confirm
from pika.spec import Channel as ChannelSpec

from dripline.broker.consumer import Consumer
from dripline.broker.decoding import name_text
from dripline.broker.errors import ConnectionFault, deprecated_feature
from dripline.broker.frames import METHOD, frame
from dripline.broker.message import Message
from dripline.broker.queue import put_back, settle
from dripline.broker.vhost import generated_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dripline.broker.channel import Channel
    from dripline.broker.message import Entry

_NO_ROUTE: Final = b"\x00\x3c\x00\x32" + (312).to_bytes(2, "big") + b"\x08NO_ROUTE"


def return_message(channel: Channel, message: Message) -> None:
    """Send a mandatory message back that reached no queue."""
    channel.connection.send(
        frame(METHOD, channel.number, _NO_ROUTE + message.address)
        + message.content_frames(channel.number, channel.connection.frame_max)
    )


def _qos(channel: Channel, method: Basic.Qos) -> None:
    if method.prefetch_size:
        raise ConnectionFault(540, f"prefetch_size!=0 ({method.prefetch_size})")
    if method.global_qos:
        _set_shared_prefetch(channel, method.prefetch_count)
    else:
        channel.prefetch = method.prefetch_count
    channel.send(Basic.QosOk())


def _set_shared_prefetch(channel: Channel, count: int) -> None:
    rule = channel.connection.hub.settings.compatibility.global_qos
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
    consumer = Consumer(channel, queue, tag, method.no_ack, method.exclusive, channel.prefetch)
    queue.add_consumer(consumer)
    channel.consumers[tag] = consumer
    if not method.nowait:
        channel.send(Basic.ConsumeOk(tag))
    queue.drain()


def _cancel(channel: Channel, method: Basic.Cancel) -> None:
    consumer = channel.consumers.pop(name_text(method.consumer_tag), None)
    if consumer is not None:
        consumer.queue.remove_consumer(consumer)
    if not method.nowait:
        channel.send(Basic.CancelOk(method.consumer_tag))
    if consumer is not None:
        channel.vhost.delete_if_abandoned(consumer.queue)


def _get(channel: Channel, method: Basic.Get) -> None:
    queue = channel.queue(name_text(method.queue))
    if not queue.ready:
        channel.send(Basic.GetEmpty())
        return
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
        + entry.content_frames(channel, always_counted=True)
    )


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


def _recover(channel: Channel, method: Basic.Recover | Basic.RecoverAsync) -> None:
    if not method.requeue:
        raise ConnectionFault(540, "requeue=false")
    entries = channel.take_unacked(0, True)
    put_back(entries, failed=False)
    if isinstance(method, Basic.Recover):
        channel.send(Basic.RecoverOk())


def _select_confirms(channel: Channel, method: Confirm.Select) -> None:
    channel.select_confirms()
    if not method.nowait:
        channel.send(Confirm.SelectOk())


def _flow(channel: Channel, method: ChannelSpec.Flow) -> None:
    if not method.active:
        raise ConnectionFault(540, "active=false")
    channel.send(ChannelSpec.FlowOk(True))


HANDLERS: dict[int, Callable[[Channel, Any], None]] = {
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
