"""Examines services: which ones are missing, how fast they reply, which endpoints do not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dripline.doctor.replies import TimedReply, ask, ask_each, ask_many, get, ping, record_clocks
from dripline.doctor.report import FindingRecorder
from dripline.doctor.topology import (
    LOCKED,
    NOT_FOUND,
    examine_durable,
    examine_shared_names,
    restoring,
    state_of_queue,
)
from dripline.errors import BrokerError, NoRoute, ReplyTimeout
from dripline.runtime.client import LIST_ENDPOINTS, Present, discover_services
from dripline.wire.safe_text import duration

if TYPE_CHECKING:
    from dripline.doctor.broker_link import BrokerLink
    from dripline.doctor.report import DoctorOptions
    from dripline.programs.session import Session
    from dripline.runtime.client import MeshClient

_ROLL_CALL_S = 1.0
_NAMES_S = 0.5
_SHOWN = 5
_IS_LOCKED = "is-locked"


def examine_services(
    record: FindingRecorder, clock: FindingRecorder, session: Session, options: DoctorOptions, link: BrokerLink
) -> list[str]:
    """Look at the services that are named, or at all that answer when none is.

    Args:
        record: where the findings go.
        clock: where those about clocks go.
        session: leads to the mesh.
        options: what is asked.
        link: a connection to the broker.

    Returns:
        The names of the services.
    """
    named = services_of(options)
    names = list(named)
    try:
        with session.client().in_time() as client:
            client.open(timeout_s=options.timeout_s)
            examined = _Services(record, session, options, link, client)
            names = names or examined.roll_call()
            examined.examine(names, named)
            examine_shared_names(record, client, examined.names)
            durable = list(named) or [pinged.name for pinged in examined.present]
            examine_durable(record, link, client, durable, options.timeout_s)
    except BrokerError as error:
        record.broken(f"the connection was lost in between: {error}", "dl doctor, once more")
        return names
    record_clocks(clock, examined.present)
    return names


def services_of(options: DoctorOptions) -> dict[str, str]:
    """The services asked for, each with the file that describes it; empty when it must be there."""
    from dripline.config.load import load_all

    found = {}
    for file in options.files:
        name = load_all(file).configuration.get("name")
        if isinstance(name, str) and name:
            found[name] = file
    return {**found, **dict.fromkeys(options.services, "")}


@dataclass
class _Services:
    """Examines services.

    Attributes:
        present: the replies to pings, of services that answered.
        names: of services that answered and of their endpoints.
    """

    record: FindingRecorder
    session: Session
    options: DoctorOptions
    link: BrokerLink
    client: MeshClient
    present: list[TimedReply] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def _timeout_s(self) -> float:
        return self.options.timeout_s

    @cached_property
    def _known(self) -> list[str]:
        """The names of all services and endpoints on the mesh."""
        found = self._discover(_NAMES_S)
        endpoints = [str(entry.get("name")) for service in found for entry in service.endpoints or ()]
        return [service.name for service in found] + endpoints

    def roll_call(self) -> list[str]:
        """The names of all services that answer."""
        found = self._discover(_ROLL_CALL_S)
        if not found:
            self.record.warning(
                "no service is on the mesh, or none answers a roll call", "dl serve FILE, or dl demo"
            )
        return [service.name for service in found if service.name]

    def _discover(self, wait_s: float) -> list[Present]:
        return discover_services(self.session.client, min(wait_s, self._timeout_s), connect_s=self._timeout_s)

    def examine(self, names: Sequence[str], named: Mapping[str, str]) -> None:
        """Ping all, and ask those that answer more.

        Args:
            names: of services.
            named: those that were asked for, each with the file that describes it if it need not be there.
        """
        pings = ask_each(self.client, [ping(name) for name in names], self._timeout_s)
        self.present = [pinged for pinged in pings if pinged.is_good]
        for pinged in pings:
            if not pinged.is_good and named:
                self._explain_absence(pinged, named.get(pinged.name, ""))
            elif not pinged.is_good:
                self.record.broken(
                    f"{pinged.name} answered the roll call, and then no ping within {duration(self._timeout_s)}",
                    f"dl doctor {pinged.name}",
                )
        requests = [get(pinged.name, "health") for pinged in self.present]
        healths = ask_each(self.client, requests, self._timeout_s)
        for pinged, health in zip(self.present, healths, strict=True):
            self._examine_one(pinged, _health_in(health.payload))

    # -- services that answer ----------------------------------------------------------------------------------

    def _examine_one(self, pinged: TimedReply, health: dict[str, Any]) -> None:
        """Find out how a service is that answered a ping, and its endpoints."""
        name, facts = pinged.name, facts_of(pinged)
        self.names.append(name)
        if facts["service"] not in ("", name):
            self.record.ok(
                f"{name} answers, an endpoint of {facts['service']}: ping {facts['ping_ms']:g} ms", **facts
            )
            return
        if health and not health["ready"]:
            self.record.broken(
                f"{name} answers, but is not ready: "
                + (str(health.get("problem") or "") or "it has not reached itself through the broker"),
                f"dl get {name} -s health; and the log of {name}",
                **facts,
            )
            return
        busy_s = _number(health.get("busy_s"))
        is_stuck = busy_s > self.options.busy_limit_s
        listed = ask(self.client, get(name, LIST_ENDPOINTS), self._timeout_s)
        if isinstance(listed.error, ReplyTimeout):  # pings pass a busy handler by
            with_what = f" for {busy_s:.1f} s" if busy_s else ""
            (self.record.broken if is_stuck else self.record.warning)(
                f"{name} answers pings, but has been busy with one request{with_what}; all others wait meanwhile",
                f"look at its instrument and its log, then restart {name}; handler_timeout: in its configuration "
                "gives such requests up",
                **facts,
                busy_s=busy_s,
            )
            return
        self._record_health(name, facts, health)
        endpoints = names_in(listed.payload)
        self.names += endpoints
        self._examine_endpoints(name, endpoints, may_hang=bool(health) and not is_stuck)

    def _record_health(self, name: str, facts: dict[str, Any], health: dict[str, Any]) -> None:
        about = f"{facts['version']} on {facts['host']}"
        state = "ready" if health else "answers"
        self.record.ok(f"{name} {state}: ping {facts['ping_ms']:g} ms; {about}", **facts, health=health or None)
        for key, text in (
            ("dropped_alerts", "alerts were dropped, since there was no room for them while the broker was away"),
            ("damaged_alerts", "alerts were damaged on disk or not accepted by the broker, and are put aside"),
            ("handler_timeouts", "requests took longer than its handler_timeout"),
        ):
            if health.get(key):
                self.record.warning(f"{name}: {health[key]} {text}", f"look into the log of {name}")

    # -- endpoints ---------------------------------------------------------------------------------------------

    def _examine_endpoints(self, service: str, names: Sequence[str], may_hang: bool) -> None:
        """Ping endpoints, and ask whether they are locked."""
        requests = [ping(name) for name in names] + [get(name, _IS_LOCKED) for name in (*names, service)]
        replies = ask_many(self.client, requests, self._timeout_s)
        pings, locks = replies[: len(names)], replies[len(names) :]
        silent = [pair for pair in zip(pings, locks, strict=False) if None in (pair[0].reply, pair[1].reply)]
        record = self.record.warning if may_hang else self.record.broken
        for pinged, locked in silent[:_SHOWN]:
            record(*self._silence_of(service, pinged, locked), endpoint=pinged.name)
        if len(silent) > _SHOWN:
            rest = [pinged.name for pinged, _ in silent[_SHOWN:]]
            record(f"{len(rest)} more endpoints of {service} do not answer", "--json lists them", names=rest)
        heard = len(names) - len(silent)
        if heard:
            self.record.ok(f"{service}: {heard} endpoint{' answers' if heard == 1 else 's answer'}")
        for locked in locks:
            if isinstance(locked.payload, dict) and locked.payload.get("is_locked") is True:
                self.record.warning(
                    f"{locked.name!r} is locked{_locker(locked.payload.get('tag'))}: set and cmd need the key",
                    f"dl cmd {locked.name} unlock -k KEY, or dl cmd {locked.name} unlock force=true",
                    endpoint=locked.name,
                )

    def _silence_of(self, service: str, pinged: TimedReply, locked: TimedReply) -> tuple[str, str]:
        """What is wrong with an endpoint that does not answer, and the remedy."""
        what = f"endpoint {pinged.name!r} of {service}"
        within = f"within {duration(self._timeout_s)}: it hangs, or is at work"
        remedy = f"look at its instrument and the log of {service}, then restart {service}"
        if isinstance(pinged.error, NoRoute) or isinstance(locked.error, NoRoute):
            return (
                f"{what}: no queue is bound to routing key {pinged.name!r} on exchange "
                f"{self.session.mesh.requests_exchange!r}; requests for it go nowhere",
                restoring(self.session.mesh, service),
            )
        if pinged.reply is None:
            return f"{what} does not answer a ping {within}", remedy
        return f"{what} answers pings, but no request {within}", remedy

    # -- services that do not answer ---------------------------------------------------------------------------

    def _explain_absence(self, pinged: TimedReply, file: str) -> None:
        """Find out why a service did not answer; a file that describes it says that it need not be there."""
        name = pinged.name
        if pinged.reply is not None:
            said = f"{pinged.reply.return_message or 'no more'} [{pinged.reply.return_code}]"
            self.record.broken(f"{name} answers a ping with an error: {said}", f"look into the log of {name}")
            return
        code = state_of_queue(self.link, name)
        if code == NOT_FOUND and file:
            self.record.warning(f"{name} is not on the mesh", f"dl serve {file}", service=name)
            return
        if code == NOT_FOUND:
            text, remedy = self._not_found(name)
        elif code == LOCKED and isinstance(pinged.error, NoRoute):
            text = (
                f"{name} is on the mesh, but its queue {name!r} is not bound to routing key {name!r} on exchange "
                f"{self.session.mesh.requests_exchange!r}: requests for it go nowhere"
            )
            remedy = restoring(self.session.mesh, name)
        elif code == LOCKED:
            text = (
                f"{name} is on the mesh (its queue belongs to a connection), but does not answer a ping within "
                f"{duration(self._timeout_s)}: it hangs, or is at work"
            )
            remedy = f"look at its instrument and its log, then restart {name}"
        else:
            text = f"there is a queue {name!r}, not that of a service, and nobody answers from it"
            remedy = f"another name for the service, or remove the queue: rabbitmqctl delete_queue {name}"
        self.record.broken(text, remedy, service=name)

    def _not_found(self, name: str) -> tuple[str, str]:
        from dripline.config.suggest import did_you_mean

        known, near = self._known, did_you_mean(name, self._known)
        there = (
            f"; there {'is' if len(known) == 1 else 'are'} {', '.join(known[:10])}" if known and not near else ""
        )
        return (
            f"no service {name!r} is on the mesh{near or there}",
            "dl serve FILE with its configuration" + ("; or the right name" if near else ""),
        )


def _health_in(payload: Any) -> dict[str, Any]:
    return payload if isinstance(payload, dict) and isinstance(payload.get("ready"), bool) else {}


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def facts_of(pinged: TimedReply) -> dict[str, Any]:
    """What a service tells of itself in each message.

    Args:
        pinged: its reply to a ping.
    """
    sender = pinged.reply.sender_info if pinged.reply is not None else {}
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
        "ping_ms": round(pinged.took_s * 1000, 1),
    }


def names_in(payload: Any) -> list[str]:
    """The names of endpoints that a service told; none if it told something else.

    Args:
        payload: of its reply.
    """
    entries = payload.get("endpoints") if isinstance(payload, dict) else None
    if not isinstance(entries, list):
        return []
    named = [entry.get("name") for entry in entries if isinstance(entry, dict)]
    return [name for name in named if isinstance(name, str) and name]


def _locker(tag: Any) -> str:
    if not isinstance(tag, dict) or not tag.get("username"):
        return ""
    return f" by {tag['username']} on {tag.get('hostname') or 'an unknown host'}"
