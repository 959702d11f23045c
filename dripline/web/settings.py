"""Settings of the HTTP server, and HTTP statuses of return codes."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import scarab
from dripline.config.authentication import check_secret
from dripline.core._credentials import Secret
from dripline.errors import ConfigurationError
from dripline.web.api.auth import Auth
from scarab.secret_files import EmptySecret

_GROUP = "http"
#: Environment variables of the secrets.
ENVIRONMENT = {
    "token": "DRIPLINE_HTTP_TOKEN",
    "username": "DRIPLINE_HTTP_USER",
    "password": "DRIPLINE_HTTP_PASSWORD",
}
# Of each hundred, what its other codes become; then those that say more.
_HUNDREDS = {0: 200, 1: 502, 2: 502, 3: 500, 4: 400, 9: 500}
_CODES = {
    101: 503,  # no broker
    102: 404,  # nobody is bound
    202: 504,  # the device is silent
    301: 400,
    302: 400,
    303: 400,
    304: 400,
    305: 504,
    306: 405,
    307: 403,
    308: 400,
    310: 404,
    402: 502,  # the peer's reply is not valid
    403: 502,
    404: 504,  # no reply in time
}


def whole_number(key: str, value: Any, least: int, most: int) -> int:
    """Return a whole number between two limits."""
    try:
        number = int(str(value)) if not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None or not least <= number <= most:
        raise ConfigurationError(f"{key}: {value!r} is no whole number from {least} to {most}")
    return number


def seconds(key: str, value: Any) -> float:
    """Return a number of seconds above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ConfigurationError(f"{key}: {value!r} is no number of seconds above 0")
    return value


def text(key: str, value: Any) -> str:
    """Return a text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{key}: {value!r} is no text")
    return value


def folder(key: str, value: Any) -> str | None:
    """Return the name of an existing folder, or None."""
    if value is None:
        return None
    name = os.fspath(value) if isinstance(value, (str, os.PathLike)) else str(value)
    if not os.path.isdir(name):
        raise ConfigurationError(f"{key}: there is no folder {name!r}")
    return name


def origins(key: str, value: Any) -> frozenset[str]:
    """Return one or several origins, such as ``https://panel.lab``."""
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, Sequence) and not isinstance(found, (set, frozenset)):
        raise ConfigurationError(f"{key}: {value!r} is no list of origins, such as https://panel.lab")
    for origin in found:
        if not _is_origin(origin):
            raise ConfigurationError(
                f"{key}: {origin!r} is no origin; it has a scheme and a host, such as https://panel.lab"
            )
    return frozenset(found)


def auth(host: str, given: Sequence[Secret], allowed: frozenset[str]) -> Auth:
    """Look the secrets up.

    Args:
        host: the address that is listened at.
        given: token, name and password.
        allowed: origins of pages that may ask.

    Raises:
        ConfigurationError: one cannot be read or is empty, or a name has no password.
    """
    auth = scarab.Authentication()
    spec = {}
    for (item, variable), secret in zip(ENVIRONMENT.items(), given, strict=True):
        if secret is not None:
            check_secret(f"http_{item}", secret)
        from_user = dict(secret) if isinstance(secret, Mapping) else {} if secret is None else {"value": secret}
        spec[item] = {"env": variable, **from_user}
    try:
        auth.add_groups({_GROUP: spec})
        auth.process_spec()
    except EmptySecret as error:
        raise ConfigurationError(f"http_{error.item}: {error}") from None
    except scarab.AuthenticationError as error:
        raise ConfigurationError(str(error)) from None
    found = {item: auth.get(_GROUP, item, "") for item in spec}
    for item, secret in zip(ENVIRONMENT, given, strict=True):
        if secret is not None and not found[item]:  # a variable that is not set must not let everybody in
            raise ConfigurationError(f"http_{item}: it is empty; leave it out, or say what it is")
    if bool(found["username"]) != bool(found["password"]):
        raise ConfigurationError("http_username and http_password go together; one of them is missing")
    return Auth(host, **found, origins=allowed)


def http_status(return_code: int) -> int:
    """Return the HTTP status for a return code of the mesh; codes of an application are errors of a service."""
    return _CODES.get(return_code) or _HUNDREDS.get(return_code // 100, 500)


def _is_origin(value: Any) -> bool:
    try:
        parts = urlsplit(value)
        return isinstance(value, str) and bool(parts.scheme and parts.netloc) and not (parts.path or parts.query)
    except (ValueError, TypeError, AttributeError):
        return False
