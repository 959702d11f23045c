"""Virtual host: what exists, who may use it, and where messages go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pika.spec import Basic

from dripline.broker.errors import ChannelFault, ConnectionFault
from dripline.broker.memory_limit import Alarm, Memory
from dripline.broker.queue import Queue
from dripline.broker.vhost import VirtualHost

PLAIN: dict[str, Any] = {"durable": False, "auto_delete": False, "internal": False, "arguments": {}}


def new_memory() -> Memory:
    """As much as anybody needs."""
    return Memory(10**9, 10**9, Alarm((), lambda function: function()))


@pytest.fixture
def vhost() -> VirtualHost:
    """An empty virtual host; nothing is put off in these tests."""

    def later(function: Callable[[], None]) -> None:
        raise AssertionError(function)

    return VirtualHost("/", later, new_memory())


def declare(vhost: VirtualHost, name: str = "", client: object = None, **changes: Any) -> Queue:
    """Declare a queue, exclusive when a client is given."""
    properties = {"durable": False, "exclusive": client is not None, "auto_delete": False, "arguments": {}}
    return vhost.declare_queue(name, client, **{**properties, **changes})


def publish(exchange: str, key: str, mandatory: bool = False, immediate: bool = False) -> bytes:
    """Payload of a basic.publish frame."""
    method = Basic.Publish(exchange=exchange, routing_key=key, mandatory=mandatory, immediate=immediate)
    return b"\x00\x3c\x00\x28" + b"".join(method.encode())


def reached(vhost: VirtualHost, exchange: str, key: str) -> set[str]:
    """Names of the queues a message would reach."""
    return {queue.name for queue in vhost.route(publish(exchange, key)).queues}


def test_the_default_exchange_routes_by_name(vhost: VirtualHost) -> None:
    """Every queue can be reached by its name without a binding, from when it exists."""
    assert reached(vhost, "", "my_store") == set()
    declare(vhost, "my_store")
    assert reached(vhost, "", "my_store") == {"my_store"}


def test_routes_follow_the_topology(vhost: VirtualHost) -> None:
    """A route that was asked for before is found anew when anything changes."""
    vhost.declare_exchange("requests", "topic", **PLAIN)
    queue = declare(vhost, "my_store")
    assert reached(vhost, "requests", "peaches") == set()
    vhost.bind("requests", queue, b"peaches.#", {})
    assert reached(vhost, "requests", "peaches") == {"my_store"}
    binding = vhost.find_binding("requests", queue, b"peaches.#", {})
    assert binding is not None
    vhost.unbind(binding)
    assert reached(vhost, "requests", "peaches") == set()
    vhost.bind("requests", queue, b"#", {})
    vhost.delete_queue(queue)
    assert reached(vhost, "requests", "peaches") == set()
    vhost.delete_exchange("requests", if_unused=True)
    with pytest.raises(ChannelFault, match="no exchange 'requests'"):
        vhost.route(publish("requests", "peaches"))


def test_address_is_what_deliver_repeats(vhost: VirtualHost) -> None:
    """Exchange and key stay encoded; mandatory is read from the flags."""
    route = vhost.route(publish("amq.topic", "a.b", mandatory=True))
    assert route.address == b"\x09amq.topic\x03a.b"
    assert route.mandatory
    assert not vhost.route(publish("amq.topic", "a.b")).mandatory


def test_immediate_is_not_implemented(vhost: VirtualHost) -> None:
    """As RabbitMQ, 540."""
    with pytest.raises(ConnectionFault, match="immediate=true") as caught:
        vhost.route(publish("amq.topic", "", immediate=True))
    assert caught.value.code == 540


def test_a_publish_cut_short_is_a_fault(vhost: VirtualHost) -> None:
    """Every prefix of a basic.publish is refused."""
    whole = publish("amq.topic", "a.b")
    for length in range(4, len(whole)):
        with pytest.raises(ConnectionFault, match="cannot decode"):
            vhost.route(whole[:length])


def test_remembered_routes_are_bounded(vhost: VirtualHost) -> None:
    """A client that never repeats a key does not fill the memory."""
    for number in range(20_000):
        vhost.route(publish("amq.topic", str(number)))
    assert len(vhost.router._known) <= 8192


def test_a_bound_exchange_passes_messages_on(vhost: VirtualHost) -> None:
    """A circle of exchanges ends, and gives each queue one copy."""
    for name in ("first", "second"):
        vhost.declare_exchange(name, "topic", **PLAIN)
    queue = declare(vhost, "q")
    vhost.bind("first", vhost.exchange("second"), b"#", {})
    vhost.bind("second", vhost.exchange("first"), b"#", {})
    for name in ("first", "second"):
        vhost.bind(name, queue, b"k", {})
    assert vhost.route(publish("first", "k")).queues == (queue,)


def test_headers_exchanges_are_refused_in_words(vhost: VirtualHost) -> None:
    """The predeclared ones exist, but nothing can be made or bound."""
    assert vhost.exchange("amq.match").kind == "headers"
    assert reached(vhost, "amq.headers", "") == set()
    with pytest.raises(ConnectionFault, match="NOT_IMPLEMENTED - exchange type 'headers'"):
        vhost.declare_exchange("mine", "headers", **PLAIN)
    with pytest.raises(ConnectionFault, match="NOT_IMPLEMENTED - bindings"):
        vhost.bind("amq.match", declare(vhost), b"", {})


def test_exclusive_queues_go_with_their_owner(vhost: VirtualHost) -> None:
    """Others get 405; when the owner's queues are deleted, those of others stay."""
    owner, other = object(), object()
    queue = declare(vhost, "my_store", owner)
    assert vhost.queue("my_store", owner) is queue
    with pytest.raises(ChannelFault, match="RESOURCE_LOCKED"):
        vhost.queue("my_store", other)
    declare(vhost, "mine", other)
    declare(vhost, "everybody's")
    vhost.delete_queues_of(owner)
    assert queue.deleted
    assert set(vhost.queues) == {"mine", "everybody's"}
    vhost.delete_queue(queue)  # once more is harmless


def test_generated_names_are_new(vhost: VirtualHost) -> None:
    """A queue without a name gets one nobody has."""
    names = {declare(vhost).name for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith("amq.gen-") and len(name) == 30 for name in names)


def test_a_queue_with_many_bindings_goes_quickly_and_wholly(vhost: VirtualHost) -> None:
    """Nothing is left of 10000 bindings when their queue is deleted."""
    vhost.declare_exchange("requests", "topic", **{**PLAIN, "auto_delete": True})
    queue = declare(vhost, "my_store")
    for number in range(10_000):
        vhost.bind("requests", queue, f"endpoint{number}.#".encode(), {})
    assert reached(vhost, "requests", "endpoint4711.x") == {"my_store"}
    vhost.delete_queue(queue)
    assert "requests" not in vhost.exchanges


@pytest.mark.parametrize("kind", ["topic", "direct", "fanout"])
def test_bindings_with_arguments_are_their_own(vhost: VirtualHost, kind: str) -> None:
    """Two bindings that differ in arguments only are undone one by one."""
    vhost.declare_exchange("e", kind, **PLAIN)
    queue = declare(vhost, "q")
    vhost.bind("e", queue, b"k", {})
    vhost.bind("e", queue, b"k", {"version": 2})
    for arguments, left in (({}, {"q"}), ({"version": 2}, set())):
        binding = vhost.find_binding("e", queue, b"k", arguments)
        assert binding is not None
        vhost.unbind(binding)
        assert reached(vhost, "e", "k") == left
        assert vhost.find_binding("e", queue, b"k", arguments) is None


@pytest.mark.parametrize(
    ("received", "text"),
    [
        (
            {"arguments": {"x-max-length": 2}},
            "'x-max-length' for queue 'q' in vhost '/': received '2' but current is '1'",
        ),
        ({"arguments": {}}, "received none but current is the value '1' of type 'signedint'"),
        ({"arguments": {"x-max-length": "1"}}, "received the value '1' of type 'longstr'"),
        ({"durable": True}, "inequivalent arg 'durable'"),
    ],
)
def test_another_declaration_is_406(vhost: VirtualHost, received: dict[str, Any], text: str) -> None:
    """The reply names the first property that differs, with both values."""
    first = {"arguments": {"x-max-length": 1, "mine": 1}}
    declare(vhost, "q", **first)
    declare(vhost, "q", arguments={"x-max-length": 1, "mine": 2})
    with pytest.raises(ChannelFault) as caught:
        declare(vhost, "q", **{**first, **received})
    assert caught.value.code == 406
    assert text in caught.value.text
