"""A mesh of a test's own, as the user's mesh file describes it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from contract.meshes import Mesh, fresh_mesh


@pytest.fixture
def own(shell, address) -> Iterator[Mesh]:
    """A mesh that nobody else is on; the user's mesh file leads to it."""
    with fresh_mesh(address) as mesh:
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in mesh.settings.items()]
        (shell.home / ".dripline_mesh.yaml").write_text("".join(lines))
        yield mesh
