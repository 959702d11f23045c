"""How many alerts wait while the broker is away."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
