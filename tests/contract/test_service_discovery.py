"""Who is on a mesh, on both brokers."""

from __future__ import annotations

import pytest

from dripline.config.mesh import MeshSettings
from dripline.core import Endpoint, Interface, Service
from dripline.implementations import KeyValueStore
from dripline.runtime.client import MeshClient, discover_services

from .meshes import client, fresh_mesh, serving


@pytest.fixture
def mesh(broker):
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


def call(mesh):
    """A roll call that waits long enough for a machine that is busy."""
    return discover_services(lambda: MeshClient(MeshSettings.from_dict(mesh.settings)), 3.0)


def test_every_service_answers_with_its_endpoints(mesh):
    """With the class of each, and whether it has a queue of its own."""
    store, empty = Service(mesh.name("store"), **mesh.login), Service(mesh.name("empty"), **mesh.login)
    store.add_child(KeyValueStore(name="peaches"))
    store.add_async_child(KeyValueStore(name=mesh.name("slow")))
    with serving(store), serving(empty):
        found = call(mesh)
    assert [service.name for service in found] == sorted([empty.name, store.name])
    assert found[1].endpoints == [
        {"name": "peaches", "class": "KeyValueStore", "asynchronous": False},
        {"name": mesh.name("slow"), "class": "KeyValueStore", "asynchronous": True},
    ]
    assert found[0].sender["service_name"] == empty.name


def test_an_empty_mesh_answers_at_once(mesh):
    """The broker says that nobody is bound."""
    assert call(mesh) == []


def test_a_service_that_does_not_list_its_endpoints_is_present_all_the_same(mesh):
    """As those of the reference, which do not know the question."""

    class Old(Service):
        def _dripline_built_in(self, request):
            return Endpoint._dripline_built_in(self, request)

    with serving(Old(mesh.name("old"), **mesh.login)) as old:
        (found,) = call(mesh)
        assert (found.name, found.endpoints) == (old.name, None)


def test_anybody_can_ask_for_the_endpoints(mesh):
    """`dl get my_store -s list-endpoints`."""
    with serving(Service(mesh.name("store"), **mesh.login)) as store, client(mesh) as dl:
        assert isinstance(dl, Interface)
        assert dl.get(store.name, specifier="list-endpoints") == {"endpoints": []}
