"""A test is alone: no settings and no login of the person who runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import pytest

from dripline.testing.brokers import Broker


@contextmanager
def alone_on(broker: Broker) -> Iterator[None]:
    """Let this process know one mesh only while the block runs.

    ``~/.dripline_mesh.yaml``, ``DRIPLINE_USER`` and ``DRIPLINE_PASSWORD`` of the person who runs the tests do not
    count. Whoever makes a service or an ``Interface()`` without settings gets to the test's broker.

    Args:
        broker: The broker whose mesh and login are the ones to be found.
    """
    sources = import_module("dripline.config.load")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "user_mesh_file", lambda: None)
        patch.setattr(sources, "home_mesh", lambda: dict(broker.mesh))
        patch.setenv("DRIPLINE_USER", broker.username)
        patch.setenv("DRIPLINE_PASSWORD", broker.password)
        yield
