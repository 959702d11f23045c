"""TLS engine on bytes, and certificate files.

The engine knows no socket: it turns what we say into what travels, and back. OpenSSL's object must not be used by
two threads at a time, and over a socket of its own a write may want to read first. Over memory neither a read nor
a write ever waits: a lock around each call is enough, and `SocketLoop` writes and keeps back bytes as always.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import ssl
import time
from typing import Any

from dripline.errors import ConfigurationError
from dripline.transport.address import BrokerAddress, TlsSettings
from scarab.secret_files import warn_if_others_can_read

logger = logging.getLogger("dripline.connection")

_READ_SIZE = 64 * 1024
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_KEY = "PRIVATE KEY-----"
_told_unverified: set[str] = set()


class TlsEngine:
    """One side of a TLS conversation. Not safe for threads: one call at a time.

    Args:
        context: Certificates, and what is asked of the peer.
        host: The name that the peer has to prove.

    Attributes:
        ended: Whether the peer has said goodbye.
    """

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self.ended = False
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._ssl = context.wrap_bio(self._in, self._out, server_hostname=host)

    @property
    def version(self) -> str:
        """The protocol agreed on, such as `TLSv1.3`."""
        return str(self._ssl.version())

    @property
    def certificate(self) -> dict[str, Any]:
        """The peer's verified certificate; empty if it is not verified."""
        return dict(self._ssl.getpeercert() or {})

    def shake_hands(self, sock: socket.socket, timeout_s: float) -> None:
        """Agree with the peer on everything.

        Args:
            sock: A connected socket that waits.
            timeout_s: Longest wait for all of it, in seconds.

        Raises:
            TimeoutError: The peer did not answer in time.
            OSError: It hung up, speaks no TLS (`ssl.SSLError`), or is not who it should be
                (`ssl.SSLCertVerificationError`).
        """
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                self._ssl.do_handshake()
            except ssl.SSLWantReadError:
                self._exchange(sock, deadline)
                continue
            except ssl.SSLError:
                with contextlib.suppress(OSError):  # the peer may log why we go
                    sock.send(self._out.read())
                raise
            sock.sendall(self._out.read())
            return

    def encrypt(self, data: bytes | bytearray) -> bytes:
        """What travels for what we say.

        Raises:
            ConnectionError: Nothing can be said any longer.
        """
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._ssl.write(rest) :]
        except ssl.SSLError as error:
            raise ConnectionError(f"TLS has ended: {error.reason or error}") from None
        return self._out.read()

    def decrypt(self, data: bytes) -> tuple[bytes, bytes]:
        """What the peer said with the bytes that came.

        Args:
            data: As they came.

        Returns:
            What it said, as far as that is complete; and what has to travel back for TLS's own sake.

        Raises:
            ssl.SSLError: The peer refuses us, or the bytes make no sense.
        """
        self._in.write(data)
        pieces = []
        try:
            while piece := self._ssl.read(_READ_SIZE):
                pieces.append(piece)
            self.ended = True
        except ssl.SSLWantReadError:
            pass  # the next record is not complete
        except ssl.SSLZeroReturnError:
            self.ended = True
        return b"".join(pieces), self._out.read()

    def goodbye(self) -> bytes:
        """What tells the peer that nothing follows."""
        with contextlib.suppress(ssl.SSLError):
            self._ssl.unwrap()
        return self._out.read()

    def _exchange(self, sock: socket.socket, deadline: float) -> None:
        """Send what waits to be sent, and take something in."""
        sock.settimeout(max(0.001, deadline - time.monotonic()))
        sock.sendall(self._out.read())
        data = sock.recv(_READ_SIZE)
        if not data:
            raise ConnectionResetError("the broker hung up")
        self._in.write(data)


def start_tls(sock: socket.socket, address: BrokerAddress, context: ssl.SSLContext, timeout_s: float) -> TlsEngine:
    """Encrypt a connected socket.

    Args:
        sock: The socket, with nothing said on it yet.
        address: Whom it leads to.
        context: What `client_context` returns.
        timeout_s: Longest wait for the handshake, in seconds.

    Raises:
        ConfigurationError: A file of certificates cannot be used.
        OSError: See `TlsEngine.shake_hands`.
    """
    engine = TlsEngine(context, address.host)
    engine.shake_hands(sock, timeout_s)
    if context.verify_mode == ssl.CERT_NONE and str(address) not in _told_unverified:
        _told_unverified.add(str(address))
        logger.warning(
            "verification is off: whoever answers at %s is taken for the broker, and gets the password", address
        )
    return engine


def client_context(tls: TlsSettings) -> ssl.SSLContext:
    """What a client asks of brokers and shows to them.

    Raises:
        ConfigurationError: A file of certificates cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies, the name too
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # with it a write might want to read
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca_file is None:
        context.load_default_certs()
    else:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # the file may hold the broker's own certificate
        load_authorities(context, tls.ca_file)
    if tls.certificate_file is not None:
        load_certificate(context, tls.certificate_file, tls.key_file)
    return context


# -- files of certificates and keys --------------------------------------------------------------------------


def load_authorities(context: ssl.SSLContext, ca_file: str) -> None:
    """Let a context trust the authorities in a file.

    Raises:
        ConfigurationError: It cannot be read or holds no certificate.
    """
    _require(_CERTIFICATE, "certificate", "ca_file", ca_file)
    try:
        context.load_verify_locations(cafile=os.path.expanduser(ca_file))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"ca_file {ca_file}: damaged: {_reason(error)}") from None


def check_certificate(certificate_file: str, key_file: str | None) -> None:
    """Find out whether a certificate could be shown; raises what `load_certificate` does."""
    load_certificate(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate_file, key_file)


def load_certificate(context: ssl.SSLContext, certificate_file: str, key_file: str | None) -> None:
    """Let a context show a certificate.

    Args:
        context: The context.
        certificate_file: The certificate, and perhaps those up to its authority.
        key_file: Its key; None when that is in the same file.

    Raises:
        ConfigurationError: A file cannot be read, holds something else, or the two do not belong together.
    """
    _require(_CERTIFICATE, "certificate", "certificate_file", certificate_file)
    name, place = ("key_file", key_file) if key_file is not None else ("certificate_file", certificate_file)
    text = _require(_KEY, "key", name, place)
    warn_if_others_can_read(place, "key")
    if "ENCRYPTED" in text:
        raise ConfigurationError(
            f"{name} {place}: the key is locked with a passphrase, which nobody can type here; "
            f"openssl pkey -in {place} -out unlocked-key.pem, then chmod 600 unlocked-key.pem"
        )
    try:
        context.load_cert_chain(os.path.expanduser(certificate_file), os.path.expanduser(place))
    except (OSError, ValueError) as error:
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            text = (
                f"the key in {place} does not belong to the certificate in {certificate_file}; name the right ones"
            )
        else:
            text = f"certificate {certificate_file} with key {place} cannot be used: {_reason(error)}"
        raise ConfigurationError(text) from None


def _require(mark: str, what: str, setting: str, path: str) -> str:
    """The text of a PEM file, with what it has to hold in it."""
    try:
        with open(os.path.expanduser(path), "rb") as file:
            text = file.read().decode("ascii", "replace")
    except (OSError, ValueError) as error:  # a name with a zero in it is a ValueError
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"{setting} {path}: {reason}; name a PEM file that can be read") from None
    if mark not in text:
        option = "pkey" if what == "key" else "x509"
        converted = f"openssl {option} -inform DER -in {path} converts one"
        other = ", or name it as key_file (--key)" if what == "key" and setting == "certificate_file" else ""
        raise ConfigurationError(f"{setting} {path}: no {what} in PEM form in it; {converted}{other}")
    return text


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", None) or getattr(error, "strerror", None) or error)
