"""`dl doctor` among the services: who is missing, hangs, is busy or locked, and whose clock is wrong."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from contract.meshes import Mesh, client, serving
from support.member import Member

from dripline.core import Endpoint, Service
from dripline.implementations import KeyValueStore
from dripline.runtime.client import MeshClient
from dripline.runtime.worker import in_flight
from dripline.wire.codec import Encoder
from dripline.wire.message import Message, MsgRequest
from dripline.wire.sender import sender_info

from .helpers import line_with, pong, settings_of

LONG_AGO = "2020-01-01T00:00:00.000000Z"


# -- services ------------------------------------------------------------------------------------------------


def test_a_service_that_is_not_there_is_told_with_the_nearest(mesh, store):
    """Exit 3."""
    done = mesh.run("dl", "doctor", store.name + "x")
    assert done.returncode == 3
    assert f"no service {store.name + 'x'!r} is on the mesh; did you mean {store.name!r}?" in done.stdout


def test_a_name_that_no_queue_can_have_is_told(shell, own):
    """As one that is not there."""
    with own.pika() as connection:
        for name in (own.requests, own.alerts):
            connection.channel().exchange_declare(name, "topic")
        done = shell.run("dl", "doctor", "x" * 300)
    assert done.returncode == 3
    assert f"no service '{'x' * 300}' is on the mesh" in done.stdout


def test_a_service_that_hangs_is_told_from_one_that_is_not_there(shell, own):
    """Its queue belongs to a connection, and nobody answers from it."""
    release = threading.Event()

    def hang(request):
        release.wait(60)
        return pong(request)

    with Member(settings_of(own), own.name("stuck"), hang) as stuck:
        done = shell.run("dl", "doctor", stuck.name, "-t", "3")
        release.set()
    assert done.returncode == 3
    assert f"{stuck.name} is on the mesh (its queue belongs to a connection), but does not" in done.stdout


class Sleepy(Endpoint):
    """An endpoint whose instrument never answers.

    Args:
        name: its name.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.entered, self.release = threading.Event(), threading.Event()

    def on_get(self) -> None:
        """Wait for the instrument."""
        self.entered.set()
        self.release.wait(60)


@contextmanager
def at_work(mesh: Mesh, endpoint: Sleepy) -> Iterator[None]:
    """Let an endpoint hang."""
    asking = threading.Thread(target=lambda: ask(mesh, endpoint.name), daemon=True)
    asking.start()
    assert endpoint.entered.wait(60)
    try:
        yield
    finally:
        endpoint.release.set()
        asking.join(60)


def ask(mesh: Mesh, name: str) -> None:
    """Ask an endpoint what it reads."""
    with client(mesh, timeout_s=60) as interface:
        interface.get(name)


def test_a_service_that_is_busy_for_too_long_is_broken(shell, own):
    """It answers pings meanwhile: how long it has been at work tells."""
    sleepy = Sleepy(own.name("sleepy"))
    service = Service(own.name("store"), **own.login)
    service.add_child(sleepy)
    with serving(service), at_work(own, sleepy):
        done = shell.run("dl", "doctor", service.name, "-t", "3", "--busy-limit", "0")
        patient = shell.run("dl", "doctor", service.name, "-t", "3", "--busy-limit", "1000")
    assert done.returncode == 3
    told = f"{service.name} answers pings, but has been busy with one request for "
    assert told in line_with("broken ", done.stdout)
    assert patient.returncode == 0
    assert line_with(told, patient.stdout).startswith("warning  services")


def test_an_endpoint_that_hangs_is_named(shell, own):
    """One with a queue of its own: its service is ready all the while."""
    sleepy = Sleepy(own.name("sleepy"))
    service = Service(own.name("store"), **own.login)
    service.add_async_child(sleepy)
    service.add_child(KeyValueStore(name="peaches"))
    with serving(service), at_work(own, sleepy):
        done = shell.run("dl", "doctor", "--busy-limit", "0", "-t", "3")
    assert done.returncode == 3
    assert f"endpoint {sleepy.name!r} of {service.name} " in line_with("broken ", done.stdout)
    assert f"{service.name} ready" in done.stdout
    assert f"{service.name}: 1 endpoint answers" in done.stdout


def test_a_locked_endpoint_is_told_with_who_locked_it(shell, own):
    """Nothing is broken by that."""
    service = Service(own.name("store"), **own.login)
    service.add_child(KeyValueStore(name="peaches"))
    with serving(service), client(own) as interface:
        interface.cmd("peaches", "lock")
        done = shell.run("dl", "doctor", "peaches", service.name)
    assert done.returncode == 0
    assert f"peaches answers, an endpoint of {service.name}" in done.stdout
    line = line_with("'peaches' is locked by ", done.stdout)
    assert line.endswith("dl cmd peaches unlock force=true")


class Shifted(Member):
    """A member whose clock is wrong."""

    def _take(self, message: Message) -> None:
        if isinstance(message, MsgRequest) and message.reply_to:
            encoder = Encoder(sender_info(self.name), 10000)
            envelopes = encoder.encode(pong(message), LONG_AGO)
            handled = in_flight()
            delivery = handled.take() if handled is not None else None
            self.link.connection.publish(self.link.mesh.requests_exchange, envelopes, ack=delivery)


def test_a_clock_that_is_wrong_is_told(shell, own):
    """By how much, and on which host; a warning: the mesh works."""
    with Shifted(settings_of(own), own.name("late")) as late:
        done = shell.run("dl", "doctor", late.name)
    assert done.returncode == 0
    line = line_with(f"the clock of {late.name} on ", done.stdout)
    assert " s behind ours; try: timedatectl" in line
    assert float(line.split(" is ")[1].split(" s ")[0]) > 1e8


def test_a_name_that_two_services_answer_to_is_a_warning(shell, own):
    """With all services that it reaches, and whichever of them is examined; a monitor of everything is none."""
    names = [own.name("first"), own.name("second")]
    services = [Service(name, **own.login) for name in names]
    for service in services:
        service.add_child(KeyValueStore(name="peaches"))
        service.add_child(KeyValueStore(name=f"only_{service.name}"))
    with serving(services[0]), serving(services[1]), MeshClient(settings_of(own)) as monitor:
        monitor.monitor(["#"], [], lambda _: None)
        for examined in ([], [names[1]], ["peaches"]):
            done = shell.run("dl", "doctor", *examined)
            assert done.returncode == 0
            line = line_with("requests for 'peaches' reach service ", done.stdout)
            assert all(repr(name) in line for name in names)
            assert "only_" not in line
