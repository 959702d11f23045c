"""What a link takes while its connection is being put in place, on both brokers."""

from __future__ import annotations

import pytest

from dripline.config.mesh import MeshSettings
from dripline.runtime.link import MeshLink

from .meshes import fresh_mesh


@pytest.fixture
def mesh(broker):
    """A mesh of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


def test_it_takes_messages_only_when_everything_is_in_place(mesh):
    """An alert that is sent while others are not yet bound again would be lost to them."""
    link = MeshLink(MeshSettings.from_dict(mesh.settings), "guest", "guest", "s")
    seen = []
    link.add_setup(lambda _: seen.append((link.is_open, link.takes_messages)))
    assert not link.takes_messages
    link.open()
    assert (seen, link.takes_messages) == ([(True, False)], True)
    link.close()
    assert not link.takes_messages
