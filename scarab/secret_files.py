"""Reads files that contain secrets, without quoting them in errors."""

from __future__ import annotations

import json
import logging
import os
import shlex
import stat
from typing import Any

from scarab.layout import scalar_text

logger = logging.getLogger(__name__)

# Container engines put secrets there, readable for all in a container that has one user; nobody can change that.
_CONTAINER_SECRETS = ("/run/secrets/", "/var/run/secrets/")
_told: set[str] = set()
_quiet = False


class AuthenticationError(ValueError):
    """A secret or a file of secrets that cannot be used; the text never shows a secret."""


class EmptySecret(AuthenticationError):
    """A secret that is there, and blank.

    Attributes:
        group: its group.
        item: its name in the group.
    """

    def __init__(self, group: str, item: str, text: str) -> None:
        super().__init__(text)
        self.group = group
        self.item = item


def is_blank(secret: str) -> bool:
    """Whether nothing of a secret can be seen: white space, or the mark that some editors begin a file with."""
    return not any(letter.isprintable() for letter in secret.replace(" ", ""))


def read_secret(path: str) -> str:
    """Read a file that holds one secret and nothing else; line breaks at its end are not part of it.

    Raises:
        AuthenticationError: the file cannot be read.
    """
    return _read(path, "secret").rstrip("\r\n")


def read_auth_file(path: str) -> dict[str, dict[str, str]]:
    """Read an authentication file, JSON or YAML.

    Raises:
        AuthenticationError: it cannot be read, or is not `{group: {item: secret}}`.
    """
    content = _parse(path, _read(path, "secrets")) or {}
    if not isinstance(content, dict):
        raise AuthenticationError(f"authentication file {path}: it must be {{group: {{item: secret}}}}")
    return {str(group): _group(path, str(group), items) for group, items in content.items()}


def warn_if_others_can_read(path: str, what: str) -> None:
    """Warn of a file with a secret in it that other users of this machine can read; once for each file.

    Args:
        path: the file.
        what: what is in it, such as `password`.
    """
    try:
        place = os.path.realpath(os.path.expanduser(path))
        found = os.stat(place)
    except (OSError, ValueError):  # the latter: a name with a zero in it
        return  # who reads it tells that better
    if os.name != "posix" or _quiet or place in _told or place.startswith(_CONTAINER_SECRETS):
        return
    if stat.S_ISREG(found.st_mode) and found.st_mode & 0o077:
        _told.add(place)
        logger.warning("other users can read the %s in %s; chmod 600 %s", what, path, shlex.quote(path))


def warnings_were_given() -> None:
    """Give no warnings of files in this process: another one has, for the same files."""
    global _quiet
    _quiet = True


def _group(path: str, group: str, items: Any) -> dict[str, str]:
    if not isinstance(items, dict):
        raise AuthenticationError(f"authentication file {path}: {group} must be a mapping of items to secrets")
    for name, secret in items.items():
        if isinstance(secret, (dict, list)):
            raise AuthenticationError(
                f"authentication file {path}: {group}.{name} must be one secret, not several"
            )
    return {str(name): "" if secret is None else scalar_text(secret) for name, secret in items.items()}


def _read(path: str, what: str) -> str:
    warn_if_others_can_read(path, what)
    try:
        with open(os.path.expanduser(path), encoding="utf-8") as stream:
            return stream.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8, or no name of a file"
        raise AuthenticationError(f"cannot read secrets from {path}: {reason}") from None


def _parse(path: str, text: str) -> Any:
    # Everything is taken as it is written: the password 0123 is not the number 83, nor is `on` true.
    if text.lstrip().startswith("{"):
        try:
            return json.loads(text, parse_int=str, parse_float=str)
        except ValueError:
            pass  # a mapping of YAML may start like that, too
    import yaml  # slow to import, and few programs have an authentication file

    try:
        return yaml.load(text, yaml.BaseLoader)  # it makes nothing but text, lists and mappings
    except yaml.YAMLError as error:
        # The parser's own message quotes the line, and with it perhaps a password.
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise AuthenticationError(f"authentication file {path}{where}: neither JSON nor YAML") from None
