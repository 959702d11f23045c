"""Login at the broker and other secrets: sources, checks against empty ones and bad specifications.

A secret is the first of these that there is: a value given directly, a file, an environment variable, the
authentication file, a default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from dripline.config.diagnostics import Diagnostic, InvalidConfiguration, error
from dripline.config.file import FilePath, read_text
from dripline.errors import ConfigurationError
from scarab import secret_files

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
    read_text(path)  # reports a missing file as for other files
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
    from scarab import Authentication  # commands that end before they log in do not need it

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


SECRET_KEYS = ("value", "file", "env", "default")


def secret_errors(item: str, given: Any) -> Iterator[Diagnostic]:
    """Check a secret in a configuration, text or a mapping with any of `SECRET_KEYS`; no message shows it."""
    if isinstance(given, list):
        text = f"{item}: it is a text, or a mapping with any of {', '.join(SECRET_KEYS)}"
        yield error(text, item)
    elif not isinstance(given, Mapping):
        if is_blank(given):
            yield error(f"{item}: it is empty; give it a value, or remove the key", item)
    elif not given:
        yield error(f"{item}: it is empty; name any of {', '.join(SECRET_KEYS)}, or remove the key", item)
    for key, value in given.items() if isinstance(given, Mapping) else ():
        if key not in SECRET_KEYS:
            yield error(f"{item}: unknown key {key!r}; known: {', '.join(SECRET_KEYS)}", item, key)
        elif is_blank(value):
            yield error(f"{item}: {key!r} is empty; give it a value, or remove the key", item, key)


def check_secret(item: str, given: Any) -> None:
    """Refuse a secret that is empty or of an unknown form; the arguments are those of `secret_errors`.

    Raises:
        ConfigurationError: With a line for the first mistake.
    """
    for one in secret_errors(item, given):
        raise InvalidConfiguration([one])


def is_blank(value: Any) -> bool:
    """Tell whether nothing of a value can be seen, as with white space."""
    return value is None or secret_files.is_blank(str(value))
