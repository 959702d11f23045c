"""Services check again and again that messages reach them, on both brokers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pika.exceptions
import pytest
from support.ports import free_port
from support.waiting import eventually

from dripline.broker import EmbeddedBroker
from dripline.config.mesh import MeshSettings
from dripline.core import AlertConsumer, Endpoint, Interface, MsgAlert, MsgRequest, Service, op_t
from dripline.errors import ReplyTimeout
from dripline.runtime import routes
from dripline.runtime.client import MeshClient
from dripline.testing.faults import Faults
from dripline.transport.address import BrokerAddress
from dripline.transport.connection import Connection

from .meshes import Mesh, client, fresh_mesh, serving

FOUND = "declaring and binding everything again"
INTERVAL_S = 0.1


@pytest.fixture
def mesh(broker) -> Iterator[Mesh]:
    """A mesh of the test's own, with a short interval."""
    with fresh_mesh(broker, self_check_interval_s=INTERVAL_S) as mesh:
        yield mesh


def service_of(mesh: Mesh, label: str = "s", **arguments: Any) -> Service:
    """A service without heartbeats."""
    return Service(mesh.name(label), heartbeat_interval_s=0, **mesh.login, **arguments)


def replace_exchange(mesh: Mesh, name: str) -> None:
    """Delete an exchange and declare it again at once: nobody publishes in between, only the bindings are gone."""
    connection = Connection(mesh.address)
    connection.open()
    connection.drop_exchange(name)
    connection.declare_exchanges([name])
    connection.close()


class Slow(Endpoint):
    """Counts its requests, and answers none before it is released."""

    def __init__(self, name: str) -> None:
        Endpoint.__init__(self, name)
        self.handled, self.begun, self.release = 0, threading.Event(), threading.Event()

    def on_get(self) -> int:
        """Take long."""
        self.begun.set()
        self.release.wait(30)
        self.handled += 1
        return self.handled


class OneAtATime(Service):
    """What waits for its handlers, waits at the broker."""

    _dripline_prefetch = 1


def test_a_busy_handler_does_not_make_the_check_fail(mesh, monkeypatch, caplog) -> None:
    """Not even if probes have to wait at the broker, and somebody else gets them."""
    service = OneAtATime(mesh.name("s"), heartbeat_interval_s=0, **mesh.login)
    slow = Slow(mesh.name("slow"))
    service.add_child(slow)
    with serving(service), client(mesh) as dl, MeshClient(MeshSettings.from_dict(mesh.settings)) as other:
        other.monitor(["#"], [], lambda _: None)
        assert eventually(service._dripline_is_ready)
        sent = [dl.send(MsgRequest.create(None, op_t.get, slow.name)) for _ in range(10)]
        assert slow.begun.wait(30)
        with monkeypatch.context() as while_busy:  # else what takes longer than that is at fault
            while_busy.setattr(routes, "PATIENCE_S", 0.2)
            deadline = time.monotonic() + 1.5
            while time.monotonic() < deadline:
                assert service._dripline_is_ready()
                time.sleep(0.02)
        slow.release.set()
        assert [each.pending.wait(30).plain_payload for each in sent] == list(range(1, 11))
    assert FOUND not in caplog.text


def test_requests_that_wait_at_the_broker_survive_the_repair(mesh, caplog) -> None:
    """What is bound again keeps its connection and its queue; no request is handled twice."""
    service = OneAtATime(mesh.name("s"), heartbeat_interval_s=0, **mesh.login)
    slow = Slow(mesh.name("slow"))
    service.add_async_child(slow)
    with serving(service), client(mesh) as dl:
        assert eventually(service._dripline_is_ready)
        sent = [dl.send(MsgRequest.create(None, op_t.get, slow.name)) for _ in range(200)]
        replace_exchange(mesh, mesh.requests)
        assert eventually(lambda: "can be reached again" in caplog.text)
        slow.release.set()
        assert eventually(lambda: slow.handled == len(sent))
        time.sleep(2 * INTERVAL_S)
        assert slow.handled == len(sent)
    assert "reconnecting" not in caplog.text


def test_a_monitor_of_everything_does_not_hide_a_missing_binding(mesh, monkeypatch, caplog) -> None:
    """The broker returns no probe that somebody else gets: then it counts that none arrives."""
    monkeypatch.setattr(routes, "PATIENCE_S", 0.5)
    with serving(service_of(mesh)) as service, mesh.pika() as connection:
        assert eventually(service._dripline_is_ready)
        channel = connection.channel()
        channel.queue_declare(mesh.name("all"), exclusive=True)
        channel.exchange_delete(mesh.requests)
        channel.exchange_declare(mesh.requests, "topic")
        channel.queue_bind(mesh.name("all"), mesh.requests, "#")
        assert eventually(lambda: "can be reached again" in caplog.text)
        assert eventually(service._dripline_is_ready)


@pytest.mark.parametrize(
    ("step", "exchange"), [("_probe", "requests"), ("_bind_again", "requests"), ("_bind_again", "alerts")]
)
def test_an_exchange_that_is_deleted_in_the_middle_of_a_check(mesh, monkeypatch, caplog, step, exchange) -> None:
    """It was there a moment before: the check finds out all the same, and does not cost the connection."""
    listener = AlertConsumer(name=mesh.name("l"), heartbeat_interval_s=0, **mesh.login)
    real, deleted = getattr(routes.Routes, step), threading.Event()

    def interrupted(*arguments: Any) -> Any:
        if not deleted.is_set() and listener._dripline_is_ready():
            deleted.set()
            with mesh.pika() as connection:
                connection.channel().exchange_delete(getattr(mesh, exchange))
        return real(*arguments)

    monkeypatch.setattr(routes.Routes, step, interrupted)
    with serving(listener):
        assert deleted.wait(30)
        assert eventually(lambda: "can be reached again" in caplog.text)
        assert eventually(listener._dripline_is_ready)
    assert caplog.text.count(FOUND) == 1
    assert "reconnecting" not in caplog.text


def test_a_missing_exchange_is_in_the_health_until_it_can_be_declared(mesh, caplog) -> None:
    """An exchange of another type with that name is reported once; the service is not ready while it exists."""
    with serving(service_of(mesh)) as service, mesh.pika() as connection:
        assert eventually(service._dripline_is_ready)
        channel = connection.channel()
        channel.exchange_delete(mesh.alerts)
        channel.exchange_declare(mesh.alerts, "direct")
        replace_exchange(mesh, mesh.requests)
        assert eventually(lambda: not service._dripline_is_ready())
        time.sleep(1)
        assert not service._dripline_is_ready()
        channel.exchange_delete(mesh.alerts)
        assert eventually(service._dripline_is_ready)
    assert caplog.text.count(FOUND) == 1
    assert caplog.text.count("can be reached again") == 1


def test_zero_turns_the_check_off(broker, caplog) -> None:
    """What an operator deletes is then restored with the next connection."""
    with fresh_mesh(broker, self_check_interval_s=0) as mesh, serving(service_of(mesh)) as service:
        assert eventually(service._dripline_is_ready)
        replace_exchange(mesh, mesh.requests)
        time.sleep(0.5)
        assert service._dripline_is_ready()
    assert FOUND not in caplog.text


def test_a_client_binds_its_reply_queue_again_after_a_timeout(mesh) -> None:
    """Its first request after the loss is not answered, the second one is."""
    late = {**mesh.login, "dripline_mesh": {**mesh.settings, "self_check_interval_s": 1000}}
    with serving(service_of(mesh)) as service, Interface(timeout_s=20, **late) as dl:
        assert eventually(service._dripline_is_ready)
        dl.cmd(service.name, "ping")
        with serving(service_of(mesh, "other")) as other:
            assert eventually(other._dripline_is_ready)
            replace_exchange(mesh, mesh.requests)
            with client(mesh) as prompt:
                assert eventually(lambda: _pings(prompt, service.name))
            with pytest.raises(ReplyTimeout):
                dl.cmd(service.name, "ping", timeout_s=0.5)
            dl.cmd(service.name, "ping")


def _pings(dl: Interface, name: str) -> bool:
    try:
        dl.cmd(name, "ping", timeout_s=1)
    except Exception:  # noqa: BLE001 - not yet
        return False
    return True


def test_a_replaced_exchange_of_alerts_is_reported(mesh, caplog) -> None:
    """Although it exists when somebody looks; and what the check declared for that is deleted at the end."""
    heard: list[int] = []

    class Listener(AlertConsumer):
        def on_alert_message(self, an_alert: MsgAlert) -> None:
            heard.append(an_alert.plain_payload)

    listener = Listener(name=mesh.name("l"), heartbeat_interval_s=0, **mesh.login)
    watch = f"{mesh.alerts}.watch.{listener.name}"
    with serving(service_of(mesh)) as source, serving(listener):
        assert eventually(lambda: _exists(mesh, watch))
        replace_exchange(mesh, mesh.alerts)
        assert eventually(lambda: "can be reached again" in caplog.text)
        assert source.send(MsgAlert.create(1, "a")).successful_send
        assert eventually(lambda: heard == [1])
        assert eventually(lambda: _exists(mesh, watch))
    assert f"{listener.name}: exchange {mesh.alerts!r} was deleted" in caplog.text
    assert not _exists(mesh, watch)


def _exists(mesh: Mesh, exchange: str) -> bool:
    with mesh.pika() as connection:
        try:
            connection.channel().exchange_declare(exchange, passive=True)
        except pika.exceptions.ChannelClosedByBroker:
            return False
        return True


def test_publishers_keep_the_way_to_a_durable_consumer_that_is_away(mesh) -> None:
    """The binding between the exchanges is made again by those who send alerts, at the next check."""
    durable = f"{mesh.alerts}.durable"
    arguments = {"heartbeat_interval_s": 0, **mesh.login}

    def collector() -> Collector:
        return Collector(name=mesh.name("collector"), durable=True, **arguments)

    try:
        with serving(collector()):
            pass
        with serving(service_of(mesh)) as source:
            assert source.send(MsgAlert.create(0, "a")).successful_send
            assert eventually(source._dripline_is_ready)
            time.sleep(2 * INTERVAL_S)
            with mesh.pika() as connection:
                channel = connection.channel()
                channel.exchange_unbind(durable, mesh.alerts, "#")

                def arrives() -> bool:
                    assert source.send(MsgAlert.create(1, "a")).successful_send
                    queue = channel.queue_declare(f"{mesh.name('collector')}.alerts", passive=True)
                    return queue.method.message_count > 1

                assert eventually(arrives)
        with serving(collector()) as away:
            assert eventually(lambda: away.seen[:2] == [0, 1])
    finally:
        with mesh.pika() as connection:
            connection.channel().queue_delete(f"{mesh.name('collector')}.alerts")
            connection.channel().exchange_delete(durable)


def test_a_durable_consumer_misses_nothing_when_a_check_restores_the_exchange_of_alerts(mesh) -> None:
    """The sender notices nothing, as a listener is faster; the durable consumer is away meanwhile."""
    unaware = {**mesh.login, "dripline_mesh": {**mesh.settings, "self_check_interval_s": 0}}
    source = Service(mesh.name("source"), heartbeat_interval_s=0, **unaware)

    def collector() -> Collector:
        keys = {"alert_keys": ["a"], "durable": True, "heartbeat_interval_s": 0}
        return Collector(name=mesh.name("collector"), **keys, **mesh.login)

    try:
        with serving(collector()), serving(source):
            assert eventually(source._dripline_is_ready)
        listener = AlertConsumer(name=mesh.name("l"), heartbeat_interval_s=0, **mesh.login)
        with serving(listener), serving(source):
            assert eventually(listener._dripline_is_ready)
            assert source.send(MsgAlert.create(1, "a")).successful_send
            assert eventually(lambda: source._Service__link._publisher._backlog.is_idle)
            with mesh.pika() as connection:
                connection.channel().exchange_delete(mesh.alerts)
            assert eventually(lambda: _exists(mesh, mesh.alerts))
            for number in (2, 3):
                assert source.send(MsgAlert.create(number, "a")).successful_send
            assert eventually(lambda: source._Service__link._publisher._backlog.is_idle)
        with serving(collector()) as back:
            assert eventually(lambda: len(back.seen) >= 3)
            assert back.seen == [1, 2, 3]
    finally:
        with mesh.pika() as connection:
            connection.channel().queue_delete(f"{mesh.name('collector')}.alerts")
            connection.channel().exchange_delete(f"{mesh.alerts}.durable")


class Collector(AlertConsumer):
    """Keeps what comes."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.seen: list[int] = []

    def on_alert_message(self, an_alert: MsgAlert) -> None:
        """Keep one."""
        self.seen.append(an_alert.plain_payload)


@pytest.mark.parametrize("error", [GeneratorExit, SystemExit, KeyboardInterrupt, ValueError])
def test_whatever_bind_keys_raises_the_check_goes_on(mesh, error, caplog) -> None:
    """A laboratory's code may raise anything, and is called again when bindings are restored."""

    class Moody(Service):
        calls = 0

        def bind_keys(self) -> bool:
            self.calls += 1
            if self.calls == 2:
                raise error
            return Service.bind_keys(self)

    with serving(Moody(mesh.name("s"), heartbeat_interval_s=0, **mesh.login)) as service:
        assert eventually(service._dripline_is_ready)
        replace_exchange(mesh, mesh.requests)
        assert eventually(lambda: "can be reached again" in caplog.text)
        assert eventually(service._dripline_is_ready)
    assert service.calls == 3


def test_probes_are_not_shown_by_monitors(mesh) -> None:
    """They are on the exchange of requests, each service's name once an interval."""
    seen: list[str] = []
    with MeshClient(MeshSettings.from_dict(mesh.settings)) as monitor, mesh.pika() as connection:
        channel = connection.channel()
        channel.queue_declare(mesh.name("all"), exclusive=True)
        channel.queue_bind(mesh.name("all"), mesh.requests, "#")
        monitor.monitor(["#"], ["#"], lambda message: seen.append(message.routing_key))
        with serving(service_of(mesh)) as service:
            assert eventually(service._dripline_is_ready)
            shown = len(seen)
            for _ in range(5):
                assert eventually(lambda: channel.basic_get(mesh.name("all"), auto_ack=True)[0])
            assert len(seen) <= shown + 2, "the reply to the first ping may come a moment later"


# -- what takes an embedded broker that a test may act upon ----------------------------------------------------


@pytest.fixture
def own() -> Iterator[tuple[Mesh, Faults]]:
    """A mesh on an embedded broker of the test's own, and its faults."""
    with EmbeddedBroker(port=free_port()) as broker:
        address = BrokerAddress(broker.host, broker.port)
        with fresh_mesh(address, self_check_interval_s=INTERVAL_S) as mesh:
            yield mesh, Faults(broker)


def test_of_many_endpoints_some_are_probed_in_turn(own, monkeypatch) -> None:
    """A missing binding of any one is found within a round, and a check sends a bounded number of probes."""
    mesh, faults = own
    monkeypatch.setattr(routes, "KEYS_AT_ONCE", 20)
    service = service_of(mesh)
    for number in range(100):
        service.add_child(Endpoint(f"e{number}"))
    with serving(service), client(mesh) as dl:
        assert eventually(service._dripline_is_ready)
        for name in ("e0", "e50", "e99"):
            assert faults.unbind(mesh.requests, service.name, f"{name}.#") == 1
            assert eventually(lambda name=name: _pings(dl, name), 10)
            assert eventually(service._dripline_is_ready)  # after a repair all are probed at once
        with mesh.pika() as connection:
            channel = connection.channel()
            channel.queue_declare("probes", exclusive=True)
            channel.queue_bind("probes", mesh.requests, "#")

            def count() -> int:
                return channel.queue_declare("probes", passive=True).method.message_count

            begin = time.monotonic()
            assert eventually(lambda: count() > 2 * 21)
            assert count() <= 21 * ((time.monotonic() - begin) / INTERVAL_S + 1)


def test_a_frozen_link_is_not_a_missing_binding(own, caplog) -> None:
    """Nothing is bound again, and nothing reported, when the broker only does not answer for a while."""
    mesh, faults = own
    caplog.set_level(logging.WARNING)
    with serving(service_of(mesh)) as service:
        assert eventually(service._dripline_is_ready)
        for _ in range(3):
            with faults.hold(service.name):
                time.sleep(3 * INTERVAL_S)
            time.sleep(INTERVAL_S)
        assert eventually(service._dripline_is_ready)
    assert FOUND not in caplog.text


def test_a_name_is_free_again_for_the_next_service(own) -> None:
    """What is left on the broker by one that was killed does not disturb its successor."""
    mesh, faults = own
    for _ in range(2):
        listener = AlertConsumer(name=mesh.name("l"), heartbeat_interval_s=0, **mesh.login)
        with serving(listener):
            assert eventually(lambda: _exists(mesh, f"{mesh.alerts}.watch.{mesh.name('l')}"))
            faults.cut(listener.name)
            assert eventually(listener._dripline_is_ready)
            time.sleep(3 * INTERVAL_S)
            assert listener._dripline_is_ready()
