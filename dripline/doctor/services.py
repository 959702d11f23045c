"""Which services answer, how fast, and which of their endpoints do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dripline.doctor.absent_service import Presence
from dripline.doctor.clock import tell_clocks
from dripline.doctor.endpoints import Endpoints, names_in
from dripline.doctor.report import Notes
from dripline.doctor.requests import Answer, ask, ask_each, get, ping
from dripline.doctor.shared_names import examine_shared_names
from dripline.doctor.topology import examine_durable
from dripline.errors import BrokerError, ReplyTimeout
from dripline.runtime.client import LIST_ENDPOINTS
from dripline.wire.duration import duration

if TYPE_CHECKING:
    from dripline.doctor.wanted import Wanted
    from dripline.programs.session import Session
    from dripline.runtime.client import MeshClient

_ROLL_CALL_S = 1.0


def examine_services(notes: Notes, clock: Notes, session: Session, wanted: Wanted, connection: Any) -> list[str]:
    """Look at the services that are named, or at all that answer when none is.

    Args:
        notes: where the findings go.
        clock: where those about clocks go.
        session: leads to the mesh.
        wanted: what is asked.
        connection: an open `pika.BlockingConnection`.

    Returns:
        The names of the services.
    """
    names = named(wanted)
    examined = list(names)
    try:
        with session.client().in_time() as client:
            client.open(timeout_s=wanted.timeout_s)
            call = _Examined(notes, client, wanted)
            if names:
                presence = Presence(notes, session, connection, wanted.timeout_s)
                call.examine(list(names), presence, names)
            else:
                examined = _present(notes, session, wanted)
                call.examine(examined, None, {})
            examine_shared_names(notes, client, call.names)
            examine_durable(
                notes,
                session.mesh,
                connection,
                list(names) or [answer.name for answer in call.answers],
                wanted.timeout_s,
            )
    except BrokerError as error:
        notes.broken(f"the connection was lost in between: {error}", "dl doctor, once more")
        return examined
    tell_clocks(clock, call.answers)
    return examined


def named(wanted: Wanted) -> dict[str, str]:
    """The services asked for, each with the file that describes it; empty when it must be there."""
    from dripline.config.load import bring_together

    found = {}
    for file in wanted.files:
        name = bring_together(file).configuration.get("name")
        if isinstance(name, str) and name:
            found[name] = file
    return {**found, **dict.fromkeys(wanted.services, "")}


def _present(notes: Notes, session: Session, wanted: Wanted) -> list[str]:
    from dripline.runtime.client import discover_services

    found = discover_services(session.client, min(_ROLL_CALL_S, wanted.timeout_s), connect_s=wanted.timeout_s)
    if not found:
        notes.warning("no service is on the mesh, or none answers a roll call", "dl serve FILE, or dl demo")
    return [service.name for service in found if service.name]


class _Examined:
    """The services of one examination, one after the other.

    Attributes:
        answers: to the pings, of those that answered.
        names: of services that answered and of their endpoints.
    """

    def __init__(self, notes: Notes, client: MeshClient, wanted: Wanted) -> None:
        self._notes = notes
        self._client = client
        self._wanted = wanted
        self.answers: list[Answer] = []
        self.names: list[str] = []

    def examine(self, names: Sequence[str], presence: Presence | None, files: dict[str, str]) -> None:
        """Ping all, and ask those that answer more.

        Args:
            names: of services.
            presence: finds out about those that do not answer.
            files: which file describes a service that need not be there.
        """
        if not names:
            return
        pings = ask_each(self._client, [ping(name) for name in names], self._wanted.timeout_s)
        for answer in pings:
            if answer.reply is None or answer.reply.return_code >= 100:
                if presence is not None:
                    presence.explain(answer, files.get(answer.name, ""))
                else:
                    self._notes.broken(
                        f"{answer.name} answered the roll call, and then no ping within "
                        f"{duration(self._wanted.timeout_s)}",
                        f"dl doctor {answer.name}",
                    )
        self.answers = [answer for answer in pings if answer.reply is not None and answer.reply.return_code < 100]
        if not self.answers:
            return
        requests = [get(answer.name, "health") for answer in self.answers]
        healths = ask_each(self._client, requests, self._wanted.timeout_s)
        for answer, health in zip(self.answers, healths, strict=True):
            self._examine_one(answer, _health_in(health.payload))

    def _examine_one(self, answer: Answer, health: dict[str, Any]) -> None:
        """Tell how a service that answered is, and its endpoints."""
        name, facts = answer.name, facts_of(answer)
        self.names.append(name)
        if facts["service"] not in ("", name):
            self._notes.ok(
                f"{name} answers, an endpoint of {facts['service']}: ping {facts['ping_ms']:g} ms", **facts
            )
            return
        if health and not health["ready"]:
            self._notes.broken(
                f"{name} answers, but is not ready: "
                + (str(health.get("problem") or "") or "it has not reached itself through the broker"),
                f"dl get {name} -s health; and the log of {name}",
                **facts,
            )
            return
        busy_s = _number(health.get("busy_s"))
        listed = ask(self._client, get(name, LIST_ENDPOINTS), self._wanted.timeout_s)
        if isinstance(listed.error, ReplyTimeout):
            self._tell_held_up(name, busy_s, facts)
            return
        self._tell_well(name, facts, health)
        self.names += names_in(listed.payload)
        may_hang = bool(health) and busy_s <= self._wanted.busy_limit_s
        endpoints = Endpoints(self._notes, self._client, name, self._wanted.timeout_s)
        endpoints.examine(listed.payload, self._notes.warning if may_hang else self._notes.broken)

    def _tell_held_up(self, name: str, busy_s: float, facts: dict[str, Any]) -> None:
        """It answers pings, which pass a busy handler by, and nothing else."""
        tell = self._notes.broken if busy_s > self._wanted.busy_limit_s else self._notes.warning
        with_what = f" for {busy_s:.1f} s" if busy_s else ""
        tell(
            f"{name} answers pings, but has been busy with one request{with_what}; all others wait meanwhile",
            f"look at its instrument and its log, then restart {name}; handler_timeout: in its configuration "
            "gives such requests up",
            **facts,
            busy_s=busy_s,
        )

    def _tell_well(self, name: str, facts: dict[str, Any], health: dict[str, Any]) -> None:
        about = f"{facts['version']} on {facts['host']}"
        state = "ready" if health else "answers"
        self._notes.ok(f"{name} {state}: ping {facts['ping_ms']:g} ms; {about}", **facts, health=health or None)
        for key, text in (
            ("dropped_alerts", "alerts were dropped, since there was no room for them while the broker was away"),
            ("damaged_alerts", "alerts were damaged on disk or not accepted by the broker, and are put aside"),
            ("handler_timeouts", "requests took longer than its handler_timeout"),
        ):
            if health.get(key):
                self._notes.warning(f"{name}: {health[key]} {text}", f"look into the log of {name}")


def _health_in(payload: Any) -> dict[str, Any]:
    return payload if isinstance(payload, dict) and isinstance(payload.get("ready"), bool) else {}


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def facts_of(answer: Answer) -> dict[str, Any]:
    """What a service tells of itself in each message.

    Args:
        answer: to a ping.
    """
    sender = answer.reply.sender_info if answer.reply is not None else {}
    versions = sender.get("versions")
    known = {
        str(package): str(about.get("version", ""))
        for package, about in (versions.items() if isinstance(versions, dict) else ())
        if isinstance(about, dict)
    }
    package = next((name for name in ("dripline-python", "dripline-cpp") if name in known), "dripline")
    return {
        "service": str(sender.get("service_name", "")),
        "host": str(sender.get("hostname", "")) or "an unknown host",
        "version": f"{package} {known.get(package, '')}".strip(),
        "versions": known,
        "ping_ms": round(answer.took_s * 1000, 1),
    }
