"""Identifies what answers at the broker's address if it is not an AMQP broker."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

from dripline.errors import BrokerUnreachable
from dripline.transport.address import BrokerAddress

_HTTP_REQUEST = b"GET / HTTP/1.0\r\n\r\n"
_FRAME_TYPES = (1, 2, 3, 8)
_TLS_ALERT = b"\x15\x03"
_OUR_GREETING = b"AMQP\x00\x00\x09\x01"
_VERSIONS = {b"\x01\x01\x08\x00": "0-8", b"\x01\x01\x00\x09": "0-9", b"\x01\x01\x00\x0a": "0-10"}
_SHOWN = 40
_LONGEST_PAGE = 4096
_PROBE_S = 2.0


def described(address: BrokerAddress, said: bytes) -> BrokerUnreachable | None:
    """Describe a peer by the first bytes that it sent; None if they could be AMQP 0-9-1.

    Args:
        address: Where it listens.
        said: The bytes, perhaps none.
    """
    if not said or said[0] in _FRAME_TYPES:
        return None
    if said.startswith(_OUR_GREETING):
        return _wrong(address, f"{address} sends back what it receives, it is not an AMQP broker")
    if said.startswith(b"AMQP"):
        return _wrong(address, f"{address} speaks AMQP {_version(said[4:8])}, not 0-9-1")
    if said.startswith(_TLS_ALERT):
        return _needs_tls(address)
    if said.startswith(b"HTTP/"):
        return _wrong(address, f"an HTTP server answers at {address}, not an AMQP broker")
    shown = repr(said[:_SHOWN].decode("latin-1"))
    return _wrong(address, f"{address} does not answer as an AMQP 0-9-1 broker, it sends {shown}")


def probed(address: BrokerAddress) -> BrokerUnreachable | None:
    """Describe a peer that says nothing in AMQP, by trying HTTP and TLS; None if it answers neither.

    Args:
        address: Where it listens.
    """
    if address.tls is not None:
        return None
    if speaks_tls(address):
        return _needs_tls(address)
    page = http_answer(address)
    return described(address, page) if page.startswith(b"HTTP/") else None


def final(text: str) -> BrokerUnreachable:
    """Make an error after which trying again does not help."""
    error = BrokerUnreachable(text)
    error.is_final = True
    return error


def _wrong(address: BrokerAddress, text: str) -> BrokerUnreachable:
    return final(f"{text}; is it the right port? Set it with {address.advice('-p', 'broker_port')}")


def _needs_tls(address: BrokerAddress) -> BrokerUnreachable:
    remedy = address.advice(
        f"use --tls (tls: true, or broker: amqps://{address})", f"set tls: true, or broker: amqps://{address}"
    )
    return final(f"{address} expects TLS, and the connection is set to plain AMQP; {remedy}")


def _version(number: bytes) -> str:
    if number in _VERSIONS:
        return _VERSIONS[number]
    return "1.0" if number[1:2] == b"\x01" and number[0] != 1 else number.hex(".")


def http_answer(address: BrokerAddress, timeout_s: float = _PROBE_S) -> bytes:
    """What a peer answers to a request for a web page; empty if it does not answer.

    Args:
        address: Where it listens.
        timeout_s: Longest wait, in seconds.
    """
    deadline = time.monotonic() + timeout_s
    data = b""
    with contextlib.suppress(OSError), _stream(address, timeout_s) as sock:
        sock.sendall(_HTTP_REQUEST)
        while len(data) < _LONGEST_PAGE and b"\r\n\r\n" not in data:
            sock.settimeout(max(0.001, deadline - time.monotonic()))  # a byte now and then is no answer
            more = sock.recv(_LONGEST_PAGE)
            if not more:
                break
            data += more
    return data


def _stream(address: BrokerAddress, timeout_s: float) -> socket.socket:
    sock = socket.create_connection((address.host, address.port), timeout_s)
    if address.tls is None:
        return sock
    from dripline.transport.tls import client_context

    with sock:  # a socket that is wrapped is empty, and closing it does nothing
        return client_context(address.tls).wrap_socket(sock, server_hostname=address.host)


def speaks_tls(address: BrokerAddress, timeout_s: float = _PROBE_S) -> bool:
    """Whether a peer answers a TLS handshake, be it with a refusal."""
    context = ssl.create_default_context()  # the identity of the peer does not matter here
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with socket.create_connection((address.host, address.port), timeout_s) as sock:
            context.wrap_socket(sock, server_hostname=address.host).close()
    except ssl.SSLError as error:  # it answers in TLS, and refuses us
        return "_ALERT_" in (error.reason or "")
    except (OSError, ValueError):
        return False
    return True
