"""Requests without a time limit to services of another make, on both brokers."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest
from support.waiting import eventually

from dripline.core import Endpoint, Interface, Service
from dripline.errors import NoRoute

from .meshes import Mesh, fresh_mesh, serving
from .waits import INTERVAL_S, STEPS, Call, Stranger

pytestmark = pytest.mark.usefixtures("frequent_pings")


@pytest.fixture
def mesh(broker) -> Iterator[Mesh]:
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


@pytest.fixture
def interface(mesh) -> Iterator[Interface]:
    """A client as a script makes it, connected."""
    with Interface(**mesh.login) as interface:
        interface._dripline_client().open()
        yield interface


@pytest.mark.parametrize("answers_pings", [True, False], ids=["answers pings", "does not"])
def test_a_service_of_another_make_is_waited_for(mesh, interface, caplog, monkeypatch, answers_pings):
    """The log says now and then what is awaited; its replies to pings are not taken for the reply."""
    monkeypatch.setattr("dripline.runtime.liveness.TELL_EVERY_S", 2 * INTERVAL_S)
    with contextlib.closing(Stranger(mesh, answers_pings)) as stranger:
        call = Call(interface)
        time.sleep(STEPS * INTERVAL_S)
        assert call.is_waiting
        assert eventually(lambda: "still waiting for a reply from 'valve' after" in caplog.text)
        stranger.reply_now.set()
        assert call.end() == "open"


def test_a_reply_to_a_probe_is_not_taken_for_the_reply(mesh):
    """A stranger that has an endpoint of the same name replies to probes without correlation id."""
    login = {**mesh.login, "dripline_mesh": {**mesh.login["dripline_mesh"], "self_check_interval_s": 0.1}}
    service = Service(mesh.name("house"), stop_grace_s=0, **login)
    service.add_child(Endpoint("shared"))
    with contextlib.ExitStack() as stack:
        stack.enter_context(serving(service))
        stack.enter_context(contextlib.closing(Stranger(mesh, True, "shared")))
        stranger = stack.enter_context(contextlib.closing(Stranger(mesh, False)))
        call = Call(service)
        time.sleep(STEPS * INTERVAL_S)
        assert call.is_waiting
        stranger.reply_now.set()
        assert call.end() == "open"


def test_the_end_of_a_service_of_another_make_ends_the_wait(mesh, interface):
    """The broker tells that of any."""
    with contextlib.closing(Stranger(mesh, answers_pings=False)) as stranger:
        call = Call(interface)
        assert eventually(lambda: stranger.requests)
    assert isinstance(call.end(), NoRoute)
