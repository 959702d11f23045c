"""Which endpoints of a service do not answer, and which are locked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dripline.doctor.report import Notes
from dripline.doctor.requests import Answer, ask_many, get, ping
from dripline.doctor.topology import restoring
from dripline.errors import NoRoute
from dripline.wire.safe_text import duration

if TYPE_CHECKING:
    from dripline.runtime.client import MeshClient

_SHOWN = 5
_IS_LOCKED = "is-locked"


class Endpoints:
    """Examines the endpoints of one service.

    Args:
        notes: where the findings go.
        client: asks.
        service: its name.
        timeout_s: how long an answer is waited for.
    """

    def __init__(self, notes: Notes, client: MeshClient, service: str, timeout_s: float) -> None:
        self._notes = notes
        self._client = client
        self._service = service
        self._timeout_s = timeout_s

    def examine(self, listed: Any, tell_silent: Callable[..., None]) -> None:
        """Ping them, and ask whether they are locked.

        Args:
            listed: what the service told about its endpoints; anything else if it does not know the question.
            tell_silent: takes text and remedy for those that do not answer.
        """
        names = names_in(listed)
        requests = [ping(name) for name in names] + [get(name, _IS_LOCKED) for name in (*names, self._service)]
        answers = ask_many(self._client, requests, self._timeout_s)
        pings, locks = answers[: len(names)], answers[len(names) :]
        silent = [pair for pair in zip(pings, locks, strict=False) if None in (pair[0].reply, pair[1].reply)]
        for pinged, locked in silent[:_SHOWN]:
            self._tell_silent(pinged, locked, tell_silent)
        if len(silent) > _SHOWN:
            rest = [pinged.name for pinged, _ in silent[_SHOWN:]]
            tell_silent(
                f"{len(rest)} more endpoints of {self._service} do not answer", "--json lists them", names=rest
            )
        heard = len(names) - len(silent)
        if heard:
            self._notes.ok(f"{self._service}: {heard} endpoint{' answers' if heard == 1 else 's answer'}")
        self._tell_locked(locks)

    def _tell_silent(self, pinged: Answer, locked: Answer, tell: Callable[..., None]) -> None:
        what = f"endpoint {pinged.name!r} of {self._service}"
        within = f"within {duration(self._timeout_s)}: it hangs, or is at work"
        mesh = self._client.link.mesh
        remedy = f"look at its instrument and the log of {self._service}, then restart {self._service}"
        if isinstance(pinged.error, NoRoute) or isinstance(locked.error, NoRoute):
            text = (
                f"{what}: no queue is bound to routing key {pinged.name!r} on exchange "
                f"{mesh.requests_exchange!r}; requests for it go nowhere"
            )
            remedy = restoring(mesh, self._service)
        elif pinged.reply is None:
            text = f"{what} does not answer a ping {within}"
        else:
            text = f"{what} answers pings, but no request {within}"
        tell(text, remedy, endpoint=pinged.name)

    def _tell_locked(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            payload = answer.payload
            if isinstance(payload, dict) and payload.get("is_locked") is True:
                self._notes.warning(
                    f"{answer.name!r} is locked{_locker(payload.get('tag'))}: set and cmd need the key",
                    f"dl cmd {answer.name} unlock -k KEY, or dl cmd {answer.name} unlock force=true",
                    endpoint=answer.name,
                )


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
