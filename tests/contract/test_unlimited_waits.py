"""Requests without a time limit, on both brokers: they wait as long as a reply can come, and not longer."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

import pytest
from support.proxy import Proxy
from support.slow_proxy import NarrowProxy
from support.waiting import eventually

from dripline.core import Endpoint, Interface, MsgRequest, Receiver, Service, op_t
from dripline.errors import BrokerError, ConnectionLost, DriplineError, NoRoute, ReplyTimeout
from dripline.runtime.link import MeshLink

from .meshes import Mesh, fresh_mesh, serving
from .waits import INTERVAL_S, STEPS, Call, Pings, Valve, house

pytestmark = pytest.mark.usefixtures("frequent_pings")


@pytest.fixture
def mesh(broker) -> Iterator[Mesh]:
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


@pytest.fixture
def valve() -> Iterator[Valve]:
    """A valve, which opens at the end of the test."""
    valve = Valve()
    yield valve
    valve.go_on.set()


@pytest.fixture
def interface(mesh) -> Iterator[Interface]:
    """A client as a script makes it, connected."""
    with Interface(**mesh.login) as interface:
        interface._dripline_client().open()
        yield interface


def test_a_slow_handler_is_waited_for(mesh, valve, interface, caplog):
    """Also if the endpoint is locked; nothing is logged meanwhile."""
    with serving(house(mesh, valve)):
        interface.cmd("valve", "lock")
        caplog.clear()
        call = Call(interface)
        time.sleep(STEPS * INTERVAL_S)
        assert call.is_waiting
        assert not [record for record in caplog.records if record.levelno >= logging.INFO]
        valve.go_on.set()
        assert call.end() == "open"


def test_hundreds_of_requests_share_a_ping(mesh, valve, interface):
    """Although more of them wait than the service takes off its queue at a time."""
    with serving(house(mesh, valve)), contextlib.closing(Pings(mesh)) as pings:
        calls = [Call(interface) for _ in range(150)]
        assert valve.begun.acquire(timeout=60)
        start = time.monotonic()
        pings.count()
        time.sleep(STEPS * INTERVAL_S)
        count, rounds = pings.count(), (time.monotonic() - start) / INTERVAL_S
        assert 2 <= count <= rounds + 2
        assert all(call.is_waiting for call in calls)
        valve.go_on.set()
        assert [call.end() for call in calls] == ["open"] * 150


def test_endpoints_of_a_service_share_a_ping(mesh, valve, interface):
    """As soon as it is known that they belong together."""
    with serving(house(mesh, valve)) as service, contextlib.closing(Pings(mesh)) as pings:
        valves = [Valve(f"valve_{number}") for number in range(20)]
        for each in valves:
            service.add_child(each)
        calls = [Call(interface, each.name) for each in valves]
        time.sleep(4 * INTERVAL_S)
        pings.count()
        start = time.monotonic()
        time.sleep(4 * INTERVAL_S)
        assert pings.count() <= (time.monotonic() - start) / INTERVAL_S + 2
        for each in valves:
            each.go_on.set()
        assert {call.end() for call in calls} == {"open"}


def test_the_end_of_a_service_ends_the_wait(mesh, valve, interface):
    """Its queue is gone, and the broker returns the ping."""
    with serving(house(mesh, valve)):
        call = Call(interface)
        assert valve.begun.acquire(timeout=60)
    error = call.end()
    assert isinstance(error, NoRoute)
    assert "no queue is bound to routing key 'valve' any more" in str(error)


def test_a_restarted_service_has_lost_the_request(mesh, valve, interface):
    """There is a queue, and nobody who would answer."""
    with serving(house(mesh, valve)):
        call = Call(interface)
        assert valve.begun.acquire(timeout=60)
    with serving(house(mesh, Valve())):
        error = call.end()
    assert isinstance(error, (ReplyTimeout, NoRoute))  # whichever the ping meets first
    assert "no longer has the request" in str(error) or "no queue is bound" in str(error)


def test_a_lost_reply_ends_the_wait(mesh, valve, interface, monkeypatch):
    """The service is there, but does not have the request any more."""
    send = MeshLink.send_packed_reply

    def lose(link, envelopes, ack=None):
        send(link, [] if b"open" in envelopes[0].body else envelopes, ack)

    with serving(house(mesh, valve)):
        monkeypatch.setattr(MeshLink, "send_packed_reply", lose)
        call = Call(interface)
        valve.go_on.set()
        error = call.end()
    assert isinstance(error, ReplyTimeout)
    assert "no reply from 'valve': its service no longer has the request" in str(error)


def test_a_frozen_service_is_given_up(broker, mesh, valve, interface):
    """It is on the mesh still, as the broker sees it, but answers no ping."""
    with Proxy(broker.host, broker.port) as proxy:
        through = {**mesh.settings, "broker": proxy.host, "broker_port": proxy.port}
        with serving(house(mesh, valve, dripline_mesh=through)):
            call = Call(interface)
            assert valve.begun.acquire(timeout=60)
            time.sleep(3 * INTERVAL_S)  # it is known to be ours by then
            proxy.freeze()
            error = call.end()
            proxy.thaw()
    assert isinstance(error, ReplyTimeout)
    assert "no reply from 'valve': its service has not answered a ping for 3 s" in str(error)


def test_a_service_that_reconnects_still_has_the_request(broker, mesh, valve, interface):
    """Its handler goes on, and its reply takes the new connection."""
    with Proxy(broker.host, broker.port) as proxy:
        through = {**mesh.settings, "broker": proxy.host, "broker_port": proxy.port}
        with serving(house(mesh, valve, dripline_mesh=through)) as service:
            call = Call(interface)
            assert valve.begun.acquire(timeout=60)
            time.sleep(3 * INTERVAL_S)
            with contextlib.closing(Pings(mesh)):  # its queue takes pings while that of the service is away
                proxy.cut()
                assert eventually(service._dripline_is_ready)
            time.sleep(STEPS * INTERVAL_S)
            assert call.is_waiting
            valve.go_on.set()
            assert call.end() == "open"


def test_a_queue_for_all_requests_does_not_hide_the_end_of_a_service_of_ours(mesh, valve, interface):
    """Its pings are not returned then, but nobody answers them."""
    with contextlib.closing(Pings(mesh)), serving(house(mesh, valve)) as service:
        call = Call(interface)
        assert valve.begun.acquire(timeout=60)
        time.sleep(3 * INTERVAL_S)
        service.stop()
        assert isinstance(call.end(), ReplyTimeout)


class Later(Endpoint):
    """Keeps requests, and answers them on another thread."""

    def __init__(self, name: str, forgets: bool) -> None:
        Endpoint.__init__(self, name)
        self.kept: list[MsgRequest] = []
        self._forgets = forgets

    def on_request_message(self, a_request):
        """Take it and return at once."""
        if a_request.specifier.to_string():
            return Endpoint.on_request_message(self, a_request)
        if not self._forgets:
            self.kept.append(a_request)
        return None


def test_a_request_may_be_answered_after_its_handler(mesh, interface):
    """By a thread of the laboratory, which has kept it."""
    later = Later("valve", forgets=False)
    with serving(house(mesh, later)) as service:
        call = Call(interface)
        time.sleep(STEPS * INTERVAL_S)
        assert call.is_waiting
        service.send(later.kept.pop().reply(payload="open"))
        assert call.end() == "open"


def test_a_request_may_wait_in_the_queue_behind_a_large_one(broker, mesh, interface):
    """Pings overtake both on their way to the service, since they take another queue."""
    later = Later("valve", forgets=False)
    with NarrowProxy(broker.host, broker.port, bytes_per_s=300_000) as proxy:
        through = {**mesh.settings, "broker": proxy.host, "broker_port": proxy.port}
        service = house(mesh, later, dripline_mesh=through)
        service._dripline_prefetch = 10  # so that most of the large one waits at the broker
        with serving(service):
            first = Call(interface)
            time.sleep(3 * INTERVAL_S)  # where the service can be reached past its queue is known by then
            large = Call(interface, value="x" * 2_000_000)  # for 6 s
            time.sleep(INTERVAL_S / 5)
            last = Call(interface)
            assert eventually(lambda: len(later.kept) == 3)
            for request in later.kept:
                service.send(request.reply(payload="open"))
            assert [call.end() for call in (first, large, last)] == ["open"] * 3


def test_a_request_that_was_forgotten_ends_the_wait(mesh, interface):
    """Nobody can answer it any more."""
    with serving(house(mesh, Later("valve", forgets=True))):
        assert isinstance(Call(interface).end(), ReplyTimeout)


def test_closing_the_client_ends_the_wait(mesh, valve, interface):
    """From another thread."""
    with serving(house(mesh, valve)):
        call = Call(interface)
        assert valve.begun.acquire(timeout=60)
        interface.close()
        assert isinstance(call.end(), ConnectionLost)


class Asking(Endpoint):
    """Asks the valve in its handler."""

    outcome: object = None

    def on_get(self):
        """Wait without a time limit."""
        try:
            return self.service.get("valve")
        except DriplineError as error:
            self.outcome = error
            raise


def test_a_handler_may_wait_for_another_service(mesh, valve, interface):
    """As long as it takes; both are busy and answer pings."""
    asking = Service(mesh.name("asking"), **mesh.login)
    asking.add_child(Asking("asking"))
    with serving(house(mesh, valve)), serving(asking):
        call = Call(interface, "asking")
        time.sleep(STEPS * INTERVAL_S)
        assert call.is_waiting
        valve.go_on.set()
        assert call.end() == "open"


def test_a_service_whose_handler_waits_can_be_stopped(mesh, valve, interface):
    """The wait ends with its connection."""
    asking = Asking("asking")
    service = Service(mesh.name("asking"), stop_grace_s=0.2, **mesh.login)
    service.add_child(asking)
    with serving(house(mesh, valve)):
        with serving(service):
            call = Call(interface, "asking")
            assert valve.begun.acquire(timeout=60)
        assert eventually(lambda: isinstance(asking.outcome, ConnectionLost))
        assert isinstance(call.end(), DriplineError)


def test_a_receiver_and_a_version_4_client_wait_in_the_same_way(mesh, valve, interface):
    """They return a reply that says why there is none."""
    old = {key.replace("_", "-"): value for key, value in mesh.settings.items()}
    replies: list[object] = []

    def receive() -> None:
        sent = interface.send(MsgRequest.create(None, op_t.get, "valve"))
        replies.append(Receiver().wait_for_reply(sent).return_code)

    with Interface(dripline_config=old) as script:
        threads = [
            threading.Thread(target=receive),
            threading.Thread(target=lambda: replies.append(script.get("valve").return_code)),
        ]
        with serving(house(mesh, valve)):
            for thread in threads:
                thread.start()
            assert valve.begun.acquire(timeout=60)
            time.sleep(STEPS * INTERVAL_S)
            assert replies == []
        for thread in threads:
            thread.join(60)
    assert replies == [102, 102]


def test_a_lost_connection_is_waited_for_as_often_as_the_mesh_says(broker, mesh):
    """`max_connection_attempts` limits connecting, where nothing else does."""
    with Proxy(broker.host, broker.port) as proxy:
        through = {"broker": proxy.host, "broker_port": proxy.port, "max_connection_attempts": 3}
        service = Service(mesh.name("house"), **mesh.login)
        with (
            serving(service),
            Interface(**{**mesh.login, "dripline_mesh": {**mesh.settings, **through}}) as client,
        ):
            assert client.cmd(service.name, "ping") is None
            proxy.refuse = True
            proxy.cut()
            assert eventually(lambda: not client._dripline_client().link.is_open)
            with pytest.raises(BrokerError):
                client.cmd(service.name, "ping")
            call = threading.Timer(0.1, setattr, (proxy, "refuse", False))
            call.start()
            assert eventually(lambda: _is_reached(client, service.name))
            call.join()


def _is_reached(client: Interface, name: str) -> bool:
    try:
        return client.cmd(name, "ping") is None
    except BrokerError:
        return False
