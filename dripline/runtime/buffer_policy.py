"""How many alerts wait for a broker that is away, as a configuration says it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from dripline.config.suggest import known_map
from dripline.errors import ConfigurationError
from dripline.runtime.state_folder import user_path


@dataclass(frozen=True)
class BufferPolicy:
    """How many alerts wait while the broker is away.

    Attributes:
        in_memory: Most alerts in memory; further ones go to disk.
        folder: Where on disk; None keeps them in memory only.
        on_disk_bytes: About how many bytes wait on disk.
        drop_oldest: Whether the oldest or the newest are dropped when there is no room.
    """

    in_memory: int = 10_000
    folder: Path | None = None
    on_disk_bytes: int = 256_000_000
    drop_oldest: bool = True


class AlertSpoolMap(TypedDict, total=False):
    """`alert_spool` as it is written in a configuration."""

    in_memory: int
    folder: str
    on_disk_mb: float
    drop: str


_KEYS = ("in_memory", "folder", "on_disk_mb", "drop")


def keep_rule(configuration: Mapping[str, Any] | None) -> BufferPolicy:
    """Read `alert_spool`.

    Args:
        configuration: any of ``in_memory``, ``folder``, ``on_disk_mb`` and ``drop``.

    Raises:
        ConfigurationError: an unknown key, or a value that cannot be used.
    """
    if configuration is None:
        return BufferPolicy()
    configuration = known_map("alert_spool", configuration, _KEYS, "{in_memory: 10000}")
    drop = configuration.get("drop", "oldest")
    if drop not in ("oldest", "newest"):
        raise ConfigurationError(f"alert_spool: drop is 'oldest' or 'newest', not {drop!r}")
    folder = configuration.get("folder")
    return BufferPolicy(
        in_memory=int(_positive(configuration, "in_memory", BufferPolicy.in_memory)),
        folder=user_path(str(folder), "alert_spool: folder") if folder is not None else None,
        on_disk_bytes=int(_positive(configuration, "on_disk_mb", BufferPolicy.on_disk_bytes / 1e6) * 1e6),
        drop_oldest=drop == "oldest",
    )


def _positive(configuration: Mapping[str, Any], key: str, default: float) -> float:
    value = configuration.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ConfigurationError(f"alert_spool: {key} is a number above 0, not {value!r}")
    return value
