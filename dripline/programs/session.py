"""Loads configuration, mesh settings (such as `-b URL`) and login for a command."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dripline.config.authentication import broker_of, is_blank, make_authentication, read_auth_file
from dripline.config.diagnostics import WARNING, Diagnostic, Diagnostics, Place, diagnostics_of
from dripline.config.load import Loaded, load_all, merged, mesh_errors, mesh_settings
from dripline.config.mesh import TLS_FILES, resolved
from dripline.config.source_map import SourceMap
from dripline.errors import ConfigurationError
from dripline.programs.common_options import CommonOptions

if TYPE_CHECKING:
    from dripline.config.mesh import MeshSettings
    from dripline.runtime.client import MeshClient
    from scarab import Authentication

logger = logging.getLogger("dripline.cli")

_FOR_TLS = (*TLS_FILES, "verify", "auth_mechanism")
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

    configuration: dict[str, Any] = field(repr=False)  # a password may be in it
    origin: SourceMap
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


@dataclass
class LoadedSession:
    """What a session will be made of, with the diagnostics of its parts.

    Attributes:
        loaded: the configuration and what is wrong with it.
        diagnostics: what is wrong with the login.
        auth: the secrets, None if there is something wrong with them.
    """

    loaded: Loaded
    diagnostics: list[Diagnostic]
    auth: Authentication | None

    def session(self) -> Session:
        """The session.

        Raises:
            ConfigurationError: with a line for everything that is wrong.
        """
        configuration, origin = self.loaded.configuration, self.loaded.origin
        found = [*self.loaded.diagnostics, *mesh_errors(configuration, origin), *self.diagnostics]
        Diagnostics(found).raise_errors()
        assert self.auth is not None, "else there is an error"
        return Session(configuration, origin, mesh_settings(configuration, origin), self.auth)


def load_session(
    common: CommonOptions,
    words: Sequence[str] = (),
    options: dict[str, Any] | None = None,
    defaults: dict[str, Any] | None = None,
    auth: Authentication | None = None,
) -> LoadedSession:
    """Bring everything together, and collect what is wrong.

    Args:
        common: the common options.
        words: `key=value` words that belong to the configuration.
        options: what further options set.
        defaults: what holds if nobody says anything.
        auth: secrets with further groups specified, such as an extension needs.
    """
    found: list[Diagnostic] = []
    empty = _empty_options(common)
    auth_file, broker = None if empty else common.auth_file, None
    try:
        broker = broker_of(read_auth_file(auth_file)) if auth_file else None
    except ConfigurationError as error:
        found, auth_file = diagnostics_of(error), None
    defaults = merged({"dripline_mesh": {"broker": broker} if broker else {}}, defaults or {})
    options = merged(common.as_configuration(), options or {})
    loaded = load_all(common.config, words, options, defaults)
    _let_options_win(loaded.configuration["dripline_mesh"], common)
    if empty:
        return LoadedSession(loaded, empty, None)
    try:
        secrets = make_authentication(_login(loaded.configuration, common), auth_file, auth)
    except ConfigurationError as error:
        placed = [one.located(loaded.origin.place) if one.place.path else one for one in diagnostics_of(error)]
        return LoadedSession(loaded, [*found, *placed], None)
    return LoadedSession(loaded, found, secrets)


def open_session(
    common: CommonOptions,
    words: Sequence[str] = (),
    options: dict[str, Any] | None = None,
    defaults: dict[str, Any] | None = None,
    auth: Authentication | None = None,
) -> Session:
    """Bring everything together; the arguments are those of `load_session`.

    Raises:
        ConfigurationError: with a line for everything that is wrong.
    """
    result = load_session(common, words, options, defaults, auth)
    for one in result.loaded.diagnostics:
        if one.severity == WARNING:
            logger.warning("%s", one)
    return result.session()


def open_client_session(common: CommonOptions, words: Sequence[str] = ()) -> Session:
    """Bring everything together for a command that asks or listens; it tries once to connect unless told else."""
    return open_session(common, words, defaults=_CLIENT_DEFAULTS)


def _let_options_win(mesh: Any, common: CommonOptions) -> None:
    """Take away what files say and an option settles: `-b amqp://…` names a port, `--no-tls` no `ca_file`."""
    if not isinstance(mesh, dict):
        return
    given = common.as_configuration()["dripline_mesh"]
    settled = _settled_by(common.broker) if common.broker else {}
    forgotten = [key for key in settled if given.get(key) is None]
    if common.tls is False:
        forgotten += _FOR_TLS
    elif common.tls is None and settled.get("tls") is False:
        forgotten += [key for key in _FOR_TLS if given.get(key) is None]
    for key in forgotten:
        mesh.pop(key, None)


def _settled_by(address: str) -> dict[str, Any]:
    """What is written in an address beside the host; nothing if it is none, which is told later."""
    try:
        found = resolved({"broker": address}) if "://" in address else {}
        written = {**found, "broker_port": urlsplit(address).port}
    except (ConfigurationError, ValueError):
        return {}
    return {key: value for key, value in written.items() if key != "broker" and value is not None}


def _empty_options(common: CommonOptions) -> list[Diagnostic]:
    """A mistake for each option of the login that is empty, such as ``--password "$NOT_SET"``."""
    given = {
        "--username": common.username,
        "--password": common.password,
        "--password-file": common.password_file,
        "--auth-file": common.auth_file,
    }
    text = "{} is empty; give it a value, or leave it out"
    return [
        Diagnostic(Place(""), text.format(option))
        for option, value in given.items()
        if value is not None and is_blank(value)
    ]


def _login(configuration: dict[str, Any], common: CommonOptions) -> dict[str, Any]:
    """User and password, options before the configuration; the configuration follows the options."""
    given: dict[str, Any] = {"username": common.username, "password": common.password}
    if common.password is None and common.password_file is not None:
        given["password"] = {"file": common.password_file}
    given = {item: value for item, value in given.items() if value is not None}
    login = {item: configuration[item] for item in ("username", "password") if item in configuration} | given
    configuration.update({item: value for item, value in login.items() if item in configuration})
    return login
