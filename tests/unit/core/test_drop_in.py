"""Packages that are written for the reference, without a broker; with one in `tests/contract/test_drop_in.py`."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest

import scarab
from dripline import errors
from dripline.core import (
    Core,
    DriplineError,
    Endpoint,
    Entity,
    Interface,
    MsgReply,
    MsgRequest,
    ReturnCode,
    Scheduler,
    Service,
    ThrowReply,
    calibrate,
    msg_t,
    op_t,
    set_reply_cache,
    throw_message,
)

from .conftest import Recorder, cmd, get, set_


@pytest.mark.parametrize(
    "kind",
    [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DriplineError)],
    ids=lambda kind: kind.__name__,
)
def test_every_error_is_a_runtime_error(kind):
    """And the built-in error that it resembles, too."""
    builtin = [base for base in (ValueError, ConnectionError, TimeoutError) if issubclass(kind, base)]
    for caught in (RuntimeError, DriplineError, *builtin):
        with pytest.raises(caught, match="why"):
            raise kind("why")


class Spectrum:
    """What a laboratory's handler returns, and JSON cannot hold."""

    def __init__(self, *counts: int) -> None:
        self.counts = counts

    def __repr__(self) -> str:
        return "a spectrum"


class Detector(Entity):
    """Turns its own types into payloads."""

    def __init__(self, **kwargs: Any) -> None:
        Entity.__init__(self, **kwargs)
        self.last = Spectrum(1, 2)

    def on_get(self) -> Spectrum:
        """The spectrum."""
        return self.last

    def on_set(self, value: Any) -> Spectrum:
        """Another one."""
        self.last = Spectrum(value)
        return self.last

    def scan(self) -> list[int]:
        """Something that needs no help."""
        return [3]

    def result_to_scarab_payload(self, result: Any) -> scarab.Param:
        """Counts for a spectrum."""
        if isinstance(result, Spectrum):
            return scarab.to_param({"counts": list(result.counts)})
        return super().result_to_scarab_payload(result)


def test_a_package_makes_payloads_of_its_own_types():
    """Each result passes through `result_to_scarab_payload`, which no message can call."""
    detector = Detector(name="detector")
    assert get(detector).payload == {"counts": [1, 2]}
    assert get(detector, "last").payload == {"values": [{"counts": [1, 2]}]}
    assert set_(detector, 5).payload == {"counts": [5]}
    assert cmd(detector, "scan").payload == [3]
    assert cmd(detector, "result_to_scarab_payload", 1).return_code == 306


def test_what_cannot_be_sent_becomes_text(caplog):
    """With a warning, wherever it is in the result."""
    payload = Endpoint("x").result_to_scarab_payload({"a": [1, Spectrum()]})
    assert isinstance(payload, scarab.Param)
    assert payload.to_python() == {"a": [1, "a spectrum"]}
    assert "cannot be sent as it is" in caplog.text


def test_a_service_shows_what_core_and_receiver_have():
    """Read from the mesh's settings and the login."""
    service = Service(
        "x",
        make_connection=False,
        username="anna",
        password="secret",
        message_wait_ms=70,
        dripline_mesh={"broker": "lab", "broker_port": 7, "heartbeat_routing_key": "pulse"},
    )
    assert isinstance(service, Core)
    assert (service.address, service.port, service.username, service.password) == ("lab", 7, "anna", "secret")
    assert (service.make_connection, service.max_connection_attempts) == (False, 10)
    assert (service.heartbeat_routing_key, service.max_payload_size) == ("pulse", 10000)
    assert service.single_message_wait_ms == 70
    service.single_message_wait_ms = 80
    assert service.message_wait_ms == 80
    assert service.PostListenStatus.Timeout is Core.PostListenStatus.Timeout
    assert service.sender is service
    service.requests_exchange = "others"
    assert service.requests_exchange == "others"
    for wrong in ("many", 0, -1, 2.5):
        with pytest.raises(DriplineError, match="max_payload_size"):
            service.max_payload_size = wrong
    assert service.max_payload_size == 10000


def test_make_connection_can_be_switched_off_later():
    """For a test of a service that a package has made."""
    service = Service("x", dripline_mesh={"broker": "127.0.0.1", "broker_port": 1})
    service.make_connection = False
    with pytest.raises(RuntimeError, match=r"^Thrown request:"):
        service.get("peaches")
    with pytest.raises(DriplineError, match="make_connection=False"):
        service.start()


class Meter(Service):
    """A service that has an address and a way to be closed, both of its instrument."""

    def __init__(self, address: str, **kwargs: Any) -> None:
        self.address = address
        self.max_connection_attempts = 3
        Service.__init__(self, make_connection=False, **kwargs)
        self.port = 5025
        self.sender = None

    @calibrate()
    def on_get(self) -> int:
        """The port."""
        return self.port

    def close(self) -> str:
        """Close the instrument."""
        return f"closed {self.address}"


def test_names_of_core_are_free_for_instruments():
    """Set before or after the base is initialized, reached by messages, and never taken for the broker's."""
    meter = Meter("10.0.0.7", name="meter", dripline_mesh={"broker": "lab"})
    assert get(meter).payload == {"value_raw": 5025}
    assert get(meter, "address").payload == {"values": ["10.0.0.7"]}
    assert cmd(meter, "close").payload == "closed 10.0.0.7"
    assert set_(meter, 5026, "port").return_code == 0
    assert meter.port == 5026
    for name in ("username", "password", "max_payload_size", "make_connection"):
        assert get(meter, name).return_code == 310
        assert set_(meter, "x", name).return_code == 310
    assert Service("plain", make_connection=False).address == "localhost"
    with pytest.raises(RuntimeError, match="Thrown request"):
        meter.get("peaches")


class Door(Service, Interface):
    """A service that is a client as well."""

    client_kind: Any = Interface
    login = (("username", "anna"), ("password", "secret"))

    def __init__(self, **kwargs: Any) -> None:
        Service.__init__(self, make_connection=False, **kwargs)
        self.client_kind.__init__(self, **dict(self.login))


def test_a_client_beside_a_service_shows_no_login():
    """Messages reach neither name nor secret, although the object has them."""
    door = Door(name="door")
    assert door.password == "secret"
    _shows_no_login(door)


def test_a_service_that_initializes_core_shows_no_login():
    """As a package with explicit calls of every base may do."""

    class Gate(Door):
        client_kind = Core
        login = ()

    _shows_no_login(Gate(name="gate"))


def _shows_no_login(door):
    for name in ("address", "username", "password", "port"):
        assert get(door, name).return_code == 310
        assert set_(door, "x", name).return_code == 310, name


def test_overrides_with_the_references_names():
    """`add_child`, `bind_keys`, `send` and cancellation call their bases, positionally and by `super()`."""

    class Rack(Recorder):
        def __init__(self, **kwargs: Any) -> None:
            self.log: list[str] = []
            super().__init__(**kwargs)

        def add_child(self, endpoint: Any) -> bool:
            self.log.append(endpoint.name)
            return super().add_child(endpoint)

        def do_cancellation(self, code: int) -> None:
            self.log.append(f"cancelled {code}")
            Service.do_cancellation(self, code)

        def do_reset_cancellation(self) -> None:
            self.log.append("reset")
            Service.do_reset_cancellation(self)

    rack = Rack(name="rack", endpoints=[{"name": "slot", "module": "Entity"}])
    rack.cancel(3)
    assert rack.is_canceled()
    rack.reset_cancel()
    assert rack.log == ["slot", "cancelled 3", "reset"]


def test_an_own_send_that_returns_nothing_is_told(recorder):
    """A request needs what the base's `send` returns, in which its reply arrives."""
    with pytest.raises(TypeError, match=r"Recorder\.send must return what the send of its base returns"):
        recorder.get("peaches")
    assert [message.routing_key for message in recorder.sent] == ["peaches"]
    recorder.can_send = False
    with pytest.raises(DriplineError, match="could not send to 'peaches'"):
        recorder.get("peaches")


def test_a_scheduler_runs_alone():
    """A script calls `execute` on a thread, and ends it with `cancel`."""
    scheduler, done = Scheduler(), threading.Event()
    scheduler.schedule(executable=done.set, interval=timedelta(seconds=3600))
    thread = threading.Thread(target=scheduler.execute)
    thread.start()
    assert done.wait(60)
    assert thread.is_alive()
    scheduler.cancel(0)
    thread.join(60)
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("kind", "name", "number"),
    [
        (op_t, "set", 0),
        (op_t, "get", 1),
        (op_t, "cmd", 9),
        (msg_t, "reply", 2),
        (msg_t, "request", 3),
        (msg_t, "alert", 4),
    ],
)
def test_numbers_names_and_members_are_converted(kind, name, number):
    """Every way round, as methods of a member and as functions of the class."""
    member = getattr(kind, name)
    find = getattr(kind, f"to_{kind.__name__}")
    assert find(number) is find(name) is kind(number) is kind(value=number) is member
    assert kind.to_uint(member) == member.to_uint() == int(member) == member.value == number
    assert kind.to_string(member) == member.to_string() == member.name == name
    assert find(12345) is kind(12345) is kind.unknown
    assert find("unknown") is kind.unknown
    for wrong in ("", "GET", "nothing"):
        with pytest.raises(RuntimeError, match="is called"):
            find(wrong)


class Busy(ReturnCode):
    """A code that only one laboratory knows."""

    value = 1001
    name = "daq_busy"
    description = "The DAQ takes data"


def test_a_package_has_return_codes_of_its_own():
    """A subclass with the three members, which needs no registration."""
    thrown = ThrowReply(Busy(), "try later")
    assert (thrown.return_code.value, thrown.return_code.name, str(thrown)) == (1001, "daq_busy", "try later")
    assert ReturnCode().value >= 100, "the base itself is no success"
    assert (ReturnCode.name, ReturnCode.description) == ("unhandled_exception", "Unhandled Exception")

    class Camera(Entity):
        def on_get(self) -> None:
            raise ThrowReply(Busy(), "try later", scarab.to_param({"since": 5}))

    reply = get(Camera(name="camera"))
    assert (reply.return_code, reply.return_message, reply.payload) == (1001, "try later", {"since": 5})


def test_functions_have_the_references_arguments():
    """By name, as scripts give them."""
    request = MsgRequest.create(msg_op=op_t.get, routing_key="x", reply_to="y")
    reply = MsgReply.create(return_code=4, return_message="off", payload=scarab.Param(), msg_request=request)
    assert (reply.correlation_id, reply.routing_key, reply.return_code) == (request.correlation_id, "y", 4)
    set_reply_cache(return_code=Busy(), return_message="prepared", payload=scarab.Param())
    assert str(ThrowReply()) == "prepared"
    with pytest.raises(RuntimeError, match=r"^Thrown request:") as caught:
        throw_message()
    assert caught.type is RuntimeError
