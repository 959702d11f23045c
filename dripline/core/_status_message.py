"""Alerts that tell people of a change: `status_message.<name>.<severity>`."""

from __future__ import annotations

from dripline.wire.message import MsgAlert

#: How bad a change is, from good to bad. A notice says that something is as it should be again.
SEVERITIES = ("notice", "warning", "critical")


def status_message(name: str, severity: str, message: str) -> MsgAlert:
    """Make an alert for people and for what relays to them; its payload is the text, as everybody's is.

    Args:
        name: the service or endpoint whose status changed.
        severity: one of `SEVERITIES`.
        message: one sentence that says what happened.

    Raises:
        ValueError: there is no such severity.
    """
    if severity not in SEVERITIES:
        raise ValueError(f"a severity is one of {', '.join(SEVERITIES)}, not {severity!r}")
    return MsgAlert.create(message, f"status_message.{name}.{severity}")
