"""What answers at the broker's address: a broker, or something else?"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass

from dripline.config.mesh import MeshSettings
from dripline.doctor.report import Notes
from dripline.doctor.sockets import AMQP_HEADER, connect, context_for, secured, unverified_context
from dripline.transport.topology import product_and_version
from dripline.wire.safe_text import duration

_HTTP = b"GET / HTTP/1.0\r\n\r\n"
_METHOD_FRAME, _TLS_ALERT = 1, 0x15
_HEADER_SIZE = 7
_LONGEST = 65536


@dataclass(frozen=True)
class Product:
    """What a broker says it is.

    Attributes:
        name: such as `RabbitMQ`.
        version: as it tells it.
    """

    name: str
    version: str

    def __str__(self) -> str:
        """Name and version, as messages to people name it."""
        return " ".join(part for part in (self.name, self.version) if part) or "a broker that gives no name"


def examine_peer(notes: Notes, mesh: MeshSettings, timeout_s: float) -> Product | None:
    """Find out what answers; None when it is no broker."""
    where = f"{mesh.broker}:{mesh.broker_port}"
    answer = _ask(mesh, AMQP_HEADER, timeout_s, whole_frame=True)
    product = product_of(answer)
    if product is not None:
        notes.ok(f"{product} answers, in AMQP 0-9-1", product=product.name, version=product.version)
        return product
    notes.broken(*_described(mesh, where, answer, timeout_s))
    return None


def _described(mesh: MeshSettings, where: str, answer: bytes, timeout_s: float) -> tuple[str, str]:
    """What it is instead, and the remedy."""
    port = "-p 5672, or another port: that of AMQP"
    if answer.startswith(b"AMQP"):
        return f"{where} speaks AMQP, but not 0-9-1 (it offers {answer[4:8].hex('.')})", port
    if answer[:1] == bytes([_TLS_ALERT]) or (not answer and not mesh.tls and _speaks_tls(mesh, timeout_s)):
        return (
            f"{where} speaks TLS, and the mesh is set to plain AMQP",
            f"--tls (tls: true), or -b amqps://{where}",
        )
    page = answer if b"HTTP" in answer[:20] else b"" if answer else _ask(mesh, _HTTP, timeout_s)
    if page.startswith(b"HTTP/"):
        return f"an HTTP server answers at {where}{_server_of(page)}, no broker", port
    if answer or page:
        return f"{where} answers, but not as a broker: {_quoted(answer or page)}", port
    return (
        f"{where} accepts connections, but gives no answer within {duration(timeout_s)}",
        f"{port}; or a longer -t if the broker is slow; systemctl status rabbitmq-server",
    )


def _ask(mesh: MeshSettings, question: bytes, timeout_s: float, whole_frame: bool = False) -> bytes:
    """What comes back; empty when nothing does."""
    try:
        with _stream(mesh, timeout_s) as sock:
            sock.sendall(question)
            return _read(sock, whole_frame, timeout_s)
    except OSError:
        return b""


def _stream(mesh: MeshSettings, timeout_s: float) -> socket.socket:
    sock = connect(mesh, timeout_s)
    return secured(sock, context_for(mesh), mesh.broker) if mesh.tls else sock


def _read(sock: socket.socket, whole_frame: bool, timeout_s: float) -> bytes:
    data = b""
    deadline = time.monotonic() + timeout_s
    try:
        while not data or (whole_frame and not _is_complete(data)):
            sock.settimeout(max(0.001, deadline - time.monotonic()))  # a byte now and then is no answer
            more = sock.recv(_LONGEST)
            if not more:
                break
            data += more
    except OSError:
        return data  # what came before it fell silent
    return data


def _is_complete(data: bytes) -> bool:
    """Whether there is a whole frame, or something that will never be one."""
    if data[:1] not in (b"", bytes([_METHOD_FRAME])):
        return True
    size = int.from_bytes(data[3:_HEADER_SIZE], "big") if len(data) >= _HEADER_SIZE else 0
    return len(data) > _HEADER_SIZE + size or size > _LONGEST


def product_of(answer: bytes) -> Product | None:
    """What a `connection.start` tells of its sender; None for anything else.

    Args:
        answer: what came back to the header of the protocol.
    """
    import pika

    if answer[:1] != bytes([_METHOD_FRAME]):
        return None
    try:
        _, frame = pika.frame.decode_frame(answer)
    except Exception:  # noqa: BLE001  # pika raises what it likes on bytes that are none of AMQP's
        return None
    method = getattr(frame, "method", None)
    if not isinstance(method, pika.spec.Connection.Start):
        return None
    return Product(*product_and_version(method.server_properties))


def _speaks_tls(mesh: MeshSettings, timeout_s: float) -> bool:
    try:
        secured(connect(mesh, timeout_s), unverified_context(), mesh.broker).close()
    except OSError:
        return False
    return True


def _server_of(page: bytes) -> str:
    for line in page.splitlines():
        if line.lower().startswith(b"server:"):
            return f" ({_quoted(line[7:].strip())})"
    return ""


def _quoted(data: bytes) -> str:
    return repr(data[:40].decode("latin-1"))
