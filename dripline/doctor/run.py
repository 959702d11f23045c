"""Runs the examinations in order; each one needs the previous ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dripline.doctor.report import BROKER, CONFIGURATION, SERVICE, DoctorOptions, Report
from dripline.errors import BrokerError

if TYPE_CHECKING:
    from dripline.doctor.broker_link import BrokerLink
    from dripline.programs.session import Session

_ORDER = ("installation", "configuration", "address", "encryption", "login", "exchanges", "services", "clock")


def examine(options: DoctorOptions, report: Report) -> None:
    """Examine all that can be examined.

    Args:
        options: what is asked.
        report: where the findings go.
    """
    from dripline.doctor.configuration import examine_configuration
    from dripline.doctor.installation import examine_extensions, examine_installation

    record = report.recorder("installation", CONFIGURATION)
    if not examine_installation(record):
        report.left_out += _ORDER[1:]
        return
    examine_extensions(record)
    session = examine_configuration(report.recorder("configuration", CONFIGURATION), options.common, options.files)
    if session is None:
        report.left_out += _ORDER[2:]
        return
    from dripline.doctor.broker import examine_broker

    last, link = examine_broker(report, session, options.timeout_s)
    if link is not None:
        try:
            last = _examine_mesh(options, session, report, link)
        finally:
            link.close()
    left_out = _ORDER[_ORDER.index(last) + 1 :]
    report.left_out += [name for name in left_out if name != "encryption" or session.mesh.tls]


def _examine_mesh(options: DoctorOptions, session: Session, report: Report, link: BrokerLink) -> str:
    """Look at what is behind the login; the last link that could be examined."""
    from dripline.doctor.services import examine_services, services_of
    from dripline.doctor.topology import examine_delivery_limits, examine_exchanges

    exchanges = report.recorder("exchanges", BROKER)
    services, clock = report.recorder("services", SERVICE), report.recorder("clock", SERVICE)
    try:
        if examine_exchanges(exchanges, session, link, list(services_of(options)), not options.services):
            names = examine_services(services, clock, session, options, link)
            examine_delivery_limits(exchanges, session, link, names)
            return "clock"
    except BrokerError as error:
        exchanges.broken(f"the broker does not go on ({error})", "look into the broker's log")
    return "exchanges"
