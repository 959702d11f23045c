"""Whether the broker's name leads to an address, and whether its port is open."""

from __future__ import annotations

import socket

from dripline.config.mesh import MeshSettings
from dripline.doctor.report import Notes
from dripline.doctor.sockets import connect, within
from dripline.wire.safe_text import duration

_LOCAL = ("localhost", "127.0.0.1", "::1")
_PORTS = (5672, 5671)  # AMQP, and AMQP with TLS


def examine_address(notes: Notes, mesh: MeshSettings, timeout_s: float) -> bool:
    """Resolve the name and open the port; tells whether somebody listens."""
    addresses = _resolve(notes, mesh, timeout_s)
    return bool(addresses) and _knock(notes, mesh, timeout_s, addresses)


def is_local(mesh: MeshSettings) -> bool:
    """Whether the broker is on this machine, as far as its name tells."""
    return mesh.broker in _LOCAL


def _resolve(notes: Notes, mesh: MeshSettings, timeout_s: float) -> list[str]:
    host = mesh.broker
    remedy = f"getent hosts {host}; or name another host with -b HOST, or broker: in the configuration"
    try:
        found = within(timeout_s, lambda: socket.getaddrinfo(host, mesh.broker_port, type=socket.SOCK_STREAM))
    except TimeoutError:
        notes.broken(f"the name {host!r} is not resolved within {duration(timeout_s)}", remedy)
    except (OSError, UnicodeError) as error:
        notes.broken(f"the name {host!r} leads nowhere ({_reason(error)})", remedy)
    else:
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))
    return []


def _knock(notes: Notes, mesh: MeshSettings, timeout_s: float, addresses: list[str]) -> bool:
    where = f"{mesh.broker}:{mesh.broker_port}"
    try:
        with connect(mesh, timeout_s) as sock:
            peer = str(sock.getpeername()[0])
    except TimeoutError:
        notes.broken(
            f"nobody answers at {where} within {duration(timeout_s)} ({', '.join(addresses)}): the machine is "
            "down, or a firewall drops what comes",
            f"ping {mesh.broker}, or -b HOST",
        )
    except OSError as error:
        notes.broken(f"nobody listens at {where} ({_reason(error)})", _remedy(mesh), addresses=addresses)
    else:
        notes.ok(f"{where} is open ({peer})", addresses=addresses, peer=peer)
        return True
    return False


def _remedy(mesh: MeshSettings) -> str:
    if is_local(mesh):
        return "dl broker, or systemctl status rabbitmq-server, or -b HOST for a broker elsewhere"
    ports = " or ".join(f"-p {port}" for port in _PORTS if port != mesh.broker_port)
    return f"systemctl status rabbitmq-server on {mesh.broker}, or -b HOST for another one, or {ports}"


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
