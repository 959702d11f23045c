"""The examinations in order: each needs the ones before it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dripline.doctor.report import BROKER, CONFIGURATION, SERVICE, Report
from dripline.doctor.wanted import Wanted
from dripline.errors import BrokerError

if TYPE_CHECKING:
    from dripline.doctor.peer import Product
    from dripline.programs.session import Session

_ORDER = ("installation", "configuration", "address", "encryption", "login", "exchanges", "services", "clock")
_PATIENCE = 4
_GOODBYE_S = 1.0


def examine(wanted: Wanted, report: Report) -> None:
    """Examine all that can be examined.

    Args:
        wanted: what is asked.
        report: where the findings go.
    """
    from dripline.doctor.configuration import examine_configuration
    from dripline.doctor.installation import examine_extensions, examine_installation

    notes = report.notes("installation", CONFIGURATION)
    if not examine_installation(notes):
        report.leave_out(_ORDER[1:])
        return
    examine_extensions(notes)
    session = examine_configuration(report.notes("configuration", CONFIGURATION), wanted.common, wanted.files)
    if session is None:
        report.leave_out(_ORDER[2:])
        return
    last = _examine_broker(wanted, session, report)
    left_out = _ORDER[_ORDER.index(last) + 1 :]
    report.leave_out(name for name in left_out if name != "encryption" or session.mesh.tls)


def _examine_broker(wanted: Wanted, session: Session, report: Report) -> str:
    """Walk along the way to the broker and on, as far as its links hold; which was the last."""
    from dripline.doctor.address import examine_address
    from dripline.doctor.encryption import examine_encryption
    from dripline.doctor.login import examine_login
    from dripline.doctor.peer import examine_peer
    from dripline.doctor.sockets import within

    mesh, timeout_s = session.mesh, wanted.timeout_s
    address = report.notes("address", BROKER)
    if not examine_address(address, mesh, timeout_s):
        return "address"
    if mesh.tls and not examine_encryption(report.notes("encryption", BROKER), mesh, timeout_s):
        return "encryption"
    product = examine_peer(address, mesh, timeout_s)
    if product is None:
        return "encryption"
    connection = examine_login(report.notes("login", BROKER), session, product, timeout_s)
    if connection is None:
        return "login"
    try:
        return _examine_mesh(wanted, session, report, connection, product)
    finally:
        with suppress(Exception):  # anything at all: a thread that waits for a silent broker may be using it still
            within(_GOODBYE_S, connection.close)


def _examine_mesh(wanted: Wanted, session: Session, report: Report, connection: Any, product: Product) -> str:
    """Look at what is behind the login; the last link that could be examined."""
    from pika.exceptions import AMQPError

    from dripline.doctor.durable_queues import examine_durable_queues
    from dripline.doctor.exchanges import examine_exchanges
    from dripline.doctor.services import examine_services, named
    from dripline.doctor.sockets import within

    exchanges = report.notes("exchanges", BROKER)
    services, clock = report.notes("services", SERVICE), report.notes("clock", SERVICE)
    try:
        # A dozen answers; pika waits for each without a limit.
        good = within(
            _PATIENCE * wanted.timeout_s,
            lambda: examine_exchanges(
                exchanges, session, connection, product, list(named(wanted)), not wanted.services
            ),
        )
        if good:
            names = examine_services(services, clock, session, wanted, connection)
            examine_durable_queues(exchanges, session, connection, product, names)
            return "clock"
    except (AMQPError, BrokerError, TimeoutError) as error:
        reason = " ".join(map(str, error.args)) or type(error).__name__
        exchanges.broken(f"the broker does not go on ({reason})", "look into the broker's log")
    return "exchanges"
