"""How alerts wait for a broker that is away: `alert_spool` in a configuration, and alerts as lines on disk."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from dripline.amqp.properties import RawProperties
from dripline.config.suggest import known_map
from dripline.errors import BrokerError, ConfigurationError
from dripline.runtime.spool_files import Position
from dripline.runtime.state_folder import user_path
from dripline.transport.future import OneShotFuture
from dripline.wire.encode import Envelope


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


_LONGEST_KEY = 255
_MOST_BYTES = 128_000_000  # of one body; brokers accept no more
_OVERHEAD = 300  # bytes of Python objects for each envelope


class QueuedAlert:
    """One encoded alert.

    Attributes:
        envelopes: Its chunks; none if there is nothing to publish any more.
        size: About how many bytes it takes in memory.
        position: The position behind it in the spool; None if it is in memory only.
        slots: Its publisher confirms, one for each chunk.
        strikes: How strongly it is suspected of making the broker close the connection.
    """

    __slots__ = ("envelopes", "position", "size", "slots", "strikes")

    def __init__(self, envelopes: Sequence[Envelope], position: Position | None = None) -> None:
        self.envelopes = envelopes
        self.position = position
        self.size = sum(_OVERHEAD + len(chunk.properties) + len(chunk.body) for chunk in envelopes)
        self.slots: Sequence[OneShotFuture[bool]] = ()
        self.strikes = 0

    @property
    def outcome(self) -> bool | BrokerError | None:
        """True if the broker has all chunks, False if it refused one, None if that is open; or what was raised."""
        result: bool | BrokerError | None = True
        for slot in self.slots:
            brought = slot.peek()
            if brought is None:
                result = None
                continue
            value, error = brought
            if error is not None:
                return error if isinstance(error, BrokerError) else BrokerError(str(error))
            if value is not True and result is True:
                result = False
        return result

    def finish(self) -> None:
        """Publish nothing of it any more."""
        self.envelopes, self.slots = (), ()


def to_line(envelopes: Sequence[Envelope]) -> bytes:
    """Write an alert as a line of the spool."""
    chunks = [[key, *(base64.b64encode(part).decode() for part in parts)] for key, *parts in envelopes]
    return json.dumps(chunks).encode() + b"\n"


def from_line(line: bytes) -> list[Envelope]:
    """Read what `to_line` wrote.

    Raises:
        ValueError: It is something that no broker could be given; the text says what.
    """
    try:
        chunks = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(chunks, list) or not chunks:
        raise ValueError("not a list of chunks")
    return [_envelope(chunk) for chunk in chunks]


def _envelope(chunk: object) -> Envelope:
    if not isinstance(chunk, list) or len(chunk) != 3 or not all(isinstance(part, str) for part in chunk):
        raise ValueError("a chunk is not a list of three strings")
    key, properties, body = chunk[0], *(base64.b64decode(part, validate=True) for part in chunk[1:])
    if len(key.encode("utf-8", "replace")) > _LONGEST_KEY:
        raise ValueError(f"the routing key is longer than {_LONGEST_KEY} bytes")
    if len(body) > _MOST_BYTES:
        raise ValueError(f"a body of {len(body)} bytes")
    read = RawProperties(properties)
    if read.damage is not None:
        raise ValueError(read.damage)
    read.headers  # noqa: B018  # decoding them raises ValueError if they are damaged
    return Envelope(key, properties, body)
