"""TLS as a function from bytes to bytes.

The engine knows no socket: it turns what we say into what travels, and back. OpenSSL's object must not be used by
two threads at a time, and over a socket of its own a write may want to read first. Over memory neither a read nor
a write ever waits: a lock around each call is enough, and `SocketLoop` writes and keeps back bytes as always.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import ssl
import time

from dripline.transport.address import BrokerAddress, TlsSettings
from dripline.transport.tls_files import load_authorities, load_certificate

logger = logging.getLogger("dripline.connection")

_READ_SIZE = 64 * 1024
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
