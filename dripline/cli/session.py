"""From options and files to what a command works with: a configuration, mesh settings, a login."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dripline.cli.options import CommonOptions
from dripline.config import Origin, assemble, make_authentication, mesh_settings
from dripline.config.assemble import merged, user_mesh_file
from dripline.config.authentication import broker_of, read_auth_file

if TYPE_CHECKING:
    from dripline.runtime.client import MeshClient
    from dripline.wire.mesh import MeshSettings
    from scarab import Authentication

# A person waits at a client; a service may come up before its broker does.
_CLIENT_DEFAULTS = {"dripline_mesh": {"max_connection_attempts": 1}}


@dataclass
class Session:
    """What a command works with.

    Attributes:
        configuration: all five stages brought together.
        origin: tells where a setting was written.
        mesh: the checked `dripline_mesh` block.
        auth: the secrets; the group `dripline` is the login.
    """

    configuration: dict[str, Any]
    origin: Origin
    mesh: MeshSettings
    auth: Authentication

    @property
    def username(self) -> str:
        """The login at the broker."""
        return self.auth.get("dripline", "username")

    @property
    def password(self) -> str:
        """The secret that belongs to it."""
        return self.auth.get("dripline", "password")

    def client(self) -> MeshClient:
        """A client of the mesh, not yet connected."""
        from dripline.runtime.client import MeshClient  # brings pika: -h and mistakes need not wait for it

        return MeshClient(self.mesh, self.username, self.password)


def open_session(
    common: CommonOptions,
    words: Sequence[str] = (),
    options: dict[str, Any] | None = None,
    defaults: dict[str, Any] | None = None,
    auth: Authentication | None = None,
) -> Session:
    """Bring everything together.

    Args:
        common: the common options.
        words: `key=value` words that belong to the configuration.
        options: what further options set.
        defaults: what holds if nobody says anything.
        auth: secrets with further groups specified, such as an extension needs.

    Raises:
        ConfigurationError: with a line for everything that is wrong.
    """
    broker = broker_of(read_auth_file(common.auth_file)) if common.auth_file else None
    defaults = merged({"dripline_mesh": {"broker": broker} if broker else {}}, defaults or {})
    options = merged(common.as_configuration(), options or {})
    configuration = assemble(common.config, words, options, defaults)
    origin = Origin(common.config, words, user_mesh_file())
    login = _login(configuration, common)
    return Session(
        configuration,
        origin,
        mesh_settings(configuration, origin),
        make_authentication(login, common.auth_file, auth),
    )


def open_client_session(common: CommonOptions, words: Sequence[str] = ()) -> Session:
    """Bring everything together for a command that asks or listens; it tries once to connect unless told else."""
    return open_session(common, words, defaults=_CLIENT_DEFAULTS)


def _login(configuration: dict[str, Any], common: CommonOptions) -> dict[str, Any]:
    """User and password, options before the configuration; the configuration follows the options."""
    given: dict[str, Any] = {"username": common.username, "password": common.password}
    if common.password is None and common.password_file is not None:
        given["password"] = {"file": common.password_file}
    login = {item: configuration.get(item) if value is None else value for item, value in given.items()}
    configuration.update({item: value for item, value in login.items() if item in configuration})
    return login
