"""Folders for persistent state, and user paths in configurations."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from urllib.parse import quote

from dripline.config.mesh import MeshSettings
from dripline.errors import ConfigurationError
from scarab.process import home_folder

logger = logging.getLogger("dripline.alerts")


def state_path(kind: str, mesh: MeshSettings, name: str) -> Path:
    """Return the folder of one service of one mesh.

    Args:
        kind: What is kept there, such as ``alerts``.
        mesh: The mesh.
        name: The service.

    Returns:
        A path below ``$XDG_STATE_HOME/dripline``, or ``~/.local/state/dripline``.

    Raises:
        OSError: The user has no home folder, or may not create the path there; the text says which.
    """
    state, home = os.environ.get("XDG_STATE_HOME"), home_folder()
    if not state and home is None:
        raise OSError("this user has no home folder")
    place = f"{mesh.broker}_{mesh.broker_port}_{mesh.virtual_host}_{name}"
    folder = Path(state or os.path.join(str(home), ".local", "state"), "dripline", kind, quote(place, safe=""))
    existing = next(parent for parent in (folder, *folder.parents) if os.path.lexists(parent))
    if not os.path.isdir(existing):
        raise OSError(f"{existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise OSError(f"{existing} is not writable")
    return folder


def dead_letter_folder(mesh: MeshSettings, name: str) -> Path:
    """Return the folder for alerts that a service can never handle; in the current folder if there is no other."""
    try:
        return state_path("dead-letters", mesh, name)
    except OSError as error:
        folder = Path(f"{name}.dead-letters").absolute()
        logger.warning(
            "%s: dead letters are written to %s: %s; set dead_letter_file, or XDG_STATE_HOME", name, folder, error
        )
        return folder


def user_path(text: str, key: str) -> Path:
    """Read a path that may begin with ``~``.

    Args:
        text: The path.
        key: The setting or option that it was given for.

    Raises:
        ConfigurationError: It is empty, or there is no such home folder.
    """
    if not text:
        raise ConfigurationError(f"{key} is empty; name a path, or remove it")
    path = os.path.expanduser(text)
    if text.startswith("~") and path == text:
        whose = "this user has no home folder" if text[1:2] in ("", "/") else "there is no such user"
        raise ConfigurationError(f"{key}: {text!r}: {whose}; use an absolute path")
    return Path(path)
