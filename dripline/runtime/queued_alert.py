"""An alert on its way to the broker, in memory and as a line of the spool."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from dripline.amqp.properties import RawProperties
from dripline.errors import BrokerError
from dripline.runtime.spool_position import Position
from dripline.transport.future import OneShotFuture
from dripline.wire.codec import Envelope

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
