"""Whether a service can be reached, and what becomes of handlers that hang, on both brokers."""

from __future__ import annotations

import threading

import pytest
from support.waiting import eventually, failing

from dripline.core import Endpoint, Entity, MsgRequest, Service, op_t
from dripline.errors import ErrorReply
from dripline.testing.leaks import nothing_left_behind

from .meshes import client, fresh_mesh, serving


@pytest.fixture
def mesh(broker):
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


class Hanging(Endpoint):
    """Answers when it is released."""

    def __init__(self, name):
        Endpoint.__init__(self, name)
        self.begun, self.release = threading.Event(), threading.Event()

    def on_get(self):
        """Take long."""
        self.begun.set()
        self.release.wait(30)
        return "late"


def test_a_service_is_ready_when_it_has_reached_itself(mesh):
    """Through the broker; `dl get my_service -s health` tells, and for how long that has been so."""
    with serving(Service(mesh.name("s"), **mesh.login)) as service, client(mesh) as dl:
        assert eventually(lambda: dl.get(service.name, specifier="health")["ready"])
        health = dl.get(service.name, specifier="health")
    assert health["connected_s"] <= health["uptime_s"]
    assert (health["waiting_alerts"], health["dropped_alerts"], health["handler_timeouts"]) == (0, 0, 0)


def test_a_laboratorys_own_health_comes_first(mesh):
    """The name may be taken."""

    class Patient(Service):
        health = "fine"

    with serving(Patient(mesh.name("s"), **mesh.login)) as service, client(mesh) as dl:
        assert dl.get(service.name, specifier="health") == {"values": ["fine"]}


@pytest.fixture
def hung(mesh):
    """A service with a handler that hangs, a client, and what to release."""
    hanging = Hanging("hanging")
    service = Service(mesh.name("s"), handler_timeout=1, **mesh.login)
    service.add_child(hanging)
    with serving(service), client(mesh) as dl:
        yield service, dl, hanging
        hanging.release.set()


def test_a_handler_that_hangs_is_answered_for(hung, caplog):
    """With 305 after `handler_timeout`; its own answer, when it comes, goes nowhere."""
    service, dl, hanging = hung
    with pytest.raises(ErrorReply) as error:
        dl.get("hanging")
    assert error.value.return_code == 305
    assert eventually(lambda: "get hanging takes longer than 1 s" in caplog.text)
    assert dl.get(service.name, specifier="health")["handler_timeouts"] == 1
    hanging.release.set()
    assert dl.get("hanging") == "late"


def test_pings_and_the_health_pass_a_busy_handler(hung):
    """Neither touches the instrument."""
    service, dl, hanging = hung
    asking = threading.Thread(target=failing, args=(ErrorReply, dl.get, "hanging"))
    asking.start()
    assert hanging.begun.wait(30)
    for name in ("hanging", service.name, "broadcast"):
        dl.cmd(name, "ping")
    assert dl.get(service.name, specifier="health")["busy_s"] > 0
    asking.join()


def test_pings_and_the_health_pass_a_backlog(mesh):
    """Of requests that take little time each."""
    over, handled = threading.Event(), []

    class Short(Endpoint):
        def on_get(self):
            over.wait(0.2)
            handled.append(1)

    service = Service(mesh.name("s"), **mesh.login)
    service.add_child(Short("short"))
    with serving(service), client(mesh) as dl, client(mesh) as other:
        sent = [dl.send(MsgRequest.create(None, op_t.get, "short")) for _ in range(90)]
        assert eventually(lambda: handled)
        other.cmd("short", "ping")
        assert other.get(service.name, specifier="health")["ready"]
        assert len(handled) < len(sent)
        over.set()
        for each in sent:
            each.pending.wait(30)


def test_pings_and_the_health_pass_a_value_that_is_logged(mesh):
    """Reading it may hang like any handler, and takes the turn of all."""
    begun, release = threading.Event(), threading.Event()

    class Logged(Entity):
        def on_get(self):
            begun.set()
            release.wait(30)

    service = Service(mesh.name("s"), enable_scheduling=True, **mesh.login)
    service.add_child(Logged(name="logged", log_interval=0.05))
    with serving(service), client(mesh) as dl:
        assert begun.wait(30)
        dl.cmd("logged", "ping")
        dl.cmd(service.name, "ping")
        assert dl.get(service.name, specifier="health")
        release.set()


def test_what_is_in_hand_is_answered_before_a_service_ends(mesh):
    """Within `stop_grace_s`; new requests find nobody."""
    hanging = Hanging("hanging")
    service = Service(mesh.name("s"), **mesh.login)
    service.add_child(hanging)
    answers = []
    with client(mesh) as dl:
        with serving(service):
            asking = threading.Thread(target=lambda: answers.append(dl.get("hanging")))
            asking.start()
            assert hanging.begun.wait(30)
            threading.Timer(0.3, hanging.release.set).start()
        asking.join(30)
    assert answers == ["late"]


def test_nothing_of_it_stays(mesh):
    """No thread and no socket, when the service has ended."""
    service = Service(mesh.name("s"), handler_timeout=1, **mesh.login)
    with nothing_left_behind(), serving(service), client(mesh) as dl:
        assert eventually(lambda: dl.get(service.name, specifier="health")["ready"])
