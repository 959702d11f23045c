"""Where services keep what outlives them."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import quote

from dripline.wire.mesh import MeshSettings


def state_path(kind: str, mesh: MeshSettings, name: str) -> Path:
    """Give the place of one service of one mesh.

    Args:
        kind: What is kept there, such as ``alerts``.
        mesh: The mesh.
        name: The service.

    Returns:
        A path below ``$XDG_STATE_HOME/dripline``, or ``~/.local/state/dripline``.
    """
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    place = f"{mesh.broker}_{mesh.broker_port}_{mesh.virtual_host}_{name}"
    return Path(state, "dripline", kind, quote(place, safe=""))
