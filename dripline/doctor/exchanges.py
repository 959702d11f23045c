"""Whether the exchanges are as members declare them, and what the user may do with them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Sequence
from shlex import quote
from typing import TYPE_CHECKING, Any

from dripline.doctor.peer import Product
from dripline.doctor.report import Notes
from dripline.doctor.topology import LOCKED, has_exchange, refusal_of, restoring, state_of_queue

if TYPE_CHECKING:
    from dripline.programs.session import Session

_REFUSED, _FAILED = 403, 406
# inequivalent arg 'durable' for exchange 'alerts' in vhost '/': received 'false' but current is 'true'
_DIFFERENCE = re.compile(r"inequivalent arg '(\w+)' .*received '?(\w+)'? but current is '?([\w-]+)'?")


def examine_exchanges(
    notes: Notes,
    session: Session,
    connection: Any,
    product: Product,
    services: Sequence[str] = (),
    thorough: bool = True,
) -> bool:
    """Look at both exchanges.

    Args:
        notes: where the findings go.
        session: names the exchanges.
        connection: an open `pika.BlockingConnection`.
        product: what the broker is.
        services: names of services that are to be examined, if any are named.
        thorough: whether to try to publish too, which leaves a line in the log of RabbitMQ.

    Returns:
        Whether there can be anybody on the mesh: both exchanges are there, and as they must be.
    """
    examined = _Exchanges(notes, session, connection, thorough and product.name == "RabbitMQ")
    names = [session.mesh.requests_exchange, session.mesh.alerts_exchange]
    missing = [name for name in names if not has_exchange(connection, name)]
    good = [name for name in names if name not in missing and examined.is_right(name)]
    present = [name for name in services if missing and state_of_queue(connection, name) == LOCKED]
    if missing and (present or len(missing) < len(names)):  # services always declare both
        which, are = " and ".join(map(repr, missing)), "s are" if len(missing) > 1 else " is"
        notes.broken(
            f"exchange{are} missing: {which}; deleted by somebody, so that no messages go through",
            restoring(session.mesh, present[0] if present else "any service"),
            missing=missing,
        )
    elif missing:
        notes.warning(
            f"not there yet: {' and '.join(map(repr, missing))}; nobody was on this mesh since the broker started",
            "dl serve FILE; or other names: --requests-exchange, --alerts-exchange; or another virtual host",
            missing=missing,
        )
    if good:
        notes.ok(f"{' and '.join(map(repr, good))}: topic, not durable, to be used by {session.username!r}")
    return len(good) == len(names)


class _Exchanges:
    """Asks the broker; what it refuses ends a channel, never the connection."""

    def __init__(self, notes: Notes, session: Session, connection: Any, tells_permissions: bool) -> None:
        self._notes = notes
        self._session = session
        self._connection = connection
        self._tells_permissions = tells_permissions

    def is_right(self, name: str) -> bool:
        """Whether it is as members want it, and they may use it."""
        # It is there, so that this changes nothing: the broker compares.
        code, text = self._try(lambda channel: channel.exchange_declare(name, "topic"))
        if code == _FAILED:
            self._tell_difference(name, text)
        elif code:
            self._tell_refusal(name, "declare", text)
        if code:
            return False
        return all([self._may(name, "bind to", self._bind), self._may(name, "publish to", self._publish)])

    def _may(self, name: str, what: str, action: Callable[[Any, str], object]) -> bool:
        code, text = self._try(lambda channel: action(channel, name))
        if code == _REFUSED:
            self._tell_refusal(name, what, text)
        return code != _REFUSED

    def _bind(self, channel: Any, name: str) -> None:
        queue = channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
        channel.queue_bind(queue, name, f"doctor-{uuid.uuid4()}")
        channel.queue_delete(queue)

    def _publish(self, channel: Any, name: str) -> None:
        import pika

        if not self._tells_permissions:
            return  # the embedded broker knows none, and might deliver it
        # RabbitMQ looks at the permission first, and then refuses the expiration: nothing is ever delivered.
        channel.basic_publish(name, f"doctor-{uuid.uuid4()}", b"", pika.BasicProperties(expiration="never"))
        channel.queue_declare("", exclusive=True, auto_delete=True)  # so that the broker's answer is awaited

    def _try(self, action: Callable[[Any], object]) -> tuple[int, str]:
        return refusal_of(self._connection, action)

    def _tell_difference(self, name: str, text: str) -> None:
        host = self._session.mesh.virtual_host
        found = _DIFFERENCE.search(text)
        differs = f"{found[1]} is {found[3]}, a mesh wants {found[2]}" if found else text
        self._notes.broken(
            f"exchange {name!r} was declared by somebody in another way: {differs}",
            f"stop who declares it so, then rabbitmqadmin -V {quote(host)} delete exchange "
            f"name={quote(name)}; or another virtual host for the mesh",
        )

    def _tell_refusal(self, name: str, what: str, text: str) -> None:
        user, host = self._session.username, self._session.mesh.virtual_host
        self._notes.broken(
            f"user {user!r} may not {what} exchange {name!r} ({text})",
            f"on the broker: rabbitmqctl set_permissions -p {quote(host)} {quote(user)} '.*' '.*' '.*'",
        )
