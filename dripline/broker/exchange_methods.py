"""What the exchange.* methods do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pika.spec import Exchange

from dripline.broker.decoding import key_bytes, name_text, table
from dripline.broker.errors import default_exchange_refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from dripline.broker.channel import Channel


def _declare(channel: Channel, method: Exchange.Declare) -> None:
    name = name_text(method.exchange)
    if method.passive:
        if not name:
            raise default_exchange_refused()
        channel.vhost.exchange(name)
    else:
        channel.vhost.declare_exchange(
            name,
            name_text(method.type),
            method.durable,
            method.auto_delete,
            method.internal,
            table(method.arguments),
        )
    if not method.nowait:
        channel.send(Exchange.DeclareOk())


def _delete(channel: Channel, method: Exchange.Delete) -> None:
    channel.vhost.delete_exchange(name_text(method.exchange), method.if_unused)
    if not method.nowait:
        channel.send(Exchange.DeleteOk())


def _bind(channel: Channel, method: Exchange.Bind) -> None:
    destination = _destination(channel, method.destination)
    channel.vhost.bind(
        name_text(method.source), destination, key_bytes(method.routing_key), table(method.arguments)
    )
    if not method.nowait:
        channel.send(Exchange.BindOk())


def _unbind(channel: Channel, method: Exchange.Unbind) -> None:
    vhost = channel.vhost
    name = name_text(method.destination)
    if not name:
        raise default_exchange_refused()
    destination = vhost.exchanges.get(name)
    key, arguments = key_bytes(method.routing_key), table(method.arguments)
    binding = vhost.find_binding(name_text(method.source), destination, key, arguments)
    if binding is not None:
        vhost.unbind(binding)
    if not method.nowait:
        channel.send(Exchange.UnbindOk())


def _destination(channel: Channel, name: Any) -> Any:
    if not name:
        raise default_exchange_refused()
    return channel.vhost.exchange(name_text(name))


HANDLERS: dict[int, Callable[[Channel, Any], None]] = {
    Exchange.Declare.INDEX: _declare,
    Exchange.Delete.INDEX: _delete,
    Exchange.Bind.INDEX: _bind,
    Exchange.Unbind.INDEX: _unbind,
}
