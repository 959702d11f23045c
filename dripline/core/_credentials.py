"""Mesh settings and login of a service or client that is created in Python."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import scarab
from dripline.config.authentication import GROUP, dripline_auth_spec, make_authentication
from dripline.config.load import load_configuration
from dripline.config.mesh import MeshSettings
from dripline.errors import ConfigurationError
from dripline.wire.return_codes import add_return_code, find_by_value, return_code_mistakes

#: A name or secret: text, or a dict with any of ``value``, ``file``, ``env``, ``default``.
Secret = str | Mapping[str, Any] | None


def create_dripline_auth_spec() -> scarab.ParamNode:
    """Return where name and password for the broker come from unless something else is said."""
    return scarab.to_param(dripline_auth_spec()).as_node()


def authentication(
    username: Secret, password: Secret, given: scarab.Authentication | None, auth_file: str | None = None
) -> scarab.Authentication:
    """Find the login.

    Args:
        username: login name.
        password: secret.
        given: an authentication that was processed already; used as it is unless a name or secret is given.
        auth_file: name of an authentication file.

    Returns:
        An authentication with the group ``dripline``.

    Raises:
        ConfigurationError: a file cannot be read, or a secret is empty.
    """
    if given is not None and username is None and password is None and given.has(GROUP):
        return given
    login = {"username": _plain(username), "password": _plain(password)}
    login = {item: secret for item, secret in login.items() if secret is not None}
    return make_authentication(login, auth_file, given)


def mesh_settings(dripline_mesh: Mapping[str, Any] | scarab.Param | None) -> MeshSettings:
    """Read mesh settings, and make the return codes of the mesh known.

    Args:
        dripline_mesh: settings by name; what they do not say is said by ``~/.dripline_mesh.yaml``, or is a
            default.

    Raises:
        ConfigurationError: an unknown setting, a wrong value, or a return code whose value or name is taken.
    """
    tree = load_configuration(options={"dripline_mesh": dict(_plain(dripline_mesh) or {})})
    mesh = MeshSettings.from_dict(tree["dripline_mesh"])
    codes = mesh.return_codes
    if codes is not None and not isinstance(
        codes, str
    ):  # a string would name a file, and `load_configuration` has read that
        for _, mistake in return_code_mistakes(codes):
            raise ConfigurationError(f"dripline_mesh: return_codes: {mistake}")
        for entry in codes:
            if find_by_value(entry["value"]) is None:  # else known from another service or client of this process
                add_return_code(entry["value"], entry["name"], str(entry.get("description", "")))
    return mesh


def _plain(value: Any) -> Any:
    return value.to_python() if isinstance(value, scarab.Param) else value
