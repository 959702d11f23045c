"""Whatever a laboratory's code raises, wherever it is called: it is logged, and everything goes on."""

from __future__ import annotations

import io
import logging
import threading
import time
from collections import Counter
from datetime import datetime, timedelta

import pytest
from contract.meshes import client, fresh_mesh, serving
from support.outrages import OUTRAGES, Unprintable
from support.proxy import Proxy
from support.waiting import eventually

from dripline.config.mesh import MeshSettings
from dripline.core import AlertConsumer, Endpoint, Entity, MsgAlert, MsgReply, Service, op_t
from dripline.errors import DriplineError, ErrorReply
from dripline.implementations import HeartbeatMonitor
from dripline.programs.logs import LogFormatter
from dripline.runtime.client import MeshClient
from dripline.runtime.link import MeshLink

TIMES = 3  # how often each outrage is raised

pytestmark = pytest.mark.parametrize("outrage", OUTRAGES, ids=lambda kind: kind.__name__)


@pytest.fixture
def mesh(broker):
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


class Raising:
    """Raises something a few times, and then no more; counts its calls."""

    def __init__(self, outrage: type[BaseException]) -> None:
        self.calls = 0
        self._outrage = outrage

    def __call__(self, *_arguments: object, **_keywords: object) -> float:
        """Raise, or give a number."""
        self.calls += 1
        if self.calls <= TIMES:
            raise self._outrage()
        return 1.5


class Raw(dict):
    """A payload that raises when it is encoded."""

    def __init__(self, outrage: type[BaseException]) -> None:
        super().__init__(a=1)
        self._outrage = outrage

    def items(self):
        """Raise."""
        raise self._outrage()


class Textless:
    """A value in a payload whose text raises."""

    def __init__(self, outrage: type[BaseException]) -> None:
        self._outrage = outrage

    def __str__(self) -> str:
        """Raise."""
        raise self._outrage()


def refused(call, *arguments) -> ErrorReply:
    """Make a call that is answered with an error."""
    with pytest.raises(ErrorReply) as caught:
        call(*arguments)
    return caught.value


def test_handlers(mesh, outrage, caplog):
    """Get, set and cmd, and methods that are overridden below them: 999 for each, and the next one is answered."""

    class Angry(Endpoint):
        raises = Raising(outrage)

        def on_get(self):
            """Raise."""
            return self.raises()

        def on_set(self, value):
            """Raise."""
            return self.raises()

        def method(self):
            """Raise."""
            return self.raises()

    class Deeper(Angry):
        def do_get_request(self, a_request_message):
            """Raise where no handler is."""
            self.raises()
            return Angry.do_get_request(self, a_request_message)

    service = Service(mesh.name("service"), **mesh.login)
    endpoints = [Angry(mesh.name("angry")), Deeper(mesh.name("deeper")), Angry(mesh.name("asynchronous"))]
    service.add_child(endpoints[0])
    service.add_child(endpoints[1])
    service.add_async_child(endpoints[2])
    with serving(service), client(mesh) as interface:
        for endpoint in endpoints:
            calls = (interface.get,), (interface.set, 1), (interface.cmd, "method")
            for call, *arguments in calls:
                endpoint.raises.calls = 0
                for _ in range(TIMES):
                    error = refused(call, endpoint.name, *arguments)
                    assert error.return_code == 999
                    assert outrage.__name__ in error.message
                if endpoint is not endpoints[1]:
                    call(endpoint.name, *arguments)
    assert "unhandled exception in a handler" in caplog.text


def test_the_log_of_dl_serve(mesh, outrage, monkeypatch):
    """Its formatter shows exceptions in its own way; an exception without a text ends no thread there either."""
    stream = logging.StreamHandler(io.StringIO())
    stream.setFormatter(LogFormatter("", colour=False))
    monkeypatch.setattr(logging.getLogger(), "handlers", [stream])

    class Angry(Endpoint):
        def on_get(self):
            """Raise."""
            raise outrage()

    service = Service(mesh.name("service"), enable_scheduling=True, **mesh.login)
    angry, raises = Angry(mesh.name("angry")), Raising(outrage)
    service.add_child(angry)
    service.schedule(raises, timedelta(seconds=0.02))
    with serving(service), client(mesh) as interface:
        for _ in range(TIMES):
            assert refused(interface.get, angry.name).return_code == 999
        assert eventually(lambda: raises.calls > TIMES + 1)
    assert "unhandled exception in a handler" in stream.stream.getvalue()


@pytest.mark.parametrize("payload", [Raw, lambda outrage: [Textless(outrage)]], ids=["items", "text"])
def test_replies_that_cannot_be_encoded(mesh, outrage, payload):
    """Each is answered with 999 instead, and acknowledged: more of them than the broker sends ahead."""

    class Odd(Endpoint):
        def on_get(self):
            """Give something that raises later."""
            return payload(outrage)

    service = Service(mesh.name("service"), **mesh.login)
    odd = Odd(mesh.name("odd"))
    service.add_child(odd)
    with serving(service), client(mesh) as interface:
        if outrage is Unprintable and payload is not Raw:
            assert "without text" in str(interface.get(odd.name))  # what is no BaseException becomes a text
            return
        outcomes = Counter(refused(interface.get, odd.name).return_code for _ in range(150))
        assert outcomes == {999: 150}
        assert interface.cmd(odd.name, "ping") is None


def test_scheduled_calls(mesh, outrage, caplog):
    """One that raises stays scheduled, and so do the others."""
    service = Service(mesh.name("service"), enable_scheduling=True, **mesh.login)
    raises, other = Raising(outrage), Raising(outrage)
    other.calls = TIMES
    for each in (raises, other):
        service.schedule(each, timedelta(seconds=0.02))
    service.schedule(Raising(outrage), time=datetime.now())
    with serving(service):
        assert eventually(lambda: raises.calls > TIMES + 1 and other.calls > TIMES + 1)
    assert "a scheduled call failed; it stays scheduled" in caplog.text


def test_values_that_are_logged(mesh, outrage, caplog):
    """`on_get`, a calibration function and the conditions of logging: the next value is logged."""

    class Sensor(Entity):
        def __init__(self, name: str) -> None:
            super().__init__(name=name, log_interval=0.05)
            self.raises = Raising(outrage)

        def on_get(self):
            """Raise, later give a value."""
            return {"value_raw": self.raises()}

    with serving(Heard(mesh)) as heard:
        service = Service(mesh.name("service"), enable_scheduling=True, **mesh.login)
        sensor = Sensor(mesh.name("sensor"))
        service.add_child(sensor)
        with serving(service):
            assert heard.eventually_has({"value_raw": 1.5})
    assert sensor.raises.calls > TIMES
    assert "cannot be logged" in caplog.text


class Heard(AlertConsumer):
    """Hears alerts and, as an outrage is given, raises at the first ones, in the method that is named."""

    def __init__(self, mesh, raises: Raising | None = None, where: str = "") -> None:
        super().__init__(name=mesh.name("heard"), alert_keys=["#"], **mesh.login)
        self.payloads: list[object] = []
        self._raises = raises
        self._where = where

    def _perhaps(self, where: str) -> None:
        if self._raises is not None and self._where == where:
            self._raises()

    def on_alert_message(self, an_alert):
        """Take an alert."""
        self._perhaps("on_alert_message")
        AlertConsumer.on_alert_message(self, an_alert)

    def parse_routing_key(self, a_routing_key):
        """Read a routing key."""
        self._perhaps("parse_routing_key")
        return AlertConsumer.parse_routing_key(self, a_routing_key)

    def process_payload(self, a_payload, a_routing_key_data, a_message_timestamp):
        """Count."""
        self._perhaps("process_payload")
        self.payloads.append(a_payload.to_python())

    def on_reply_message(self, a_reply):
        """Count."""
        self._perhaps("on_reply_message")
        self.payloads.append(a_reply.plain_payload)

    def eventually_has(self, payload: object) -> bool:
        """Wait until something was heard."""
        return eventually(lambda: payload in self.payloads)


@pytest.mark.parametrize("where", ["on_alert_message", "parse_routing_key", "process_payload", "on_reply_message"])
def test_consumers(mesh, outrage, where, caplog):
    """What is raised for one message is logged, and the next one is handled, each once."""
    raises = Raising(outrage)
    settings = MeshSettings.from_dict(mesh.settings)
    login = mesh.address.username, mesh.address.password
    with serving(Heard(mesh, raises, where)) as heard, MeshClient(settings, *login) as sender:
        for number in range(TIMES + 5):
            if where == "on_reply_message":
                sender.publish(MsgReply.create(0, "", number, heard.name, ""))
            else:
                sender.publish(MsgAlert.create(number, "x"))
        assert heard.eventually_has(TIMES + 4)
        assert heard.payloads == list(range(TIMES, TIMES + 5))
    assert caplog.text.count("could not handle the") == 1, "it is logged once a minute for each kind"


def test_monitors(mesh, outrage, caplog):
    """What a callback of `MeshClient.monitor` raises does not end the listening."""
    heard: list[object] = []
    raises = Raising(outrage)
    settings = MeshSettings.from_dict(mesh.settings)

    def take(message) -> None:
        raises()
        heard.append(message.plain_payload)

    with MeshClient(settings, mesh.address.username, mesh.address.password) as listener:
        listener.monitor([], ["x"], take)
        for number in range(TIMES + 2):
            listener.publish(MsgAlert.create(number, "x"))
        assert eventually(lambda: len(heard) == 2)
    assert heard == [TIMES, TIMES + 1]
    assert "could not be handled" in caplog.text


def test_bind_keys_on_reconnection(mesh, outrage, caplog):
    """It is logged, tried again with growing pauses, and then requests are answered as before."""

    class Binding(Service):
        raises = None

        def bind_keys(self):
            """Raise on reconnection, a few times."""
            if self.raises is not None:
                self.raises()
            return Service.bind_keys(self)

    with Proxy(mesh.address.host, mesh.address.port) as proxy:
        login = {**mesh.login, "dripline_mesh": {**mesh.settings, "broker": proxy.host, "broker_port": proxy.port}}
        with serving(Binding(mesh.name("binding"), **login)) as service, client(mesh) as interface:
            assert interface.cmd(service.name, "ping") is None
            service.raises = Raising(outrage)
            proxy.cut()
            assert eventually(lambda: service.raises.calls > TIMES)
            assert eventually(lambda: _answers(interface, service.name))
            assert eventually(lambda: "connected again to the broker" in caplog.text)
        assert not [thread for thread in threading.enumerate() if thread.name == "dripline-reconnect"]
    assert caplog.text.count("a set-up failed; trying to connect again") == 1


def test_bind_keys_at_the_start(mesh, outrage):
    """The caller gets the error: an exception ends the start, and leaves nothing behind."""

    class Binding(Service):
        def bind_keys(self):
            """Raise."""
            raise outrage()

    service = Binding(mesh.name("binding"), **mesh.login)
    with pytest.raises(outrage):
        service.start()
    assert not [thread for thread in threading.enumerate() if thread.name == "dripline-connect"]


def test_set_ups_of_a_link(mesh, outrage):
    """As those of services."""
    settings = MeshSettings.from_dict(mesh.settings)
    link = MeshLink(settings, mesh.address.username, mesh.address.password)
    link.add_setup(lambda _: None)
    link.open()
    with pytest.raises(outrage):
        link.add_setup(_raise_with(outrage), 5)
    link.add_setup(lambda _: None, 5)
    link.close()


def _raise_with(outrage: type[BaseException]):
    def raising(_connection: object) -> None:
        raise outrage()

    return raising


def test_checks_of_a_heartbeat_monitor(mesh, outrage):
    """Its reports go on, and heartbeats are heard."""

    class Watching(HeartbeatMonitor):
        raises = Raising(outrage)

        def process_report(self, report):
            """Raise."""
            self.raises()

    monitor = Watching(
        name=mesh.name("watching"), time_between_checks_s=0.05, warning_threshold_s=5, critical_threshold_s=10,
        **mesh.login,
    )  # fmt: skip
    beating = Service(mesh.name("beating"), heartbeat_interval_s=0.1, **mesh.login)
    with serving(monitor), serving(beating), client(mesh) as interface:
        assert eventually(lambda: monitor.raises.calls > TIMES + 1)
        assert eventually(lambda: beating.name in str(interface.get(monitor.name)))


def test_a_service_that_sends_in_its_own_way(mesh, outrage):
    """`send` of a laboratory raises: heartbeats, late answers and replies go on."""

    class Sending(Service):
        raises = None

        def send(self, a_message):
            """Raise a few times."""
            if self.raises is not None and a_message.message_type.name == "reply":
                self.raises()
            return Service.send(self, a_message)

    service = Sending(mesh.name("sending"), heartbeat_interval_s=0.05, handler_timeout=0.2, **mesh.login)
    with serving(service), client(mesh) as interface:
        assert interface.cmd(service.name, "ping") is None
        service.raises = Raising(outrage)
        assert eventually(lambda: _answers(interface, service.name))
        assert service.raises.calls > TIMES


def _answers(interface, name: str) -> bool:
    begin = time.monotonic()
    try:
        interface.cmd(name, "ping", timeout_s=0.5)
    except DriplineError:
        time.sleep(max(0.0, 0.05 - (time.monotonic() - begin)))
        return False
    return True


def test_the_operation_is_what_it_is(mesh, outrage):
    """A request at which an override of `on_request_message` raises is answered with that; the next one, too."""

    class Dropping(Endpoint):
        raises = Raising(outrage)

        def on_request_message(self, a_request):
            """Raise a few times."""
            if a_request.message_operation is op_t.get:
                self.raises()
            return Endpoint.on_request_message(self, a_request)

        def on_get(self):
            """Give a value."""
            return 1

    service = Service(mesh.name("service"), **mesh.login)
    dropping = Dropping(mesh.name("dropping"))
    service.add_child(dropping)
    with serving(service), client(mesh) as interface:
        for _ in range(TIMES):
            with pytest.raises(ErrorReply, match=outrage.__name__):
                interface.get(dropping.name)
        assert interface.get(dropping.name) is not None
