"""A time limit holds from the first step on, whatever the peer does, for every call that takes one."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from contract.meshes import Mesh, client, fresh_mesh, serving
from support import bad_peers
from support.bad_peers import accepted_late, unanswered
from support.proxy import Proxy
from support.waiting import eventually

from dripline.config.mesh import MeshSettings
from dripline.core import Core, Endpoint, Interface, MsgAlert, MsgRequest, Receiver, Service
from dripline.errors import BrokerError, BrokerUnreachable, DriplineError, NoRoute, ReplyTimeout
from dripline.implementations import HTTPServer
from dripline.runtime.client import MeshClient, discover_services
from dripline.transport.address import BrokerAddress
from dripline.wire.enums import op_t

LIMIT_S = 1.5
ALLOWED_S = 2.0  # beyond the limit; on a quiet machine it is 0.5 s

Call = Callable[[MeshSettings], object]


_closing: list[Callable[[], object]] = []


def kept(client: Any) -> Any:
    """Have a client closed when all calls are over."""
    _closing.append(client.close)
    return client


def _request() -> MsgRequest:
    return MsgRequest.create(None, op_t.get, "x")


def _with_interface(call: Callable[[Interface], object]) -> Call:
    def made(mesh: MeshSettings) -> object:
        settings = {"broker": mesh.broker, "broker_port": mesh.broker_port, "virtual_host": mesh.virtual_host}
        return call(kept(Interface("guest", "guest", settings)))

    return made


def _with_client(call: Callable[[MeshClient], object]) -> Call:
    return lambda mesh: call(kept(MeshClient(mesh)))


def _service_asks(mesh: MeshSettings) -> object:
    settings = {"broker": mesh.broker, "broker_port": mesh.broker_port, "virtual_host": mesh.virtual_host}
    service = Service("s", username="guest", password="guest", dripline_mesh=settings)
    _closing.append(service.stop)
    return service.get("x", timeout_s=LIMIT_S)


def _old_interface(mesh: MeshSettings) -> object:
    settings = {"broker": mesh.broker, "broker-port": mesh.broker_port}
    interface = kept(Interface(dripline_config=settings, username="guest", password="guest"))
    reply = interface.get("x", timeout=int(LIMIT_S * 1000))
    if reply.return_code == 404:
        raise ReplyTimeout(reply.return_message)
    return reply


def _submit_and_wait(client: MeshClient) -> object:
    begin = time.monotonic()
    pending = client.submit(_request(), LIMIT_S)
    return pending.wait(LIMIT_S - (time.monotonic() - begin))


CALLS: dict[str, Call] = {
    "Interface.get": _with_interface(lambda interface: interface.get("x", timeout_s=LIMIT_S)),
    "Interface.set": _with_interface(lambda interface: interface.set("x", 1, timeout_s=LIMIT_S)),
    "Interface.cmd": _with_interface(lambda interface: interface.cmd("x", "ping", timeout_s=LIMIT_S)),
    "Interface of version 4": _old_interface,
    "MeshClient.request": _with_client(lambda client: client.request(_request(), LIMIT_S)),
    "MeshClient.submit": _with_client(_submit_and_wait),
    "MeshClient.publish an alert": _with_client(
        lambda client: client.publish(MsgAlert.create(1, "x"), LIMIT_S),
    ),
    "MeshClient.publish a reply": _with_client(lambda client: client.publish(_request().reply(), LIMIT_S)),
    "MeshClient.monitor": _with_client(lambda client: client.monitor(["x"], ["x"], print, LIMIT_S)),
    "MeshClient.open": _with_client(lambda client: client.open(timeout_s=LIMIT_S)),
    "Service.get": _service_asks,
    "discover_services": lambda mesh: discover_services(lambda: MeshClient(mesh), LIMIT_S),
}


def outcomes_of_all(address: tuple[str, int], virtual_host: str = "/") -> dict[str, object]:
    """Make all calls at a time; each within its limit. Returns what they gave or raised."""
    mesh = MeshSettings(*address, virtual_host)

    def timed(call: Call) -> tuple[object, float]:
        begin = time.monotonic()
        try:
            outcome = call(mesh)
        except DriplineError as error:
            outcome = error
        return outcome, time.monotonic() - begin

    with ThreadPoolExecutor(len(CALLS)) as threads:
        results = dict(zip(CALLS, threads.map(timed, CALLS.values()), strict=True))
        list(threads.map(lambda close: close(), _closing))
        _closing.clear()
    for name, (outcome, took_s) in results.items():
        print(f"{name}: {took_s:.2f} s, {outcome!r}")
    late = {name: took_s for name, (_, took_s) in results.items() if took_s > LIMIT_S + ALLOWED_S}
    assert not late, "these took longer than they may"
    return {name: outcome for name, (outcome, _) in results.items()}


def all_unreachable(address: tuple[str, int], why: str) -> None:
    """Each call fails in time, with an error that says how far it has come."""
    for name, outcome in outcomes_of_all(address).items():
        assert isinstance(outcome, BrokerUnreachable), name
        assert why in str(outcome), name


def test_a_mute_peer():
    """It accepts connections: the error says that it does not answer as a broker."""
    with bad_peers.mute() as peer:
        all_unreachable((peer.host, peer.port), "does not answer as an AMQP broker")


def test_a_mute_peer_at_a_port_for_tls():
    """The handshake of TLS is one of the steps that the limit is for."""
    with bad_peers.mute() as peer, closing(MeshClient(MeshSettings(peer.host, peer.port, tls=True))) as client:
        begin = time.monotonic()
        with pytest.raises(BrokerUnreachable, match="the TLS handshake is not finished"):
            client.request(_request(), LIMIT_S)
        assert time.monotonic() - begin < LIMIT_S + ALLOWED_S


@pytest.mark.parametrize("kind", bad_peers.GARBAGE)
def test_a_peer_that_talks_garbage(kind):
    """The error says that it is no broker."""
    with bad_peers.garbage(kind) as peer:
        all_unreachable((peer.host, peer.port), "is it the right port?")


def test_a_peer_that_drips():
    """A byte now and then does not extend any limit."""
    with bad_peers.slow_drip() as peer:
        all_unreachable((peer.host, peer.port), "")


def test_a_peer_that_does_not_answer_a_syn():
    """As behind a firewall that drops what comes."""
    with unanswered() as address:
        all_unreachable(address, "nobody has answered there yet")


@pytest.fixture
def slow_resolver(monkeypatch) -> Iterator[None]:
    """A resolver that takes its time with every name."""
    over, original = threading.Event(), socket.getaddrinfo

    def slowly(*arguments, **keywords):
        over.wait(30)
        return original(*arguments, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    yield
    over.set()
    assert eventually(lambda: not any(thread.name == "dripline-resolve" for thread in threading.enumerate()))


def test_a_name_that_is_not_resolved(slow_resolver):
    """The resolver of the system cannot be given a limit; nobody waits for it all the same."""
    all_unreachable(("localhost", 5672), "its name is not resolved yet")


@contextmanager
def frozen(kind: str, broker: BrokerAddress) -> Iterator[tuple[str, int]]:
    """A real broker whose line falls silent at a certain step."""
    with getattr(bad_peers, kind)(broker.host, broker.port) as proxy:
        yield proxy.host, proxy.port


@pytest.mark.parametrize("kind", ["frozen_after_login", "frozen_after_declaring", "frozen_after_consuming"])
def test_a_broker_that_falls_silent(broker, kind):
    """At whatever step: what can be done without its answer is done, all else fails in time."""
    with frozen(kind, broker) as address:
        outcomes = outcomes_of_all(address, broker.virtual_host)
    for name, outcome in outcomes.items():
        if kind == "frozen_after_login":
            assert isinstance(outcome, BrokerUnreachable), name
            assert "the broker has not answered since" in str(outcome), name
        elif name == "MeshClient.open":
            assert outcome is None
        elif kind == "frozen_after_consuming" and name.startswith(("MeshClient.monitor", "MeshClient.publish")):
            assert outcome is None  # it is not the line of the whole machine
        elif (kind, name) == ("frozen_after_consuming", "discover_services"):
            assert outcome == []
        else:
            assert isinstance(outcome, (BrokerError, ReplyTimeout)), name


def test_a_broker_that_takes_nothing_any_more(broker):
    """The line freezes in the middle of work, full of what was to be sent: each call fails in its time."""
    large = ["x" * 1000] * 15_000
    calls: list[Callable[[MeshClient], object]] = [
        lambda client: client.publish(MsgAlert.create(large, "x"), LIMIT_S),
        lambda client: client.publish(MsgAlert.create(1, "x"), LIMIT_S),
        lambda client: client.publish(_request().reply(), LIMIT_S),
        lambda client: client.request(MsgRequest.create(large, op_t.get, "x"), LIMIT_S),
        lambda client: client.request(_request(), LIMIT_S),
        lambda client: client.submit(_request(), LIMIT_S),
        lambda client: client.monitor(["x"], ["x"], print, LIMIT_S),
    ]
    with Proxy(broker.host, broker.port) as proxy:
        mesh = MeshSettings(proxy.host, proxy.port, broker.virtual_host, heartbeat_s=0)
        with closing(MeshClient(mesh)) as client:
            client.publish(MsgAlert.create(1, "x"))
            with pytest.raises(NoRoute):
                client.request(_request())
            proxy.freeze()
            with pytest.raises(ReplyTimeout):
                client.publish(MsgAlert.create(large, "x"), LIMIT_S)  # more than the line holds
            client.link._doubt_replies()  # the reply queue is bound again in front of the next request

            def took_s(call: Callable[[MeshClient], object]) -> float:
                begin = time.monotonic()
                with pytest.raises((BrokerError, TimeoutError)):
                    call(client)
                return time.monotonic() - begin

            with ThreadPoolExecutor(len(calls)) as threads:
                assert max(threads.map(took_s, calls)) < LIMIT_S + ALLOWED_S


def test_a_broker_that_comes_late(broker, monkeypatch):
    """Within the limit: connecting is tried until then, and every call gets through."""
    monkeypatch.setattr(sys.modules[__name__], "LIMIT_S", 10.0)  # a busy machine takes a while to connect, too
    with accepted_late(broker.host, broker.port, 0.5) as address:
        outcomes = outcomes_of_all(address, broker.virtual_host)
    for name, outcome in outcomes.items():
        assert not isinstance(outcome, BrokerError), name  # nobody is there to answer: that is another error


def test_the_attempt_goes_on_and_the_next_call_joins_it(broker):
    """A call that gave up does not end the attempt; the next one finds what has become of it."""
    with Proxy(broker.host, broker.port) as proxy:
        proxy.freeze()
        mesh = MeshSettings(proxy.host, proxy.port, broker.virtual_host)
        with closing(MeshClient(mesh)) as client:
            for _ in range(2):
                with pytest.raises(BrokerUnreachable):
                    client.open(timeout_s=0.2)
            proxy.thaw()
            client.open(timeout_s=20)
            assert proxy.accepted == 1


def test_closing_ends_an_attempt_at_whatever_step():
    """Neither a thread nor a socket is left when a client is closed while it connects."""
    others = set(threading.enumerate())  # attempts of tests before this one go on for a while
    with bad_peers.mute() as peer, unanswered() as nowhere:
        for address in ((peer.host, peer.port), nowhere):
            client = MeshClient(MeshSettings(*address))
            with pytest.raises(BrokerUnreachable):
                client.open(timeout_s=0.2)
            begin = time.monotonic()
            client.close()
            assert eventually(lambda: not _threads_of_connecting(others), 8), "a thread goes on connecting"
            assert time.monotonic() - begin < 8


def _threads_of_connecting(others: set[threading.Thread]) -> list[str]:
    names = ("dripline-connect", "dripline-io", "dripline-resolve", "dripline-setup")
    return [thread.name for thread in set(threading.enumerate()) - others if thread.name in names]


def test_a_receiver_waits_no_longer_than_it_may(broker):
    """Its limit is for the reply; `send` before it has its own."""
    with frozen("frozen_after_consuming", broker) as (host, port):
        core = Core({"broker": host, "broker_port": port})
        sent = core.send(_request())
        begin = time.monotonic()
        assert Receiver().wait_for_reply(sent, LIMIT_S * 1000) is None
        assert time.monotonic() - begin < LIMIT_S + ALLOWED_S
        core.close()


class Asking(Endpoint):
    """Asks another endpoint in a handler, and tells how long that took."""

    def ask(self, timeout_s: float) -> float:
        """Ask an endpoint that is not there."""
        begin = time.monotonic()
        with pytest.raises(DriplineError):
            self.service.get("nobody", timeout_s=timeout_s)
        return time.monotonic() - begin


def test_a_handler_waits_no_longer_than_it_may(broker):
    """Also when the line of its service falls silent before the service has asked anything."""
    with fresh_mesh(broker) as mesh, Proxy(broker.host, broker.port) as proxy:
        through = {**mesh.settings, "broker": proxy.host, "broker_port": proxy.port}
        login = Mesh(mesh.address, through, mesh.suffix).login
        service, asking = Service(mesh.name("service"), stop_grace_s=0.1, **login), Asking(mesh.name("asking"))
        service.add_child(asking)
        with serving(service), client(mesh) as interface:
            assert eventually(service._dripline_is_ready)
            service._dripline_task_scheduler.start()
            asked: list[float] = []
            proxy.hold()
            service.schedule(lambda: asked.append(asking.ask(LIMIT_S)), time=_now())
            assert eventually(lambda: asked)
            assert asked[0] < LIMIT_S + ALLOWED_S
            proxy.cut()
            assert eventually(lambda: _answers(interface, service.name))


def _now():
    from datetime import datetime

    return datetime.now()


def _answers(interface: Interface, name: str) -> bool:
    try:
        interface.cmd(name, "ping", timeout_s=2)
    except DriplineError:
        return False
    return True


@pytest.mark.parametrize("kind", ["mute", "frozen_after_login", "frozen_after_declaring"])
def test_http_requests_keep_their_limit(embedded, kind):
    """Who asks over HTTP is answered within `timeout_s`, for one endpoint and for the list of all."""
    with contextlib_of(kind, embedded) as (host, port):
        mesh = {"broker": host, "broker_port": port}
        server = HTTPServer(http_port=0, timeout_s=LIMIT_S, username="guest", password="guest", dripline_mesh=mesh)
        ready = threading.Event()
        thread = threading.Thread(target=server.run, args=(ready,))
        thread.start()
        assert ready.wait(30)
        try:
            for path, most_s in (("/dl/x", LIMIT_S), ("/dl", LIMIT_S + 1)):
                begin = time.monotonic()
                with pytest.raises(HTTPError) as caught:
                    urlopen(f"http://127.0.0.1:{server.http_port}{path}", timeout=60)
                caught.value.close()
                assert caught.value.code in (503, 504)
                assert time.monotonic() - begin < most_s + ALLOWED_S
        finally:
            server.stop()
            thread.join(30)


COMMANDS = [
    ["dl", "get", "x"],
    ["dl", "set", "x", "1"],
    ["dl-agent", "cmd", "x", "-s", "ping"],
    ["dl", "alert", "x", "a=1"],
]


@pytest.mark.parametrize("kind", ["mute", "frozen_after_declaring"])
def test_commands_keep_their_limit(embedded, kind):
    """`-t` is for everything together, and what is wrong is said in one line."""
    with contextlib_of(kind, embedded) as (host, port):
        begin = time.monotonic()
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "dripline.cli.dl" if name == "dl" else "dripline.cli.dl_agent", *words,
                 "-t", "1", "-b", host, "-p", str(port)],
                stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for name, *words in COMMANDS
        ]  # fmt: skip
        said = [process.communicate(timeout=60) for process in running]
        took_s = time.monotonic() - begin
    for process, (_, errors) in zip(running, said, strict=True):
        assert process.returncode in (1, 4), errors
        assert len(errors.splitlines()) == 1, errors
    assert took_s < 1 + ALLOWED_S + 10  # four interpreters start at a time, on a machine that may be busy


def contextlib_of(kind: str, broker: BrokerAddress):
    """The address of a peer that needs a broker, or of one that does not."""
    if kind == "mute":
        return _address_of(bad_peers.mute())
    return frozen(kind, broker)


@contextmanager
def _address_of(peer: bad_peers.Peer) -> Iterator[tuple[str, int]]:
    with peer:
        yield peer.host, peer.port


@pytest.mark.parametrize("command", [["dl", "mon"], ["dl-mon", "-a", "#"]])
@pytest.mark.parametrize("kind", ["frozen_after_login", "frozen_after_declaring"])
def test_listening_can_be_stopped_while_the_broker_is_silent(embedded, kind, command):
    """SIGTERM ends the wait for a broker that does not answer, and not only what comes after it."""
    name, *words = command
    with frozen(kind, embedded) as (host, port):
        entry = "dl" if name == "dl" else "dl_mon"
        program = f"import sys; from dripline.cli.entry_points import {entry}; sys.exit({entry}())"
        process = subprocess.Popen(
            [sys.executable, "-c", program, *words, "-b", host, "-p", str(port)],
            stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        time.sleep(2)  # it is connecting, or waits for its queue
        begin = time.monotonic()
        process.terminate()
        _, errors = process.communicate(timeout=60)
        assert time.monotonic() - begin < ALLOWED_S, errors
        assert errors == ""


@pytest.fixture
def used_broker(embedded) -> BrokerAddress:
    """A broker with the usual exchanges: the doctor looks for them, and declares none."""
    with closing(MeshClient(MeshSettings(embedded.host, embedded.port))) as client:
        client.open()
    return embedded


@pytest.mark.parametrize("kind", ["frozen_in_login", "frozen_after_login", "frozen_after_declaring"])
def test_the_doctor_waits_for_no_step_without_end(used_broker, kind):
    """It says at which link the chain ends."""
    with frozen(kind, used_broker) as (host, port):
        done = subprocess.run(
            [sys.executable, "-m", "dripline.cli.dl", "doctor", "-t", "1", "-b", host, "-p", str(port)],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert "does not go on" in done.stdout + done.stderr
