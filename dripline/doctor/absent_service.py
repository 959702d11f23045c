"""Why a named service does not answer: is it there at all, and what is it called?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dripline.doctor.report import Notes
from dripline.doctor.requests import Answer
from dripline.doctor.topology import LOCKED, NOT_FOUND, restoring, state_of_queue
from dripline.errors import NoRoute
from dripline.wire.duration import duration

if TYPE_CHECKING:
    from dripline.programs.session import Session

_ROLL_CALL_S = 0.5


class Presence:
    """Finds out about services that do not answer.

    Args:
        notes: where the findings go.
        session: leads to the mesh.
        connection: an open `pika.BlockingConnection`.
        timeout_s: how long a ping was waited for.
    """

    def __init__(self, notes: Notes, session: Session, connection: Any, timeout_s: float) -> None:
        self._notes = notes
        self._session = session
        self._connection = connection
        self._timeout_s = timeout_s
        self._known: list[str] | None = None

    def explain(self, answer: Answer, file: str) -> None:
        """Tell why a service did not answer.

        Args:
            answer: what came instead.
            file: what describes it, if it need not be there.
        """
        name = answer.name
        if answer.reply is not None:
            said = f"{answer.reply.return_message or 'no more'} [{answer.reply.return_code}]"
            self._notes.broken(f"{name} answers a ping with an error: {said}", f"look into the log of {name}")
            return
        code = state_of_queue(self._connection, name, self._timeout_s)
        if code == NOT_FOUND and file:
            self._notes.warning(f"{name} is not on the mesh", f"dl serve {file}", service=name)
        elif code == NOT_FOUND:
            self._tell_missing(name)
        elif code == LOCKED and isinstance(answer.error, NoRoute):
            self._notes.broken(
                f"{name} is on the mesh, but its queue {name!r} is not bound to routing key {name!r} on exchange "
                f"{self._session.mesh.requests_exchange!r}: requests for it go nowhere",
                restoring(self._session.mesh, name),
                service=name,
            )
        elif code == LOCKED:
            self._notes.broken(
                f"{name} is on the mesh (its queue belongs to a connection), but does not answer a ping within "
                f"{duration(self._timeout_s)}: it hangs, or is at work",
                f"look at its instrument and its log, then restart {name}",
                service=name,
            )
        else:
            self._notes.broken(
                f"there is a queue {name!r}, not that of a service, and nobody answers from it",
                "another name for the service, or remove the queue: rabbitmqctl delete_queue " + name,
                service=name,
            )

    def _tell_missing(self, name: str) -> None:
        from dripline.config.suggest import did_you_mean

        known = self._on_the_mesh()
        near = did_you_mean(name, known)
        there = (
            f"; there {'is' if len(known) == 1 else 'are'} {', '.join(known[:10])}" if known and not near else ""
        )
        self._notes.broken(
            f"no service {name!r} is on the mesh{near or there}",
            "dl serve FILE with its configuration" + ("; or the right name" if near else ""),
            service=name,
        )

    def _on_the_mesh(self) -> list[str]:
        if self._known is None:
            from dripline.runtime.client import discover_services

            found = discover_services(
                self._session.client, min(_ROLL_CALL_S, self._timeout_s), connect_s=self._timeout_s
            )
            self._known = [service.name for service in found]
            for service in found:
                self._known += [str(entry.get("name")) for entry in service.endpoints or ()]
        return self._known
