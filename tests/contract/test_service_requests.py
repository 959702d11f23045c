"""Requests between services and clients of ours, on both brokers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import scarab
from dripline.core import Endpoint, Interface, Service, ThrowReply
from dripline.errors import ErrorReply, NoRoute, ReplyTimeout

from .conftest import BrokerAddress
from .meshes import Mesh, client, fresh_mesh, serving

STORE = {"name": "peaches", "module": "KeyValueStore", "initial_value": 0.75, "calibration": "2*{}"}


class Unprintable:
    """Something of a lab that cannot even be printed."""

    def __str__(self):
        raise RuntimeError("no text")


class Oddities(Endpoint):
    """Gives what it is asked for."""

    def long(self, length):
        """Return a long text."""
        return "x" * length

    def give(self, what):
        """Return something unusual."""
        return {
            "time": datetime(2026, 11, 21, 8),
            "set": {3},
            "bytes": b"\xff",
            "nan": float("nan"),
            "nested": {"a": [{"when": datetime(2026, 11, 21)}]},
            "keys": {1: "one", None: "none"},
            "payload": scarab.to_param({"a": [1, 2.5, None]}),
            "unprintable": Unprintable(),
            "huge": 10**5000,
            "surrogate": "\ud800",
            "none": None,
        }[what]

    def throw(self, what):
        """Throw it as the payload of a reply."""
        raise ThrowReply("resource_error", "as asked", self.give(what))

    def fail(self):
        """End the program."""
        raise SystemExit(3)


class Careless(Endpoint):
    """Makes replies by itself, wrong ones."""

    def do_get_request(self, a_request_message):
        """Give a message that is no text."""
        return a_request_message.reply(0, ["no", "text"])


class Thread(Endpoint):
    """Tells on which thread it is asked."""

    def on_get(self):
        """Return its name."""
        return threading.current_thread().name


@pytest.fixture(scope="module", params=["embedded", "rabbitmq"])
def house(request: pytest.FixtureRequest) -> Iterator[tuple[Mesh, Service, Interface]]:
    """A mesh with a service and a client, for all tests on a broker."""
    address: BrokerAddress = request.getfixturevalue(request.param)
    with fresh_mesh(address, max_payload_size=1000) as mesh:
        service = Service(mesh.name("my_store"), endpoints=[STORE], **mesh.login)
        service.add_child(Oddities("odd"))
        service.add_child(Thread("sync"))
        service.add_child(Careless("careless"))
        service.add_async_child(Thread(mesh.name("async")))
        with serving(service), client(mesh) as interface:
            yield mesh, service, interface


@pytest.fixture
def interface(house) -> Interface:
    """The client."""
    return house[2]


def test_get_set_and_cmd(interface):
    """They give the payload of the reply as plain Python."""
    assert interface.set("peaches", 0.75) is None
    assert interface.get("peaches") == {"value_raw": 0.75, "value_cal": 1.5}
    assert interface.get("peaches", "check_field") == {"values": ["value_cal"]}
    assert interface.set("peaches", 5.0, "max_interval") is None
    assert interface.cmd("peaches", "on_set", [4]) is None
    assert interface.cmd("peaches", "on_set", keyed_args={"new_value": 5}) is None
    assert interface.cmd("peaches", "on_get") == {"value_raw": 5, "value_cal": 10}


def test_errors_are_raised(interface):
    """With code, name and message; the client goes on."""
    with pytest.raises(ErrorReply) as caught:
        interface.get("peaches", "missing")
    error = caught.value
    assert (error.return_code, error.name) == (310, "service_error_invalid_specifier")
    assert error.message == "endpoint peaches has no attribute missing, unable to get"
    assert interface.cmd("peaches", "ping") is None


def test_a_request_to_nobody_fails_at_once(interface):
    """Not after the timeout."""
    with pytest.raises(NoRoute, match="nobody on the mesh is bound for 'nobody'"):
        interface.get("nobody", timeout_s=30)


def test_a_lock_keeps_others_out(interface):
    """`lock` gives the key; with it set and cmd work."""
    key = interface.cmd("peaches", "lock")["key"]
    with pytest.raises(ErrorReply, match="307"):
        interface.set("peaches", 1)
    assert interface.set("peaches", 1, lockout_key=key) is None
    assert interface.get("peaches", "is-locked")["tag"]["service_name"] == "unknown"
    interface.cmd("peaches", "unlock", lockout_key=key)


@pytest.mark.parametrize(
    ("what", "payload"),
    [
        ("time", "2026-11-21 08:00:00"),
        ("set", "{3}"),
        ("bytes", r"b'\xff'"),
        ("nan", "nan"),
        ("nested", {"a": [{"when": "2026-11-21 00:00:00"}]}),
        ("keys", {"1": "one", "null": "none"}),
        ("payload", {"a": [1, 2.5, None]}),
        ("unprintable", "<Unprintable without text: RuntimeError>"),
        ("surrogate", "?"),
        ("none", None),
    ],
)
def test_a_result_that_json_cannot_hold_becomes_text(interface, what, payload):
    """There is a reply whatever a handler gives, or throws."""
    assert interface.cmd("odd", "give", [what]) == payload
    with pytest.raises(ErrorReply, match="as asked") as caught:
        interface.cmd("odd", "throw", [what])
    assert caught.value.payload == payload


def test_a_result_that_cannot_be_written_at_all_is_answered(interface):
    """A number of thousands of digits, which Python refuses to print."""
    interface.confirm_retcodes = False
    try:
        interface.cmd("odd", "give", ["huge"])
    finally:
        interface.confirm_retcodes = True
    assert interface.cmd("odd", "ping") is None


def test_a_reply_that_cannot_be_encoded_is_another_reply(interface):
    """Whoever waits is told."""
    for _ in range(3):
        with pytest.raises(ErrorReply, match="the reply could not be encoded") as caught:
            interface.get("careless")
        assert caught.value.return_code == 999
    assert interface.cmd("careless", "ping") is None


def test_a_reply_longer_than_anybody_takes_is_another_reply(interface):
    """Its receiver would drop it, and whoever asked wait for nothing."""
    with pytest.raises(ErrorReply, match="could not be encoded: EncodingError: a payload of") as caught:
        interface.cmd("odd", "long", [40_000_000])
    assert caught.value.return_code == 999
    assert interface.cmd("odd", "ping") is None


def test_a_handler_cannot_end_the_service(interface):
    """`sys.exit` in a handler is answered with 999."""
    with pytest.raises(ErrorReply, match="SystemExit: 3") as caught:
        interface.cmd("odd", "fail")
    assert caught.value.return_code == 999
    assert interface.cmd("odd", "ping") is None


def test_long_payloads_travel_in_chunks(interface):
    """Both ways, cut anywhere, also within a character."""
    text = "é" * 3000
    assert interface.set("peaches", text) is None
    interface.confirm_retcodes = False
    assert interface.get("peaches")["value_raw"] == text
    interface.confirm_retcodes = True


def test_asynchronous_endpoints_have_a_thread_of_their_own(house):
    """Synchronous ones share the service's."""
    mesh, service, interface = house
    assert interface.get("sync") == f"dripline-{service.name}"
    assert interface.get(mesh.name("async")) == f"dripline-{mesh.name('async')}"


def test_an_asynchronous_endpoint_answers_while_others_are_busy(house):
    """And the other way round."""
    mesh, _, interface = house
    busy, release = threading.Event(), threading.Event()

    class Busy(Endpoint):
        def on_get(self):
            busy.set()
            release.wait(30)
            return "done"

    service = Service(mesh.name("busy"), **mesh.login)
    service.add_child(Busy("sync-busy"))
    service.add_async_child(Thread(mesh.name("quick")))
    with serving(service):
        answers: list[Any] = []
        asking = threading.Thread(target=lambda: answers.append(interface.get("sync-busy")))
        asking.start()
        assert busy.wait(30)
        assert interface.get(mesh.name("quick"))
        interface.cmd("sync-busy", "ping")  # which touches nothing of it
        with pytest.raises(ReplyTimeout):
            interface.get("sync-busy", specifier="is-locked", timeout_s=0.1)
        release.set()
        asking.join(30)
    assert answers == ["done"]


def test_a_handler_may_ask_endpoints_of_its_own_service(house):
    """Synchronous ones, itself included, asynchronous ones, and other services: nothing waits for itself."""
    mesh, _, interface = house
    slow, own = mesh.name("slow"), mesh.name("own")

    class Asker(Endpoint):
        def __init__(self, name, whom):
            Endpoint.__init__(self, name)
            self.whom = whom

        def ask(self):
            return [self.service.cmd(name, "ping_back", timeout_s=20) for name in self.whom]

        def ping_back(self):
            return self.name

    service = Service(mesh.name("asker"), **mesh.login)
    for name in ("first", "second"):
        service.add_child(Asker(name, ["first", "second", slow]))
    service.add_async_child(Asker(slow, ["first", slow]))
    with serving(service), serving(Service(own, endpoints=[{**STORE, "name": "other"}], **mesh.login)):
        assert interface.cmd("first", "ask") == ["first", "second", slow]
        assert interface.cmd(slow, "ask") == ["first", slow]
        assert service.get("other") == {"value_raw": 0.75, "value_cal": 1.5}


def test_many_clients_are_served(house):
    """Threads share a client; each gets its own answer."""
    _, _, interface = house
    wrong = []

    def ask(number):
        for _ in range(10):
            if interface.cmd("odd", "give", ["none"]) is not None or interface.get("sync") is None:
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert wrong == []


PATIENT = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


@given(value=json_values)
@PATIENT
def test_any_json_value_comes_back_as_it_went(interface, value):
    """What is set is what is kept; a get of it is answered, calibrated or with a warning."""
    assert interface.set("peaches", value) is None
    interface.confirm_retcodes = False
    reply = interface.get("peaches")
    interface.confirm_retcodes = True
    first = value[0] if isinstance(value, list) and value else value
    assert reply is None or reply["value_raw"] == first


@given(
    values=st.lists(json_values, max_size=4),
    keywords=st.dictionaries(st.text(max_size=10), json_values, max_size=3),
)
@PATIENT
def test_any_arguments_of_a_command_are_answered(interface, values, keywords):
    """Right or wrong: never anything but a reply."""
    interface.confirm_retcodes = False
    interface.cmd("peaches", "on_set", values, keywords)
    interface.cmd("odd", "give", values, keywords)
    interface.confirm_retcodes = True
    assert interface.cmd("peaches", "ping") is None
