"""`sender_info`: program, host, user, service and versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dripline.errors import DriplineError
from dripline.wire import PROTOCOL_VERSION, VERSION
from scarab.process import executable, hostname, username

_PARTS = ("version", "commit", "package")
_LONGEST_PART = 80

_versions: dict[str, dict[str, str]] = {
    "dripline": {"version": PROTOCOL_VERSION},
    "dripline-python": {"commit": "na", "package": "driplineorg/dripline-python", "version": VERSION},
}


def sender_info(service_name: str = "unknown") -> dict[str, Any]:
    """Describe this process as the header `sender_info` does.

    Args:
        service_name: the service's name; clients have none and are `unknown`.
    """
    return {
        "exe": executable(),
        "hostname": hostname(),
        "service_name": service_name,
        "username": username(),
        "versions": {name: dict(version) for name, version in sorted(_versions.items())},
    }


def add_version(name: str, version: Any) -> None:
    """Tell the mesh about the version of another package.

    Args:
        name: the package's name.
        version: a `scarab.VersionSemantic`, or a mapping with `version` and perhaps `commit` and `package`.

    Raises:
        DriplineError: there is no version in it; real peers would drop every message.
    """
    given = version if isinstance(version, Mapping) else {part: getattr(version, part, "") for part in _PARTS}
    parts = {part: str(given[part]) for part in _PARTS if given.get(part)}
    if "version" not in parts:
        raise DriplineError(f"version of {name!r}: a VersionSemantic or a mapping with 'version', not {version!r}")
    _versions[name] = parts


def get_version(name: str) -> Any:
    """Give the version of a package, as a `scarab.VersionSemantic`.

    Args:
        name: The package's name; for an extension `dripline.extensions.jitter` or just `jitter`.

    Raises:
        DriplineError: nobody added one.
    """
    from scarab import VersionSemantic  # it brings `packaging`, which few programs need

    found = _versions.get(name) or _versions.get(f"dripline.extensions.{name}")  # as packages name themselves
    if found is None:
        raise DriplineError(f"no version of {name!r} is known; known: {', '.join(sorted(_versions))}")
    version = VersionSemantic()
    version.parse(found["version"])
    version.commit, version.package = found.get("commit", ""), found.get("package", "")
    return version


def describe_sender(info: Any) -> str:
    """Describe a sender for people, such as ``service pump, /opt/pump on labpc``.

    Args:
        info: The header `sender_info`, good or not.

    Returns:
        The text; empty if nothing is known.
    """
    known = info if isinstance(info, Mapping) else {}
    service, exe, host = (str(known.get(key) or "")[:_LONGEST_PART] for key in ("service_name", "exe", "hostname"))
    parts = [
        f"service {service}" if service not in ("", "unknown") else "",  # clients are `unknown`
        f"{exe} on {host}" if exe and host else exe or host,
    ]
    return ", ".join(filter(None, parts))


def sender_of(properties: Any) -> str:
    """Describe the sender of a message that may be damaged.

    Args:
        properties: The AMQP properties of the message.
    """
    try:
        headers = properties.headers
    except ValueError:  # a damaged table
        return ""
    return describe_sender(headers.get("sender_info")) if isinstance(headers, Mapping) else ""
