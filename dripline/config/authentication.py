"""Who we are for the broker, and the other secrets of a program.

A secret is the first of these that there is: a value given directly, a file, an environment variable, the
authentication file, a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dripline.config.diagnostics import InvalidConfiguration, error
from dripline.config.file import FilePath, read_text
from dripline.config.secrets import check_secret, is_blank
from dripline.errors import ConfigurationError

if TYPE_CHECKING:
    from scarab import Authentication

#: The group with the login at the broker.
GROUP = "dripline"
# Version 4 wrote login and address of the broker into this group of the authentication file.
_OLD_GROUP = "amqp"


def dripline_auth_spec() -> dict[str, dict[str, str]]:
    """Where the login at the broker comes from if nobody says anything."""
    return {
        "username": {"default": "guest", "env": "DRIPLINE_USER"},
        "password": {"default": "guest", "env": "DRIPLINE_PASSWORD"},
    }


def read_auth_file(path: FilePath) -> dict[str, dict[str, str]]:
    """Read an authentication file: item and secret by group, everything as it is written.

    Raises:
        ConfigurationError: the file cannot be read, is not made of groups, or an item of it is empty, whoever
            needs that. Its text quotes no secret.
    """
    from scarab import secret_files  # most programs have no such file

    read_text(path)  # tells in our words if there is no such file
    try:
        groups = secret_files.read_auth_file(str(path))
    except secret_files.AuthenticationError as error:
        raise ConfigurationError(str(error)) from None
    for group, items in groups.items():
        for item, secret in items.items():
            if is_blank(secret):
                raise ConfigurationError(
                    f"authentication file {path}: {group}.{item} is empty; give it a value, or remove it"
                )
    return groups


def broker_of(groups: Mapping[str, Mapping[str, str]]) -> str | None:
    """The broker that a version 4 authentication file names, if it does."""
    return groups.get(_OLD_GROUP, {}).get("broker")


def make_authentication(
    configuration: Mapping[str, Any],
    auth_file: FilePath | None = None,
    auth: Authentication | None = None,
) -> Authentication:
    """Bring the secrets of a program together.

    Args:
        configuration: its `username` and `password`, if present, are a text, or a mapping with any of
            `value`, `file`, `env` and `default`. A key without a value is a mistake.
        auth_file: a file that holds `{group: {item: secret}}`; in a version 4 file the login is in `amqp`.
        auth: one in which further groups are specified already, such as an extension needs.

    Raises:
        ConfigurationError: a file cannot be read, `username` or `password` is neither of the two, or a secret is
            empty: in the configuration, a file, the authentication file or an environment variable.
    """
    from scarab import Authentication, secret_files  # commands that end before they log in need neither

    auth = auth or Authentication()
    spec = dripline_auth_spec()
    if auth_file is not None:
        old = read_auth_file(auth_file).get(_OLD_GROUP, {})
        for item in spec.keys() & old:
            spec[item]["default"] = old[item]  # what the file holds stands right above the defaults
        auth.set_auth_file(str(auth_file))
    for item in spec:
        if item in configuration:
            spec[item] |= _given(item, configuration[item])
    try:
        auth.add_groups({GROUP: spec})
        auth.process_spec()
    except secret_files.EmptySecret as empty:
        if empty.group == GROUP and empty.item in configuration:
            raise InvalidConfiguration([error(f"{empty.item}: {empty}", empty.item)]) from None
        raise ConfigurationError(str(empty)) from None
    except secret_files.AuthenticationError as failure:
        raise ConfigurationError(str(failure)) from None
    return auth


def _given(item: str, given: Any) -> dict[str, str]:
    """What a configuration says about an item of the login."""
    check_secret(item, given)
    parts = given if isinstance(given, Mapping) else {"value": given}
    return {key: str(value) for key, value in parts.items()}
