"""One endpoint name in two services of a mesh: noticed by both, and refused if that is set. On both brokers."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support.waiting import eventually

from dripline.config.mesh import MeshSettings
from dripline.core import Endpoint, Service
from dripline.errors import NameTaken
from dripline.runtime.client import MeshClient

from .meshes import Mesh, client, fresh_mesh, serving

SHARED = "also reach service"


@pytest.fixture
def mesh(broker, monkeypatch) -> Iterator[Mesh]:
    """A mesh of the test's own, on which a taken name is not tried again for long."""
    monkeypatch.setattr("dripline.runtime.reconnecting_connection._NAME_PATIENCE_S", 0.1)
    with fresh_mesh(broker, self_check_interval_s=0.2) as mesh:
        yield mesh


def store(name: str) -> dict[str, Any]:
    """The configuration of an endpoint."""
    return {"name": name, "module": "KeyValueStore", "initial_value": 1}


def service_of(mesh: Mesh, label: str, *names: str, **arguments: Any) -> Service:
    """A service with endpoints."""
    endpoints = [store(name) for name in names]
    return Service(mesh.name(label), endpoints=endpoints, heartbeat_interval_s=0, **mesh.login, **arguments)


def warnings(caplog: pytest.LogCaptureFixture, service: Service) -> list[str]:
    """What one service has logged about names that it shares."""
    return [line for line in caplog.messages if line.startswith(f"{service.name}: ") and SHARED in line]


def test_both_services_name_the_other(mesh, caplog) -> None:
    """The one that starts at its start, the other at its next check; each does so once."""
    first, second = service_of(mesh, "first", "p", "q"), service_of(mesh, "second", "p", "r")
    with serving(first), serving(second):
        assert eventually(lambda: warnings(caplog, second))
        assert eventually(lambda: warnings(caplog, first))
        seen = len(caplog.messages)
        assert eventually(second._dripline_is_ready)
        for service in (first, second):
            with client(mesh) as dl:
                dl.cmd(service.name, "ping")
        assert len(caplog.messages) == seen
    (of_second,) = warnings(caplog, second)
    assert f"requests for 'p' also reach service '{first.name}' on " in of_second
    (of_first,) = warnings(caplog, first)
    assert f"requests for 'p' also reach service '{second.name}' on " in of_first


def test_many_names_are_few_lines(mesh, caplog) -> None:
    """The same file served under another name, for instance; answers that are late come with the next check."""
    names = [f"e{number:03}" for number in range(450)]
    with serving(service_of(mesh, "first", *names)), serving(service_of(mesh, "second", *names)) as second:
        assert eventually(lambda: _reported(warnings(caplog, second)) == len(names))
    assert "'e000' and 'e001' and 'e002' and " in warnings(caplog, second)[0]
    assert len(warnings(caplog, second)) < len(names) / 10


def _reported(lines: list[str]) -> int:
    """How many names lines are about: some are listed, the others counted."""
    return sum(line.count("'e") + sum(map(int, re.findall(r" and (\d+) more", line))) for line in lines)


@pytest.mark.parametrize("clash", ["service", "endpoint", "asynchronous", "dotted"])
def test_every_kind_of_name(mesh, caplog, clash) -> None:
    """An endpoint named like another service, and names of which one begins with the other."""
    first = service_of(mesh, "first", "p")
    first.add_async_child(Endpoint(mesh.name("a")))
    name = {"service": first.name, "endpoint": "p", "asynchronous": mesh.name("a"), "dotted": "p.sub"}[clash]
    with serving(first), serving(service_of(mesh, "second", name)) as second:
        assert eventually(lambda: warnings(caplog, second))
        assert f"{name!r} also reach service '{first.name}'" in warnings(caplog, second)[0]


def test_names_that_only_look_alike(mesh, caplog) -> None:
    """Neither a common beginning, nor a monitor of all requests, nor the reply of the service itself counts."""
    with MeshClient(MeshSettings.from_dict(mesh.settings)) as monitor:
        monitor.monitor(["#", "p.#"], ["#"], lambda _: None)
        for _ in range(2):  # the second time it is a restart
            with serving(service_of(mesh, "first", "p", "pq", unique_endpoints=True)) as first:
                assert eventually(first._dripline_is_ready)
                with serving(service_of(mesh, "second", "pp", unique_endpoints=True)) as second:
                    assert eventually(second._dripline_is_ready)
    assert SHARED not in caplog.text


def test_unique_endpoints_refuse_to_start(mesh) -> None:
    """The name, the other service and the setting are named; what runs is unharmed, and the name is free later."""
    with serving(service_of(mesh, "first", "p")) as first, client(mesh) as dl:
        with pytest.raises(
            NameTaken, match=f"^'p' is taken: service '{first.name}' on .* 'unique_endpoints: true'"
        ):
            service_of(mesh, "second", "q", "p", unique_endpoints=True).run()
        assert dl.get("p")["value_raw"] == 1
        with serving(service_of(mesh, "third", "q", unique_endpoints=True)):
            assert dl.get("q")["value_raw"] == 1
    with serving(service_of(mesh, "second", "p", unique_endpoints=True)):
        pass


@pytest.mark.parametrize("add", ["add_child", "add_async_child"])
def test_unique_endpoints_refuse_to_be_added(mesh, add) -> None:
    """An endpoint that is added later is not there then."""
    taken = mesh.name("p")
    with (
        serving(service_of(mesh, "first", taken)),
        serving(service_of(mesh, "s", unique_endpoints=True)) as second,
    ):
        with pytest.raises(NameTaken, match=taken):
            getattr(second, add)(Endpoint(taken))
        assert taken not in {**second.sync_children, **second.async_children}
        getattr(second, add)(Endpoint(mesh.name("free")))


def test_unique_endpoints_notice_a_service_whose_handler_is_busy(mesh) -> None:
    """Pings overtake it."""
    entered, release = threading.Event(), threading.Event()

    class Slow(Endpoint):
        def on_get(self) -> None:
            entered.set()
            release.wait(30)

    first = service_of(mesh, "first", "p")
    first.add_child(Slow("slow"))
    with serving(first), client(mesh) as dl:
        asking = threading.Thread(target=lambda: dl.get("slow"))
        asking.start()
        assert entered.wait(30)
        with pytest.raises(NameTaken, match="'p' is taken"):
            service_of(mesh, "second", "p", unique_endpoints=True).run()
        release.set()
        asking.join()


def test_a_peer_that_is_not_ours(mesh, caplog) -> None:
    """Any service that answers a ping counts, whoever has written it; here one of plain pika."""
    caplog.set_level(logging.WARNING)
    with mesh.pika() as connection:
        channel = connection.channel()
        channel.exchange_declare(mesh.requests, "topic")
        channel.queue_declare(mesh.name("foreign"), exclusive=True)
        channel.queue_bind(mesh.name("foreign"), mesh.requests, "p.#")
        stop = threading.Event()

        def answer() -> None:
            while not stop.is_set():
                for method, properties, _ in channel.consume(mesh.name("foreign"), True, inactivity_timeout=0.05):
                    if method is None:
                        break
                    properties.headers["message_type"] = 2
                    properties.headers["return_code"] = 0
                    properties.headers["return_message"] = ""
                    properties.headers["sender_info"]["service_name"] = "cpp"
                    channel.basic_publish(mesh.requests, properties.reply_to, b"null", properties)

        thread = threading.Thread(target=answer)
        thread.start()
        try:
            with serving(service_of(mesh, "s", "p")) as service:
                assert eventually(lambda: warnings(caplog, service))
            with pytest.raises(NameTaken, match="service 'cpp' on "):
                service_of(mesh, "s", "p", unique_endpoints=True).run()
        finally:
            stop.set()
            thread.join()
