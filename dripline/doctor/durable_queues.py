"""Whether the broker may drop alerts of durable consumers because they were delivered too often."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dripline.doctor.peer import Product
from dripline.doctor.report import Notes
from dripline.doctor.topology import refusal_of
from dripline.transport.topology import UNLIMITED, is_limiting, policy_command

if TYPE_CHECKING:
    from dripline.programs.session import Session


def examine_durable_queues(
    notes: Notes, session: Session, connection: Any, product: Product, names: Iterable[str]
) -> None:
    """Look at the queues ``<name>.alerts`` of services, where a broker limits deliveries.

    Args:
        notes: Where the findings go.
        session: Names the virtual host.
        connection: An open `pika.BlockingConnection`.
        product: What the broker is.
        names: The services.
    """
    if not is_limiting(product.name, product.version):
        return
    for queue in (f"{name}.alerts" for name in names):
        if _is_accepted(connection, queue, passive=True) and not _is_accepted(connection, queue):
            notes.warning(
                f"queue {queue!r} was declared without 'x-delivery-limit': -1; unless a policy lifts the limit, "
                "the broker drops alerts that were delivered 20 times, such as those a logger crashes on",
                f"on the broker: {policy_command(queue, session.mesh.virtual_host)}; a queue follows one policy "
                "only, so extend the one it has",
                queue=queue,
            )


def _is_accepted(connection: Any, queue: str, passive: bool = False) -> bool:
    """Whether the broker accepts a declaration of an existing queue; that changes nothing."""
    code, _ = refusal_of(
        connection,
        lambda channel: channel.queue_declare(queue, passive=passive, durable=True, arguments=UNLIMITED),
    )
    return code == 0
