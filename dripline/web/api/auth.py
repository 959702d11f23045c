"""Authentication: tokens, user names with passwords, and the origin check."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit


@dataclass(frozen=True, repr=False)
class Auth:
    """The rules of one server.

    Attributes:
        host: the address it listens at.
        token: what `Authorization: Bearer …` must say; empty for none.
        username: what basic authentication must say; empty for none.
        password: its secret.
        origins: further origins whose pages may ask, such as ``https://panel.lab``.
    """

    host: str
    token: str = ""
    username: str = ""
    password: str = ""
    origins: frozenset[str] = frozenset()

    @property
    def asks_who(self) -> bool:
        """Whether a token or a name is wanted."""
        return bool(self.token or self.username)

    @property
    def is_open_to_all(self) -> bool:
        """Whether anybody on the network may do anything."""
        return not is_loopback(self.host) and not self.asks_who

    def refusal(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Say why a request is refused, with its HTTP status; None when it is not."""
        stranger = self.stranger(headers)
        if stranger is not None:
            return 403, stranger
        if self.asks_who and not self._knows(headers.get("Authorization", "")):
            return 401, "a token or a name with its password is wanted"
        return None

    def stranger(self, headers: Mapping[str, str]) -> str | None:
        """Say why a request comes from a page that may not ask; None when it does not."""
        host = headers.get("Host", "")
        # A page whose name was made to lead here (DNS rebinding) carries that name.
        if is_loopback(self.host) and not is_loopback(_name(host)) and not self._serves(host):
            return (
                f"this server answers to localhost, not to {host!r}; name its origin in http_origins if it should"
            )
        origin = headers.get("Origin")
        here = bool(host) and _split(origin or "").netloc == host
        if origin is not None and origin not in self.origins and not here:
            return f"pages of {origin} may not ask here; name it in http_origins if they should"
        return None

    def lets_read(self, headers: Mapping[str, str]) -> str | None:
        """The origin elsewhere whose page may read the answer, as the browser must be told; None without one."""
        origin = headers.get("Origin")
        return origin if origin in self.origins else None

    def _serves(self, host: str) -> bool:
        """Whether a proxy before this server has that name."""
        return any(_split(origin).netloc == host for origin in self.origins)

    def _knows(self, authorization: str) -> bool:
        kind, _, rest = authorization.partition(" ")
        if kind.lower() == "bearer" and self.token:
            return _same(rest.strip(), self.token)
        if kind.lower() == "basic" and self.username:
            return _same(_decoded(rest), f"{self.username}:{self.password}")
        return False


def is_loopback(host: str) -> bool:
    """Whether an address or name is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _same(given: str, wanted: str) -> bool:
    """Compare in a time that does not tell how much was right."""
    # What is no UTF-8 in a header comes as lone surrogates.
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode("utf-8", "surrogatepass"))


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:  # such as http://[
        return urlsplit("")


def _name(host: str) -> str:
    """The name in a `Host` header, without port and brackets."""
    return _split(f"//{host}").hostname or ""
