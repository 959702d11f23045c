"""dripline.runtime on both brokers, when connections go and come back."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from pika import spec
from support.fake_broker import FakeBroker
from support.member import Member, echo, fresh, get
from support.plain import plain_channel
from support.ports import free_port
from support.proxy import Proxy
from support.waiting import eventually, failing

from dripline.broker import EmbeddedBroker
from dripline.config.mesh import MeshSettings
from dripline.errors import BrokerError, BrokerUnreachable, ConnectionLost, NameTaken, NoRoute, ReplyTimeout
from dripline.runtime import reconnecting_connection
from dripline.runtime.client import MeshClient
from dripline.runtime.link import MeshLink
from dripline.transport.address import BrokerAddress
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest

pytestmark = pytest.mark.usefixtures("no_leaks")


@pytest.fixture
def proxy(broker) -> Iterator[Proxy]:
    """A network between the members of the mesh and the broker."""
    with Proxy(broker.host, broker.port) as proxy:
        yield proxy


@pytest.fixture
def mesh(broker, proxy: Proxy) -> MeshSettings:
    """The mesh, through that network."""
    return MeshSettings(proxy.host, proxy.port, broker.virtual_host, max_connection_attempts=1)


def answered(client: MeshClient, name: str) -> bool:
    """Tell whether somebody answers, now."""
    try:
        return client.request(get(name, "there"), 2).plain_payload == "there"
    except (BrokerError, NoRoute, ReplyTimeout):
        return False


@pytest.mark.parametrize("times", [1, 3])
def test_after_a_cut_everything_is_back(proxy, client, member, times):
    """Queues, bindings, consumers and reply queues, as often as it happens."""
    assert eventually(lambda: answered(client, member.name))
    for _ in range(times):
        proxy.cut()
        assert eventually(lambda: answered(client, member.name))
    assert eventually(lambda: member.setups == 1 + times)


def test_what_waits_for_a_reply_is_told_at_once(proxy, client, mesh):
    """All of it, long before any timeout."""
    free, asked = threading.Event(), threading.Semaphore(0)

    def hang(request: MsgRequest) -> MsgReply:
        asked.release()
        free.wait(30)
        return request.reply()

    with Member(mesh, fresh(), hang) as member:
        pending = [client.submit(get(member.name)) for _ in range(20)]
        assert asked.acquire(timeout=30)
        start = time.monotonic()
        proxy.cut()
        for each in pending:
            with pytest.raises(ConnectionLost):
                each.wait(60)
        assert time.monotonic() - start < 20
        free.set()


def test_a_request_during_the_pause_waits_for_the_connection_to_come_back(proxy, client, member):
    """Within its timeout."""
    connection = client.link.connection
    proxy.cut()
    assert eventually(lambda: not connection.is_open)
    assert eventually(lambda: member.setups == 2)
    assert client.request(get(member.name, "there"), 10).plain_payload == "there"


def test_a_service_is_told_at_once_that_there_is_no_connection(proxy, member):
    """What it sends in the pause fails at once: an instrument's thread must not stand still."""
    proxy.close()
    assert eventually(lambda: not member.link.is_open)
    start = time.monotonic()
    with pytest.raises(ConnectionLost):
        member.link.open()
    with pytest.raises(ConnectionLost):
        member.link.send_confirmed(MsgAlert.create(1, "sensor_value.x"))
    assert time.monotonic() - start < 5


def test_listening_goes_on_after_a_cut(proxy, client):
    """A monitor's queue is declared and bound again."""
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
    name = fresh()
    client.monitor([], [f"{name}.#"], heard.put)
    proxy.cut()
    assert eventually(lambda: proxy.accepted == 2 and client.link.is_established)
    client.publish(MsgAlert.create("again", f"{name}.x"))
    assert heard.get(timeout=30).plain_payload == "again"


def test_a_handler_that_was_busy_replies_on_the_new_connection(proxy, mesh, broker):
    """What was asked before the cut and is answered after it does not disturb the new connection."""
    free, asked = threading.Event(), threading.Event()

    def slow(request: MsgRequest) -> MsgReply:
        if request.plain_payload == "slow":
            asked.set()
            free.wait(30)
        return echo(request)

    direct = replace(mesh, broker=broker.host, broker_port=broker.port)
    with Member(mesh, fresh(), slow) as member, MeshClient(direct) as client:
        pending = client.submit(get(member.name, "slow"))
        assert asked.wait(30)
        proxy.cut()
        assert eventually(lambda: member.setups == 2)
        connection = member.link.connection
        free.set()
        assert pending.wait(30).plain_payload == "slow"  # the client's connection was not cut
        assert eventually(lambda: answered(client, member.name))
        assert member.link.connection is connection


def test_a_second_cut_while_everything_is_put_back(proxy, client, member):
    """The set-up is begun again."""
    cut_once = threading.Event()

    def cut_in_the_middle(connection) -> None:
        if member.setups > 1 and not cut_once.is_set():
            proxy.cut()
            cut_once.set()
        connection.declare_queue()

    member.link.add_setup(cut_in_the_middle)
    proxy.cut()
    assert cut_once.wait(30)
    assert eventually(lambda: member.setups >= 3)
    assert eventually(lambda: answered(client, member.name))


@pytest.mark.parametrize("error", [ValueError("not this time"), SystemExit(3)])
def test_a_set_up_that_fails_is_tried_again(proxy, client, member, caplog, error):
    """An error in an extension's set-up is logged, and does not leave a service without connection for ever."""
    failed = threading.Event()

    def fragile(connection) -> None:
        if member.setups == 2 and not failed.is_set():
            failed.set()
            raise error

    member.link.add_setup(fragile)
    proxy.cut()
    assert failed.wait(30)
    assert eventually(lambda: answered(client, member.name))
    assert "a set-up failed" in caplog.text


def test_a_set_up_does_not_survive_the_link_it_was_made_for(client, mesh):
    """When the link is closed while something is set up, that is told, and not done on the next connection."""
    done = []
    client.open()
    with pytest.raises(ConnectionLost, match="closed"):
        client.link.add_setup(lambda connection: (done.append(1), client.link.close()))
    client.open()
    assert done == [1]


def test_a_set_up_may_send_something(proxy, mesh):
    """The link it belongs to gives it the connection that is being set up, and does not make another one."""
    link, sent = MeshLink(mesh, "guest", "guest"), threading.Semaphore(0)

    def set_up(connection) -> None:
        link.open()
        assert link.connection is connection
        link.send_confirmed(MsgAlert.create(1, "x"))
        sent.release()

    link.add_setup(set_up)
    link.open()
    assert sent.acquire(timeout=30)
    proxy.cut()
    assert sent.acquire(timeout=30)
    assert proxy.accepted == 2
    link.close()


def test_loss_and_return_are_said_once(proxy, member, caplog):
    """One line when it is lost, one when it is back."""
    with caplog.at_level(logging.INFO, "dripline"):
        proxy.cut()
        assert eventually(lambda: "connected again" in caplog.text)
    assert [record.levelname for record in caplog.records if record.name.startswith("dripline")] == ["WARNING"] * 2


def test_a_broker_that_restarts(caplog):
    """While it is away the reason is logged once, not at each attempt; then everything is back."""
    broker = EmbeddedBroker(port=free_port())
    broker.start()
    mesh = MeshSettings(broker.host, broker.port, max_connection_attempts=1)
    with Member(mesh, fresh()) as member, MeshClient(mesh) as client:
        assert eventually(lambda: answered(client, member.name))
        broker.stop()
        assert eventually(lambda: caplog.text.count("going on trying") >= 2)  # member and client
        attempts = caplog.text.count("going on trying")
        threading.Event().wait(0.5)
        assert caplog.text.count("going on trying") == attempts == 2
        broker.start()
        assert eventually(lambda: answered(client, member.name), 60)
    broker.stop()


def test_a_broker_that_comes_back_with_another_password():
    """The login is refused; attempts go on, since passwords are corrected where they are wrong."""
    broker = EmbeddedBroker(port=free_port())
    broker.start()
    with Member(MeshSettings(broker.host, broker.port), fresh()) as member:
        broker.stop()
        other = EmbeddedBroker(broker.host, broker.port, password="changed")
        other.start()
        threading.Event().wait(0.3)
        assert not member.link.is_established
        other.stop()
        broker.start()
        assert eventually(lambda: member.setups == 2, 60)
    broker.stop()


@pytest.mark.parametrize("deleted", ["queue", "exchange"])
def test_what_somebody_deletes_is_declared_again(broker, client, member, deleted):
    """A service whose queue or exchange is gone is back soon."""
    channel, plain = plain_channel(BrokerAddress(broker.host, broker.port, broker.virtual_host))
    if deleted == "exchange":
        channel.exchange_delete("requests")
        member.link.send_packed_reply(member.link.pack_reply(get("x").reply()))
    else:
        member.link.connection._ask(  # an exclusive queue can only be deleted by its own connection
            lambda done: member.link.connection._channel.queue_delete(member.name, callback=done)
        )
    plain.close()
    assert eventually(lambda: member.setups == 2)
    assert eventually(lambda: answered(client, member.name))


def test_a_name_that_is_taken(mesh, member, monkeypatch):
    """Is told after a moment; the first one is unharmed, and nothing goes on in the background."""
    monkeypatch.setattr(reconnecting_connection, "_NAME_PATIENCE_S", 0.3)
    second = Member(mesh, member.name)
    with pytest.raises(NameTaken):
        second.link.open()
    assert eventually(lambda: not any(thread.name == "dripline-reconnect" for thread in threading.enumerate()))
    second.__exit__()
    assert member.link.is_open
    assert member.setups == 1


def test_a_name_that_is_free_in_a_moment(mesh):
    """After an abrupt end the broker keeps a name a little longer: that is waited for."""
    first = Member(mesh, fresh())
    first.link.open()
    threading.Timer(0.5, first.__exit__).start()
    with Member(mesh, first.name) as second:
        assert second.setups == 1


def test_a_name_that_is_taken_when_one_comes_back(proxy, broker, mesh, caplog, monkeypatch):
    """Attempts go on until it is free."""
    name = fresh()
    with Member(mesh, name) as member:
        proxy.freeze()
        proxy.cut()  # the broker knows, the member's new attempts wait
        thief = MeshLink(replace(mesh, broker=broker.host, broker_port=broker.port), "guest", "guest")
        thief.add_setup(lambda connection: connection.declare_queue(name))
        thief.open()
        monkeypatch.setattr(reconnecting_connection, "_NAME_PATIENCE_S", 0.2)
        proxy.thaw()
        assert eventually(lambda: "going on trying" in caplog.text)
        thief.close()
        assert eventually(lambda: member.setups == 2, 60)


def test_only_one_connection_is_made_however_many_ask_for_it(proxy, mesh):
    """Threads that find no connection wait for the one that connects."""
    client = MeshClient(mesh)
    threads = [threading.Thread(target=client.open) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert proxy.accepted == 1
    client.close()


def test_only_one_connection_is_made_anew(proxy, client):
    """Requests during the pause do not connect beside the thread that reconnects."""
    proxy.cut()
    threads = [
        threading.Thread(target=lambda: failing((BrokerError, NoRoute), client.request, get(fresh()), 5))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert eventually(lambda: proxy.accepted > 1)
    assert proxy.accepted == 2


def test_closing_while_reconnecting_is_quick(proxy, member, client):
    """The thread that reconnects ends, and what waits is told."""
    proxy.close()
    assert eventually(lambda: not client.link.is_open)
    waits = threading.Thread(target=lambda: failing(ConnectionLost, client.request, get(member.name), 60))
    waits.start()
    waits.join(0.1)
    start = time.monotonic()
    client.close()
    waits.join(30)
    assert time.monotonic() - start < 10


def test_closing_while_somebody_opens_is_quick(mesh, proxy):
    """Also when the broker does not answer."""
    proxy.freeze()
    client = MeshClient(mesh)
    opens = threading.Thread(target=lambda: failing(BrokerError, client.open))
    opens.start()
    assert eventually(lambda: proxy.accepted)
    start = time.monotonic()
    client.close()
    opens.join(30)
    assert time.monotonic() - start < 8


def test_closing_a_frozen_connection_is_quick(proxy, client, member):
    """Request waits and close take no longer than they may."""
    assert eventually(lambda: answered(client, member.name))
    proxy.freeze()
    start = time.monotonic()
    with pytest.raises(ReplyTimeout):
        client.request(get(member.name), 0.2)
    assert time.monotonic() - start < 10
    client.close()
    assert time.monotonic() - start < 20
    proxy.thaw()


def test_a_request_that_the_broker_cannot_take_is_not_left_lying_about():
    """During a memory alarm a request fails: it must not be carried out when its sender has long given up."""
    with FakeBroker() as fake, MeshClient(MeshSettings(fake.host, fake.port)) as client:
        fake.send(spec.Connection.Blocked("low on memory"))
        assert eventually(lambda: client.link.connection.blocked)
        with pytest.raises(BrokerError, match="takes no messages for now: low on memory"):
            client.request(get("peaches"), 5)
        fake.send(spec.Connection.Unblocked())
        assert eventually(lambda: not client.link.connection.blocked)
        with pytest.raises(ReplyTimeout):
            client.request(get("peaches"), 2)  # the limit covers declaring the queue for the reply


def test_attempts_are_counted_and_told(caplog):
    """A service that starts before its broker says what it waits for, and gives up after its attempts."""
    with Proxy("127.0.0.1", 1) as proxy:  # nobody behind it: each connection is hung up at once
        client = MeshClient(MeshSettings(proxy.host, proxy.port))
        with pytest.raises(BrokerUnreachable):
            client.open(attempts=2)
    assert caplog.text.count("attempt 1 of 2") == 1
    assert proxy.accepted == 2 * 3  # after each attempt, it is found out whether HTTP or TLS is spoken there


def test_pauses_grow_while_a_connection_does_not_last(proxy, member):
    """A connection that is lost again and again at once is not made again ten times a second."""
    delays = [next(member.link._delays) for _ in range(3)]
    assert delays[2] > 2 * delays[0]
    proxy.cut()
    assert eventually(lambda: member.setups == 2)
    assert next(member.link._delays) > delays[2]
