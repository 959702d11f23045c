"""Scripts of version 4, and those that send and wait themselves, on both brokers."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest
from support.proxy import Proxy

import scarab
from _dripline.core import Core, DriplineConfig, MsgAlert, MsgRequest, Receiver, op_t
from dripline.core import AlertConsumer, Endpoint, Interface, Service, ThrowReply
from dripline.errors import BrokerUnreachable, DriplineError, ErrorReply
from dripline.runtime import service_link
from dripline.transport.connection import Connection

from .conftest import BrokerAddress
from .meshes import Mesh, fresh_mesh, serving


class Valve(Endpoint):
    """Answers late when it is told so."""

    def __init__(self, **kwargs) -> None:
        Endpoint.__init__(self, **kwargs)
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.position = 0

    def on_get(self):
        """A value that is there at once."""
        return {"value_raw": "4", "value_cal": 4}

    def turn(self, *degrees, speed=1):
        """What it was called with."""
        return {"degrees": list(degrees), "speed": speed}

    def slowly(self):
        """Waits to be told."""
        self.begun.set()
        self.go_on.wait(60)

    def fail(self):
        """Answers with an error."""
        raise ThrowReply("resource_error", "stuck")


class House(Service):
    """Sends its own requests from handlers."""

    def ask(self, name):
        """Send and wait, as packages do that need the reply itself."""
        sent = self.send(MsgRequest.create({}, op_t.get, name))
        return Receiver().wait_for_reply(sent, 10_000).payload.to_python()


@pytest.fixture
def mesh(broker: BrokerAddress) -> Iterator[Mesh]:
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


@pytest.fixture
def valve(mesh: Mesh) -> Iterator[Valve]:
    """An endpoint `valve` of a running service `house`; there is an asynchronous endpoint `door`, too."""
    service = House(mesh.name("house"), **mesh.login)
    valve = Valve(name="valve")
    service.add_child(valve)
    service.add_async_child(Valve(name=mesh.name("door")))
    with serving(service):
        yield valve
        valve.go_on.set()


def old_config(mesh: Mesh) -> dict:
    """The mesh as a version 4 script writes it."""
    return {key.replace("_", "-"): value for key, value in mesh.settings.items()}


@pytest.fixture
def script(mesh: Mesh, valve: Valve) -> Iterator[Interface]:
    """A version 4 client."""
    with Interface(dripline_config=old_config(mesh)) as interface:
        yield interface


class TestInterface:
    """`Interface(dripline_config={...})`."""

    def test_replies_are_messages(self, script):
        """With `payload` and `return_code`."""
        reply = script.get("valve")
        assert reply.return_code == 0
        assert reply.payload.to_python()["value_cal"] == 4
        assert reply.payload["value_raw"].as_string() == "4"

    def test_arguments_stand_where_version_4_had_them(self, script):
        """`cmd(endpoint, method, ordered_args, keyed_args, timeout)`, by place and by name."""
        expected = {"degrees": [90], "speed": 3}
        assert script.cmd("valve", "turn", [90], {"speed": 3}, 10_000).payload.to_python() == expected
        reply = script.cmd(
            endpoint="valve", method="turn", ordered_args=[90], keyed_args={"speed": 3}, timeout=10_000
        )
        assert reply.payload.to_python() == expected
        assert script.set("valve", 1, "position", 10_000).return_code == 0
        assert script.get("valve", "position", timeout=10_000).payload["values"][0].as_int() == 1
        assert script.get("valve", None, 10_000).return_code == 0

    def test_error_codes_are_returned(self, script):
        """And not raised."""
        reply = script.cmd("valve", "fail")
        assert (reply.return_code, reply.return_message) == (200, "stuck")

    def test_a_timeout_is_a_reply(self, script):
        """A script that looks at codes sees it, and one that does not look goes on."""
        assert script.get("valve").return_code == 0  # it is connected
        start = time.monotonic()
        reply = script.cmd("valve", "slowly", timeout=50)
        assert time.monotonic() - start < 30
        assert reply.return_code == 404
        assert "no reply from 'valve' within 0.05 s" in reply.return_message
        assert reply.payload.is_null()

    def test_a_name_that_nobody_has_is_a_reply(self, script, caplog):
        """Also without a timeout; the log tells it."""
        assert script.get("nobody-there").return_code == 102
        assert "nobody on the mesh is bound for 'nobody-there'" in caplog.text

    def test_a_dict_as_only_argument_is_a_configuration(self, mesh, valve):
        """Not a user's name."""
        with Interface(old_config(mesh)) as interface:
            assert interface.get("valve").payload["value_cal"].as_int() == 4

    def test_an_old_authentication_file_is_read(self, mesh, valve, tmp_path):
        """Its group `amqp` has login and broker."""
        path = tmp_path / "authentications.json"
        group = {"broker": mesh.address.host, "username": "guest", "password": "guest"}
        path.write_text(json.dumps({"amqp": group}))
        config = {**old_config(mesh), "auth-file": str(path)}
        del config["broker"]
        with Interface(dripline_config=config) as interface:
            assert interface.address == mesh.address.host
            assert interface.get("valve").return_code == 0

    def test_a_newer_script_gets_plain_values_and_errors(self, mesh, valve):
        """Nothing of this touches it."""
        with Interface(**mesh.login) as interface:
            assert interface.get("valve")["value_cal"] == 4
            with pytest.raises(ErrorReply, match="stuck"):
                interface.cmd("valve", "fail")
            with pytest.raises(TypeError, match="unknown argument 'timeout'; a timeout is given in seconds"):
                interface.get("valve", timeout=3)

    def test_an_interface_sends_alerts(self, mesh, valve):
        """As every `Core`."""
        with Interface(**mesh.login) as interface:
            assert interface.send(MsgAlert.create({"a": 1}, "news")).successful_send


def test_a_loss_ends_a_wait_with_a_reply(broker):
    """Nobody can tell whether the request was handled: 101 says that the connection was lost."""
    with Proxy(broker.host, broker.port) as proxy, fresh_mesh(broker) as mesh:
        service = Service(mesh.name("s"), **mesh.login)
        valve = Valve(name="valve")
        service.add_child(valve)
        config = {**old_config(mesh), "broker": proxy.host, "broker-port": proxy.port}
        with serving(service), Interface(dripline_config=config) as script:
            script.get("valve")
            cutting = threading.Thread(target=lambda: (valve.begun.wait(30), proxy.cut()))
            cutting.start()
            assert script.cmd("valve", "slowly").return_code == 101
            cutting.join()
            valve.go_on.set()


def test_without_a_broker_a_request_fails_at_once():
    """It was not sent: there is nothing that could be answered."""
    with Interface(dripline_config={"broker-port": 1, "max-connection-attempts": 1}) as script:
        with pytest.raises(BrokerUnreachable):
            script.get("valve")
        package = script.send(MsgRequest.create({}, op_t.get, "valve"))
    assert not package.successful_send
    with pytest.raises(DriplineError, match=r"there is no reply to wait for: .*localhost:1"):
        Receiver().wait_for_reply(package)


class TestCoreAndReceiver:
    """Scripts that send and wait themselves."""

    @pytest.fixture
    def core(self, mesh, valve):
        """Made as version 5's own client is."""
        config = DriplineConfig().to_python()
        config.update(mesh.settings)
        core = Core(config=scarab.to_param(config))
        yield core
        core.close()

    def test_a_request_is_answered(self, core):
        """With the correlation id of the request."""
        request = MsgRequest.create({}, op_t.get, "valve")
        sent = core.send(request)
        assert sent.successful_send
        reply = Receiver().wait_for_reply(sent, timeout_ms=10_000)
        assert reply.correlation_id == request.correlation_id
        assert reply.payload["value_cal"].as_double() == 4.0

    def test_waiting_without_limit(self, core):
        """0, as in the reference."""
        reply = Receiver().wait_for_reply(core.send(MsgRequest.create({}, op_t.cmd, "valve", "fail")))
        assert (reply.return_code, reply.return_message) == (200, "stuck")

    def test_a_timeout_is_none(self, core, valve):
        """As in the reference; the reply can still be waited for."""
        sent = core.send(MsgRequest.create({}, op_t.cmd, "valve", "slowly"))
        assert Receiver().wait_for_reply(sent, 20) is None
        valve.go_on.set()
        assert Receiver().wait_for_reply(sent, 10_000).return_code == 0

    def test_a_cancelled_receiver_waits_no_more(self, core, valve):
        """A signal ends a script that waits without limit."""
        receiver = Receiver()
        handler = scarab.SignalHandler
        handler.add_cancelable(receiver)
        try:
            sent = core.send(MsgRequest.create({}, op_t.cmd, "valve", "slowly"))
            threading.Timer(0.05, handler.cancel_all, [0]).start()
            assert receiver.wait_for_reply(sent) is None
            assert receiver.wait_for_reply(sent) is None
        finally:
            handler.remove_cancelable(receiver)

    def test_nobody_there_is_a_reply(self, core):
        """102, also without limit."""
        request = MsgRequest.create({}, op_t.get, "nobody-there")
        reply = Receiver().wait_for_reply(core.send(request))
        assert (reply.return_code, reply.correlation_id) == (102, request.correlation_id)

    def test_there_is_no_reply_to_an_alert(self, core):
        """Which is told, instead of waiting for ever."""
        sent = core.send(MsgAlert.create({}, "news"))
        assert sent.successful_send
        with pytest.raises(DriplineError, match="there is no reply to wait for: it was no request"):
            Receiver().wait_for_reply(sent)

    def test_a_reply_is_sent(self, core, valve):
        """A script may answer what somebody asked."""
        request = MsgRequest.create({}, op_t.get, "valve", reply_to="valve")
        assert core.send(request.reply(0, "so", {})).successful_send


class TestServiceAndReceiver:
    """Handlers that send and wait themselves."""

    def test_an_endpoint_of_another_thread_answers(self, mesh, valve, script):
        """An asynchronous one."""
        reply = script.cmd(mesh.name("house"), "ask", [mesh.name("door")], timeout=20_000)
        assert reply.payload.to_python() == {"value_raw": "4", "value_cal": 4}

    def test_an_endpoint_of_the_same_thread_answers(self, mesh, script):
        """On the spot: to wait for the thread would be to wait for oneself."""
        reply = script.cmd(mesh.name("house"), "ask", ["valve"], timeout=20_000)
        assert reply.payload.to_python() == {"value_raw": "4", "value_cal": 4}


class Listener(AlertConsumer):
    """Tells when an alert came."""

    def __init__(self, **kwargs) -> None:
        AlertConsumer.__init__(self, **kwargs)
        self.heard = threading.Event()

    def process_payload(self, a_payload, a_routing_key_data, a_message_timestamp):
        """Note that one came."""
        self.heard.set()


def test_a_key_bound_while_the_connection_comes_back_counts(broker, monkeypatch, caplog):
    """It waits for the queue to be there again: binding one that is not there would end the connection."""
    coming_back, go_on = threading.Event(), threading.Event()
    declare = service_link.declare_queue

    def declare_late(connection: Connection, name: str) -> None:
        coming_back.set()
        go_on.wait(30)
        declare(connection, name)

    with Proxy(broker.host, broker.port) as proxy, fresh_mesh(broker) as mesh:
        through = {**mesh.settings, "broker": proxy.host, "broker_port": proxy.port}
        listener = Listener(name=mesh.name("l"), alert_keys=["old"], dripline_mesh=through)
        with serving(listener), Interface(**mesh.login) as speaker:
            monkeypatch.setattr(service_link, "declare_queue", declare_late)
            proxy.cut()
            assert coming_back.wait(60)
            binding = threading.Thread(target=listener.bind_key, args=(listener.alerts_exchange, "new"))
            binding.start()
            go_on.set()
            binding.join(60)
            assert not binding.is_alive()
            speaker.send(MsgAlert.create({}, "new"))
            assert listener.heard.wait(60)
            # It may come back twice: for a moment the broker knows the queue as the lost connection's.
            assert "NOT_FOUND" not in caplog.text
