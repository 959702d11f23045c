"""Whether the broker lets us in, and into the virtual host."""

from __future__ import annotations

from shlex import quote
from typing import TYPE_CHECKING, Any

from dripline.doctor.address import is_local
from dripline.doctor.peer import Product
from dripline.doctor.report import Notes
from dripline.doctor.sockets import context_for
from dripline.transport.address import BrokerAddress
from dripline.wire.safe_text import duration

if TYPE_CHECKING:
    import pika

    from dripline.config.mesh import MeshSettings
    from dripline.programs.session import Session

# A broker waits before it refuses, so that nobody guesses fast.
_PATIENCE = 4
_WRONG = "wrong name or password"


def examine_login(notes: Notes, session: Session, product: Product, timeout_s: float) -> Any:
    """Log in as members of the mesh do.

    Returns:
        An open `pika.BlockingConnection`, or None.
    """
    import pika
    from pika.adapters.utils.connection_workflow import AMQPConnectorException
    from pika.exceptions import (
        AMQPError,
        AuthenticationError,
        ProbableAccessDeniedError,
        ProbableAuthenticationError,
    )

    offered: list[int] = []
    mesh = session.mesh
    address = BrokerAddress.of(mesh, session.username, session.password)
    try:
        connection = pika.BlockingConnection(_parameters(address, mesh, offered, timeout_s * _PATIENCE))
    except (ProbableAuthenticationError, AuthenticationError):
        why = "no user of the name in it, or no login by certificates" if address.by_certificate else _WRONG
        notes.broken(f"{address.user} is refused: {why}", _other_login(session, product))
    except ProbableAccessDeniedError as error:
        _tell_refused_host(notes, session, str(error))
    except AMQPConnectorException:  # how pika gives up waiting
        notes.broken(
            f"the broker does not go on with the login (not within {duration(timeout_s * _PATIENCE)})",
            "look into the broker's log",
        )
    except (AMQPError, OSError) as error:
        reason = " ".join(map(str, error.args)) or type(error).__name__
        notes.broken(f"the broker hangs up during the login ({reason})", "look into the broker's log")
    else:
        heartbeat = _chosen(mesh, offered[0]) if offered else 0
        every = f"every {heartbeat} s" if heartbeat else "none"
        notes.ok(
            f"{address.user} on virtual host {mesh.virtual_host!r}; heartbeats: {every}",
            heartbeat_s=heartbeat,
        )
        return connection
    return None


def _parameters(
    address: BrokerAddress, mesh: MeshSettings, offered: list[int], timeout_s: float
) -> pika.ConnectionParameters:
    import pika

    from dripline.transport.pika_adapter import credentials_for

    def choose(_connection: Any, offer: int) -> int:
        offered.append(offer)
        return _chosen(mesh, offer)

    return pika.ConnectionParameters(
        host=mesh.broker,
        port=mesh.broker_port,
        virtual_host=mesh.virtual_host,
        credentials=credentials_for(address),
        heartbeat=choose,
        socket_timeout=timeout_s,
        stack_timeout=timeout_s,
        blocked_connection_timeout=timeout_s,
        ssl_options=pika.SSLOptions(context_for(mesh), mesh.broker) if mesh.tls else None,
        client_properties={"connection_name": "dl doctor", "product": "dripline"},
    )


def _chosen(mesh: MeshSettings, offer: int) -> int:
    """The shorter of two intervals; 0 is none."""
    return min(mesh.heartbeat_s, offer) or max(mesh.heartbeat_s, offer)


def _other_login(session: Session, product: Product) -> str:
    if session.mesh.auth_mechanism != "plain":
        return "auth_mechanism: plain; RabbitMQ needs its plugin rabbitmq_auth_mechanism_ssl for the other"
    ways = "-u NAME and --password-file FILE, or DRIPLINE_USER and DRIPLINE_PASSWORD"
    if product.name != "RabbitMQ":
        return ways
    if session.username == "guest" and not is_local(session.mesh):
        return f"{ways}: RabbitMQ lets guest in from its own machine only"
    return f"{ways}; on the broker: rabbitmqctl authenticate_user {quote(session.username)}"


def _tell_refused_host(notes: Notes, session: Session, reason: str) -> None:
    host, user = session.mesh.virtual_host, session.username
    if "not found" in reason:
        notes.broken(
            f"there is no virtual host {host!r}",
            "virtual_host: / in dripline_mesh; on the broker: rabbitmqctl list_vhosts, "
            f"rabbitmqctl add_vhost {quote(host)}",
        )
    else:
        notes.broken(
            f"user {user!r} may not use virtual host {host!r}",
            f"on the broker: rabbitmqctl set_permissions -p {quote(host)} {quote(user)} '.*' '.*' '.*'",
        )
