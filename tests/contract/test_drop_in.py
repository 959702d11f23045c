"""Packages and scripts as they are written for the reference, on both brokers."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from typing import Any

import pytest
from support.waiting import eventually

import scarab
from dripline.core import (
    Core,
    DriplineError,
    Entity,
    Interface,
    MsgAlert,
    MsgRequest,
    Receiver,
    RequestSender,
    Service,
    ThrowReply,
    op_t,
)
from dripline.errors import ErrorReply, NoRoute
from dripline.implementations import HTTPServer, KeyValueStore

from .meshes import fresh_mesh, serving


class Lamp(Entity):
    """An entity that fails when it is asked."""

    def on_get(self) -> Any:
        """Fail as devices do."""
        raise ThrowReply("resource_error_no_response", "the lamp is silent")


@pytest.fixture
def mesh(broker):
    """A mesh with a store and a lamp."""
    with fresh_mesh(broker) as mesh:
        store = Service(mesh.name("store"), heartbeat_interval_s=0, **mesh.login)
        store.add_child(KeyValueStore(name=mesh.name("peaches"), initial_value=0.75))
        store.add_child(Lamp(name=mesh.name("lamp")))
        with serving(store):
            yield mesh


class Repeater(Service):
    """Hands commands on to another service, and waits for the reply itself, as packages do."""

    def __init__(self, target: str, **kwargs: Any) -> None:
        Service.__init__(self, **kwargs)
        self.target = target

    def hand_on(self) -> Any:
        """Send a request and wait with the service itself, then with a receiver that a signal would cancel."""
        request = MsgRequest.create(scarab.to_param({}), op_t.get, self.target)
        mine = self.wait_for_reply(self.send(request), timeout_ms=20_000)
        receiver = Receiver()
        handler = scarab.SignalHandler(False)
        handler.add_cancelable(receiver)
        package = self.sender.send(MsgRequest.create(scarab.to_param({}), op_t.get, self.target))
        assert package.successful_send
        theirs = receiver.wait_for_reply(sent_msg_pkg=package, timeout_ms=20_000)
        handler.remove_cancelable(receiver)
        return [mine.payload.to_python(), theirs.payload.to_python()]


def test_a_service_waits_for_replies_itself(mesh):
    """A service is a `Core` and a `Receiver`."""
    with serving(Repeater(mesh.name("peaches"), name=mesh.name("repeater"), **mesh.login)) as repeater:
        assert isinstance(repeater, Core)
        assert isinstance(repeater, Receiver)
        with Interface(**mesh.login) as client:
            assert client.cmd(repeater.name, "hand_on") == [{"value_raw": 0.75}] * 2
            for name in ("execute", "wait_for_reply", "send", "cancel", "result_to_scarab_payload"):
                with pytest.raises(ErrorReply, match="306"):
                    client.cmd(repeater.name, name)
            for name in ("password", "username", "address", "sender", "max_payload_size"):
                with pytest.raises(ErrorReply, match="310"):
                    client.get(repeater.name, name)
                with pytest.raises(ErrorReply, match="310"):
                    client.set(repeater.name, 1, name)


class Lonely(Service):
    """A service whose handlers send requests to its own endpoints with clients of every kind."""

    def __init__(self, login: dict[str, Any], **kwargs: Any) -> None:
        Service.__init__(self, **kwargs, **login)
        self.client = Interface(**login)
        mesh = {**login["dripline_mesh"], **{key: login[key] for key in ("username", "password")}}
        self.version_4 = Interface(dripline_config=mesh)

    def ask(self, endpoint: str) -> Any:
        """Get a value in four ways."""
        request = MsgRequest.create(scarab.to_param({}), op_t.get, endpoint)
        reply = Receiver().wait_for_reply(self.client.send(request), 20_000)
        old = self.version_4.get(endpoint)
        own, theirs = self.get(endpoint), self.client.get(endpoint)
        return [value["value_raw"] for value in (own, theirs, old.payload.to_python(), reply.payload.to_python())]


def test_a_handler_asks_its_own_service_with_a_client(mesh):
    """The service would wait for itself; requests to endpoints with a queue of their own are sent."""
    lonely = Lonely(mesh.login, name=mesh.name("lonely"))
    lonely.add_child(KeyValueStore(name=mesh.name("pears"), initial_value=5))
    lonely.add_async_child(KeyValueStore(name=mesh.name("plums"), initial_value=6))
    with serving(lonely), Interface(**mesh.login) as client:
        for name, value in (("pears", 5), ("plums", 6), ("peaches", 0.75)):
            assert client.cmd(lonely.name, "ask", [mesh.name(name)], timeout_s=30) == [value] * 4
        assert lonely.client.get(mesh.name("pears"), timeout_s=30) == {"value_raw": 5}
    lonely.client.close()
    lonely.version_4.close()


def test_except_runtime_error_around_a_get(mesh):
    """Whatever went wrong: an error reply, nobody there, no reply in time, no broker."""
    with Interface(**mesh.login) as client:
        for wrong in (mesh.name("lamp"), mesh.name("nobody")):
            with pytest.raises(RuntimeError) as caught:
                client.get(wrong)
            assert isinstance(caught.value, DriplineError)
        with pytest.raises(RuntimeError, match="the lamp is silent") as caught:
            client.get(mesh.name("lamp"))
        assert not isinstance(caught.value, (ConnectionError, TimeoutError))
    nowhere = {"broker": "127.0.0.1", "broker_port": 1, "max_connection_attempts": 1}
    for kind in (RuntimeError, ConnectionError):
        with pytest.raises(kind), Interface(dripline_mesh=nowhere) as client:
            client.get("peaches")


class Watched(Interface):
    """A client that notes what it sends."""

    def __init__(self, **kwargs: Any) -> None:
        Interface.__init__(self, **kwargs)
        self.noted: list[str] = []

    def send(self, a_message: Any) -> Any:
        """Note the routing key."""
        self.noted.append(a_message.routing_key)
        return Interface.send(self, a_message)


class Wrapper:
    """Something of a laboratory that sends with a client it holds."""

    def __init__(self, client: Interface) -> None:
        self.client = client
        self.count = 0

    def send(self, a_message: Any) -> Any:
        """Count what is sent."""
        self.count += 1
        return self.client.send(a_message)


def test_an_own_send_sees_the_requests(mesh):
    """As every request of the reference passes through `sender.send`."""
    peaches, lamp = mesh.name("peaches"), mesh.name("lamp")
    with Watched(**mesh.login) as client:
        assert client.sender is client
        assert client.get(peaches) == {"value_raw": 0.75}
        client.set(peaches, 1.5)
        with pytest.raises(RuntimeError, match="the lamp is silent"):
            client.get(lamp)
        with pytest.raises(NoRoute):  # the same errors as without an own send
            client.get(mesh.name("nobody"))
        assert client.noted == [peaches, peaches, lamp, mesh.name("nobody")]
    with Interface(**mesh.login) as client:
        wrapper = Wrapper(client)
        sender = RequestSender(wrapper, timeout_s=20)
        assert sender.sender is wrapper
        assert sender.get(peaches) == {"value_raw": 1.5}
        assert wrapper.count == 1
        other = Interface(dripline_mesh={"broker": "127.0.0.1", "broker_port": 1})
        other.sender = client
        assert other.get(peaches) == {"value_raw": 1.5}


def test_settings_of_the_mesh_can_be_changed_until_a_service_connects(mesh):
    """Properties of `Core`; a change that comes too late is reported."""
    service = Service(mesh.name("late"), heartbeat_interval_s=0, **mesh.login)
    service.max_payload_size = 100
    service.heartbeat_routing_key = "pulse"
    with serving(service):
        with Interface(**mesh.login) as client:
            assert client.cmd(service.name, "ping", timeout_s=20) is None
        heard = threading.Event()
        service.on_alert_message = lambda alert: heard.set()
        service.bind_key(service.alerts_exchange, "news.#")
        service.send(MsgAlert.create({"text": "x" * 1000}, "news.long"))
        assert eventually(heard.is_set)
        service.max_payload_size = 200
        assert service.max_payload_size == 100


class Panel(HTTPServer):
    """A laboratory's server with its own addresses, headers and statuses."""

    def __init__(self, suffix: str, **kwargs: Any) -> None:
        HTTPServer.__init__(self, **kwargs)
        self.suffix = suffix
        self.ret_code_conversion[202] = 418

    def path_to_routing_key(self, input_path: str) -> str:
        """Add what all names of the laboratory end with."""
        return input_path[4:].replace("/", ".") + self.suffix

    async def handle_get(self, request: Any) -> Any:
        """Forbid caches."""
        answer = await HTTPServer.handle_get(self, request)
        answer.headers["Cache-Control"] = "no-store"
        return answer


def test_the_hooks_of_the_http_server(mesh):
    """A subclass that is written for the reference."""
    panel = Panel(mesh.name(""), http_port=0, timeout_s=20, **mesh.login)
    ready = threading.Event()
    thread = threading.Thread(target=lambda: panel.run(ready))
    thread.start()
    try:
        assert ready.wait(30)
        url = f"http://127.0.0.1:{panel.http_port}"
        with urllib.request.urlopen(f"{url}/dl/peaches", timeout=60) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            assert b"0.75" in answer.read()
        with urllib.request.urlopen(f"{url}/hello", timeout=60) as answer:
            assert answer.read() == b"Hello, world\n"
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{url}/dl/lamp", timeout=60)
        with caught.value:
            assert caught.value.code == 418
    finally:
        panel.stop()
        thread.join(30)
