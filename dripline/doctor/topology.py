"""Examines exchanges, queues, bindings and delivery limits without changing them."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from shlex import quote
from typing import TYPE_CHECKING

import pika
from pika import frame, spec

from dripline.doctor.report import FindingRecorder
from dripline.runtime.shared_names import other_service, some
from dripline.transport.topology import UNLIMITED, is_limiting, policy_command
from dripline.wire.enums import op_t
from dripline.wire.message import Message, MsgRequest
from dripline.wire.safe_text import duration

if TYPE_CHECKING:
    from dripline.config.mesh import MeshSettings
    from dripline.doctor.broker_link import BrokerLink
    from dripline.programs.session import Session
    from dripline.runtime.client import MeshClient
    from dripline.transport.connection import Connection

NOT_FOUND, LOCKED = 404, 405
_REFUSED, _FAILED = 403, 406
# inequivalent arg 'durable' for exchange 'alerts' in vhost '/': received 'false' but current is 'true'
_DIFFERENCE = re.compile(r"inequivalent arg '(\w+)' .*received '?(\w+)'? but current is '?([\w-]+)'?")
_LONGEST_NAME = 255  # bytes, in AMQP
_ON_ITS_WAY_S = 0.3  # from one exchange to the next
_SECOND_ANSWER_S = 0.2
_LONGEST_S = 1.0
_LOOK_S = 0.01


def state_of_queue(link: BrokerLink, name: str) -> int:
    """0 for a queue that anybody may use, else why the broker does not show it: `NOT_FOUND` or `LOCKED`."""
    if len(name.encode()) > _LONGEST_NAME:
        return NOT_FOUND
    return link.refusal_of(spec.Queue.Declare(queue=name, passive=True))[0]


def has_exchange(link: BrokerLink, name: str) -> bool:
    """Whether there is such an exchange."""
    return link.refusal_of(spec.Exchange.Declare(exchange=name, type="topic", passive=True))[0] != NOT_FOUND


def restoring(mesh: MeshSettings, who: str) -> str:
    """What restores a deleted exchange or binding, as a remedy.

    Args:
        mesh: the mesh's settings.
        who: the service that restores it.
    """
    if not mesh.self_check_interval_s:
        return f"restart {who}"
    wait = duration(mesh.self_check_interval_s)
    return f"wait {wait} (self_check_interval_s) until {who} restores it; or restart {who}"


# -- exchanges -----------------------------------------------------------------------------------------------


def examine_exchanges(
    record: FindingRecorder,
    session: Session,
    link: BrokerLink,
    services: Sequence[str] = (),
    thorough: bool = True,
) -> bool:
    """Look at both exchanges.

    Args:
        record: where the findings go.
        session: names the exchanges.
        link: a connection to the broker.
        services: names of services that are to be examined, if any are named.
        thorough: whether to try to publish too, which leaves a line in the log of RabbitMQ.

    Returns:
        Whether there can be anybody on the mesh: both exchanges are there, and as they must be.
    """
    is_rabbitmq = link.product is not None and link.product.name == "RabbitMQ"
    is_right = partial(_is_right, record, session, link, thorough and is_rabbitmq)
    names = [session.mesh.requests_exchange, session.mesh.alerts_exchange]
    missing = [name for name in names if not has_exchange(link, name)]
    good = [name for name in names if name not in missing and is_right(name)]
    present = [name for name in services if missing and state_of_queue(link, name) == LOCKED]
    if missing and (present or len(missing) < len(names)):  # services always declare both
        which, are = " and ".join(map(repr, missing)), "s are" if len(missing) > 1 else " is"
        record.broken(
            f"exchange{are} missing: {which}; deleted by somebody, so that no messages go through",
            restoring(session.mesh, present[0] if present else "any service"),
            missing=missing,
        )
    elif missing:
        record.warning(
            f"not there yet: {' and '.join(map(repr, missing))}; nobody was on this mesh since the broker started",
            "dl serve FILE; or other names: --requests-exchange, --alerts-exchange; or another virtual host",
            missing=missing,
        )
    if good:
        record.ok(f"{' and '.join(map(repr, good))}: topic, not durable, to be used by {session.username!r}")
    return len(good) == len(names)


def _is_right(
    record: FindingRecorder, session: Session, link: BrokerLink, has_permissions: bool, name: str
) -> bool:
    """Whether an exchange is as members want it, and they may use it."""
    # It is there, so that this changes nothing: the broker compares.
    code, text = link.refusal_of(spec.Exchange.Declare(exchange=name, type="topic"))
    if code == _FAILED:
        _record_difference(record, session.mesh, name, text)
    elif code:
        _record_refusal(record, session, name, "declare", text)
    if code:
        return False
    queue, key = spec.Queue.Declare(exclusive=True, auto_delete=True), f"doctor-{uuid.uuid4()}"
    new_queue = spec.Queue.Declare(exclusive=True, auto_delete=True, nowait=True)  # "" is the queue declared last
    bind = spec.Queue.Bind(queue="", exchange=name, routing_key=key)
    tried = [("bind to", *link.refusal_of(bind, lambda number: frame.Method(number, new_queue).marshal()))]
    if has_permissions:  # the embedded broker knows none, and might deliver it
        tried.append(("publish to", *link.refusal_of(queue, partial(_refused_message, name, key))))
    refused = [(what, text) for what, code, text in tried if code == _REFUSED]
    for what, text in refused:
        _record_refusal(record, session, name, what, text)
    return not refused


def _refused_message(exchange: str, key: str, number: int) -> bytes:
    """A message that RabbitMQ never delivers: it checks the permission first, and then refuses the expiration."""
    method = frame.Method(number, spec.Basic.Publish(exchange=exchange, routing_key=key))
    header = frame.Header(number, 0, pika.BasicProperties(expiration="never"))
    return bytes(method.marshal() + header.marshal())


def _record_difference(record: FindingRecorder, mesh: MeshSettings, name: str, text: str) -> None:
    found = _DIFFERENCE.search(text)
    differs = f"{found[1]} is {found[3]}, a mesh wants {found[2]}" if found else text
    record.broken(
        f"exchange {name!r} was declared by somebody in another way: {differs}",
        f"stop who declares it so, then rabbitmqadmin -V {quote(mesh.virtual_host)} delete exchange "
        f"name={quote(name)}; or another virtual host for the mesh",
    )


def _record_refusal(record: FindingRecorder, session: Session, name: str, what: str, text: str) -> None:
    user, host = session.username, session.mesh.virtual_host
    record.broken(
        f"user {user!r} may not {what} exchange {name!r} ({text})",
        f"on the broker: rabbitmqctl set_permissions -p {quote(host)} {quote(user)} '.*' '.*' '.*'",
    )


# -- durable queues ------------------------------------------------------------------------------------------


def examine_delivery_limits(
    record: FindingRecorder, session: Session, link: BrokerLink, names: Iterable[str]
) -> None:
    """See whether the broker may drop alerts of durable consumers because they were delivered too often.

    Args:
        record: Where the findings go.
        session: Names the virtual host.
        link: A connection to the broker.
        names: The services, whose queues are ``<name>.alerts``.
    """
    product = link.product
    if product is None or not is_limiting(product.name, product.version):
        return
    for queue in (f"{name}.alerts" for name in names):
        declare = partial(spec.Queue.Declare, queue=queue, durable=True, arguments=UNLIMITED)
        if link.refusal_of(declare(passive=True))[0] == 0 and link.refusal_of(declare())[0]:
            record.warning(
                f"queue {queue!r} was declared without 'x-delivery-limit': -1; unless a policy lifts the limit, "
                "the broker drops alerts that were delivered 20 times, such as those a logger crashes on",
                f"on the broker: {policy_command(queue, session.mesh.virtual_host)}; a queue follows one policy "
                "only, so extend the one it has",
                queue=queue,
            )


def examine_durable(
    record: FindingRecorder, link: BrokerLink, client: MeshClient, services: Sequence[str], timeout_s: float
) -> None:
    """See whether alerts can reach the durable queues of services.

    Args:
        record: where the findings go.
        link: a connection to the broker.
        client: an open client.
        services: names of services, which may have such queues.
        timeout_s: longest wait for an alert of somebody else.
    """
    durable = [name for name in services if state_of_queue(link, f"{name}.alerts") == 0]
    if not durable:
        return
    mesh = client.link.mesh
    exchange, source, who = mesh.durable_alerts_exchange, mesh.alerts_exchange, durable[0]
    queues = " and ".join(repr(f"{name}.alerts") for name in durable)
    nothing = f"no alerts reach the durable {'queues' if len(durable) > 1 else 'queue'} {queues}"
    if not has_exchange(link, exchange):
        record.broken(f"exchange {exchange!r} is missing: {nothing}", restoring(mesh, who), missing=[exchange])
    elif _is_cut_off(client.link.connection, source, exchange, timeout_s):
        record.broken(f"exchange {exchange!r} is not bound to {source!r}: {nothing}", restoring(mesh, who))


def _is_cut_off(connection: Connection, source: str, exchange: str, timeout_s: float) -> bool:
    """Whether alerts that reach one exchange do not reach the other; only traffic of others can show that."""
    reached: set[str] = set()
    for name in (exchange, source):  # in this order: what the second one gets, the first one could get
        queue = connection.declare_queue()
        connection.consume(queue, lambda _, name=name: reached.add(name), no_ack=True)  # type: ignore[misc]  # of the loop
        if connection.bind_aside([(queue, name, "#")]):
            return False
    if not _await(lambda: source in reached, timeout_s):
        return False
    time.sleep(_ON_ITS_WAY_S)
    return exchange not in reached


def _await(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    return condition()


# -- names of several services -------------------------------------------------------------------------------


def examine_shared_names(record: FindingRecorder, client: MeshClient, names: Sequence[str]) -> None:
    """Ping names, and warn of those that several services answer to: a set or a command reaches all of them.

    Args:
        record: where the findings go.
        client: an open client.
        names: of services and endpoints.
    """
    requests: dict[str, str] = {}
    owners: dict[str, set[str]] = {}

    def take(message: Message) -> None:
        owner = other_service(message, "")
        name = requests.get(message.correlation_id)
        if owner and name:
            owners.setdefault(name, set()).add(owner)

    address = f"doctor-{uuid.uuid4()}"
    client.monitor([address], [], take, _LONGEST_S)
    for name in names:
        ping = MsgRequest.create(None, op_t.cmd, name, "ping", address)
        requests[ping.correlation_id] = name
        client.link.send_request(ping, expect_reply=False)
    _await(lambda: len(owners) >= len(requests), _LONGEST_S)
    time.sleep(_SECOND_ANSWER_S)
    shared: dict[tuple[str, ...], list[str]] = {}
    for name, found in list(owners.items()):
        if len(found) > 1:
            shared.setdefault(tuple(sorted(found)), []).append(name)
    for services, of_them in shared.items():
        record.warning(
            f"requests for {some(sorted(of_them))} reach {' and '.join(services)}",
            "rename them, or stop one of the services; with unique_endpoints: true a service refuses to start "
            "like that",
            endpoints=sorted(of_them),
        )
