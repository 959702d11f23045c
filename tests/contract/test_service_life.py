"""A service from start to end, and what others see of it, on both brokers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pika
import pytest
from support.ports import free_port
from support.slow_proxy import SlowProxy
from support.waiting import eventually

from dripline.broker import EmbeddedBroker
from dripline.core import Endpoint, MsgAlert, Service, op_t
from dripline.errors import BrokerUnreachable, ErrorReply, LoginRefused, NameTaken, NoRoute

from .conftest import BrokerAddress
from .meshes import Mesh, client, fresh_mesh, serving

STORE = {"name": "peaches", "module": "KeyValueStore", "initial_value": 0.75}


@pytest.fixture
def mesh(broker: BrokerAddress) -> Iterator[Mesh]:
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


def test_run_serves_until_it_is_cancelled(mesh):
    """`run()` blocks; `cancel()` from another thread ends it, and the name is free again."""
    service = Service(mesh.name("s"), endpoints=[STORE], **mesh.login)
    thread = threading.Thread(target=service.run)
    thread.start()
    with client(mesh) as interface:
        assert eventually(lambda: _is_there(interface, "peaches"))
        service.cancel()
        thread.join(30)
        assert not thread.is_alive()
        with pytest.raises(NoRoute):
            interface.get("peaches")
    with serving(Service(mesh.name("s"), **mesh.login)):
        pass


def _is_there(interface, name):
    try:
        interface.cmd(name, "ping")
    except NoRoute:
        return False
    return True


def test_a_service_cancelled_before_it_runs_ends_at_once(mesh):
    """A signal may come early."""
    service = Service(mesh.name("s"), **mesh.login)
    service.cancel()
    service.run()


def test_start_returns_when_the_service_can_be_asked(mesh):
    """There is nothing to wait for afterwards."""
    service = Service(mesh.name("s"), endpoints=[STORE], **mesh.login)
    with client(mesh) as interface:
        for _ in range(3):  # again after a stop
            service.start()
            service.start()  # once more does no harm
            assert interface.get("peaches") == {"value_raw": 0.75}
            service.stop()
            service.stop()


def test_a_request_in_hand_is_answered_before_the_end(mesh):
    """`stop()` waits for the handler that is busy."""
    started, release = threading.Event(), threading.Event()

    class Slow(Endpoint):
        def on_get(self):
            started.set()
            release.wait(30)
            return "done"

    service = Service(mesh.name("s"), **mesh.login)
    service.add_child(Slow("slow"))
    service.start()
    with client(mesh) as interface:
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(interface.get("slow")))
        asking.start()
        assert started.wait(30)
        stopping = threading.Thread(target=service.stop)
        stopping.start()
        release.set()
        asking.join(30)
        stopping.join(30)
    assert answers == ["done"]


def test_a_handler_that_hangs_does_not_hold_up_the_end(mesh, caplog):
    """It is not waited for longer than a second, and that is told."""
    started, release = threading.Event(), threading.Event()

    class Hanging(Endpoint):
        def on_get(self):
            started.set()
            release.wait(30)

    service = Service(mesh.name("s"), stop_grace_s=1, **mesh.login)
    service.add_child(Hanging("hanging"))
    service.start()
    with mesh.pika() as script:
        channel = script.channel()
        channel.basic_publish(
            mesh.requests,
            "hanging",
            b"null",
            pika.BasicProperties(headers={"message_type": 3, "message_operation": 1}),
        )
        assert started.wait(30)
        begin = time.monotonic()
        service.stop()
        assert time.monotonic() - begin < 20
        assert "a handler is still busy" in caplog.text
        channel.queue_declare(service.name, exclusive=True)  # its name is free
    release.set()


def test_a_second_service_of_a_name_cannot_start(mesh, monkeypatch):
    """It says what to do; the first one is unharmed."""
    monkeypatch.setattr("dripline.runtime.reconnecting_connection._NAME_PATIENCE_S", 0.1)  # retried for a while
    name = mesh.name("twin")
    with serving(Service(name, endpoints=[STORE], **mesh.login)), client(mesh) as interface:
        second = Service(name, **mesh.login)
        with pytest.raises(NameTaken, match="another service or endpoint of that name is on the mesh"):
            second.run()
        assert interface.get("peaches") == {"value_raw": 0.75}


def test_without_a_broker_it_cannot_start(broker):
    """It says who does not answer."""
    service = Service("s", dripline_mesh={"broker": broker.host, "broker_port": 1, "max_connection_attempts": 1})
    with pytest.raises(BrokerUnreachable, match=":1"):
        service.run()


def test_with_a_wrong_password_it_cannot_start(mesh):
    """It says who was refused, and shows no password."""
    with pytest.raises(LoginRefused) as caught:
        Service("s", username="guest", password="hunter2", dripline_mesh=mesh.settings).run()
    assert "hunter2" not in str(caught.value)


def test_constructors_may_send_requests(mesh):
    """To other services and to the own endpoints, before `run()`; the connection is the service's own later."""

    class Nosy(Service):
        def __init__(self, **kwargs):
            Service.__init__(self, **kwargs)
            self.others = self.get("peaches")
            self.own = self.get("mine")

    with serving(Service(mesh.name("s"), endpoints=[STORE], **mesh.login)):
        nosy = Nosy(name=mesh.name("nosy"), endpoints=[{**STORE, "name": "mine"}], **mesh.login)
        assert nosy.others == nosy.own == {"value_raw": 0.75}
        with serving(nosy), client(mesh) as interface:
            assert interface.get("mine") == {"value_raw": 0.75}
            assert nosy.get("peaches") == {"value_raw": 0.75}


def test_a_stopped_service_sends_nothing(mesh):
    """It does not connect again behind anybody's back."""
    service = Service(mesh.name("s"), **mesh.login)
    with serving(service):
        assert service.send(MsgAlert.create(1, "x")).successful_send
    package = service.send(MsgAlert.create(1, "x"))
    assert not package.successful_send
    assert "was stopped" in package.send_error_message


def test_endpoints_may_be_added_while_it_runs(broker, mesh):
    """Synchronous and asynchronous ones can be asked at once, however far the broker is."""
    with SlowProxy(broker.host, broker.port, 0.1) as proxy, client(mesh) as interface:
        far = {**mesh.settings, "broker": proxy.host, "broker_port": proxy.port}
        with serving(Service(mesh.name("s"), **{**mesh.login, "dripline_mesh": far})) as service:
            assert interface.cmd(service.name, "ping") is None
            service.add_child(Endpoint("late"))
            assert interface.cmd("late", "ping") is None
            service.add_async_child(Endpoint(mesh.name("later")))
            assert interface.cmd(mesh.name("later"), "ping") is None
            service.bind_key(service.requests_exchange, "key.#")
            with pytest.raises(ErrorReply, match="has no endpoint for 'key'"):
                interface.cmd("key", "ping")


def test_keys_may_be_bound_before_and_while_it_runs(mesh):
    """`bind_key` in a constructor, in `bind_keys`, or later; answers come for all of them."""

    class Bound(Service):
        def __init__(self, **kwargs):
            Service.__init__(self, **kwargs)
            self.bind_key(self.requests_exchange, "early.#")

        def bind_keys(self):
            to_return = Service.bind_keys(self)
            return to_return and self.bind_key(self.requests_exchange, "usual.#")

        def on_get(self):
            return "here"

    service = Bound(name=mesh.name("s"), **mesh.login)
    with serving(service), client(mesh) as interface:
        service.bind_key(service.requests_exchange, "late.#")
        for key in ("early", "usual", "late"):
            package = service.send(_ping(key))
            assert package.pending.wait(30).return_code == 102, "bound, but for none of its endpoints"
        assert interface.get(service.name) == "here"


def _ping(key):
    from dripline.core import MsgRequest

    return MsgRequest.create(None, op_t.cmd, key, "ping")


class TestBrokerAway:
    """The broker goes and comes back; shown with one that can be stopped."""

    @pytest.fixture
    def service(self):
        """A service whose broker has just gone, and that broker's port."""
        port = free_port()
        with EmbeddedBroker(port=port):
            service = Service(
                "s",
                endpoints=[{**STORE, "log_interval": 0.05}],
                enable_scheduling=True,
                heartbeat_interval_s=0.05,
                dripline_mesh={"broker": "127.0.0.1", "broker_port": port, "max_connection_attempts": 1},
            )
            service.add_async_child(Endpoint("slow"))
            service.bind_key(service.requests_exchange, "extra.#")
            service.start()
        # The broker is gone now.
        yield service, port
        service.stop()

    def test_trouble_is_told_once_and_everything_comes_back(self, service, caplog):
        """Of many logged values and heartbeats: one line when the broker is lost, one when it is back."""
        service, port = service
        sends = []
        send = service.send
        service.send = lambda message: sends.append(1) or send(message)
        assert eventually(lambda: len(sends) > 10)
        assert "could not send" not in caplog.text
        with EmbeddedBroker(port=port):
            assert eventually(lambda: "connected again" in caplog.text)
            mesh = {"broker": "127.0.0.1", "broker_port": port, "max_connection_attempts": 1}
            script = Service("script", dripline_mesh=mesh)
            for key in ("peaches", "slow", "s", "broadcast"):
                assert eventually(lambda key=key: _is_there(script, key)), key
            assert eventually(lambda: script.send(_ping("extra")).pending.wait(30).return_code == 102)
            script.stop()
        assert "Traceback" not in caplog.text

    def test_a_request_while_the_broker_is_away_waits_for_it_in_its_time(self, service):
        """It is sent when the connection is back, and fails when that takes longer than its timeout."""
        service, port = service
        with pytest.raises(ConnectionError):
            service.get("somebody", timeout_s=0.05)
        with EmbeddedBroker(port=port), pytest.raises(NoRoute):
            service.get("somebody", timeout_s=20)

    def test_it_can_be_stopped_while_the_broker_is_away(self, service):
        """In good time."""
        service, _ = service
        begin = time.monotonic()
        service.stop()
        assert time.monotonic() - begin < 20
