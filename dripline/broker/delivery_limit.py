"""How often the messages of a quorum queue have come back, and what happens when that is too often."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from dripline.broker.frames import short_string
from dripline.broker.message import end_of_properties

if TYPE_CHECKING:
    from dripline.broker.compatibility import Compatibility
    from dripline.broker.message import Entry

logger = logging.getLogger("dripline.broker")

_HEADERS: Final = 0x2000  # property flag of the header table
_BEFORE_HEADERS: Final = 0xC000
_CONTENT_HEADER: Final = struct.Struct(">HHQH")
_LENGTH: Final = struct.Struct(">I")
_SIGNED_64_BIT: Final = struct.Struct(">cq")


class DeliveryLimit:
    """Counts the returns of one quorum queue's messages.

    Args:
        queue: Name of the queue, for the log.
        arguments: Of the queue, as declared.
        rules: Of the broker.

    Attributes:
        dropped: How many messages came back too often.
    """

    def __init__(self, queue: str, arguments: Mapping[str, Any], rules: Compatibility) -> None:
        self.dropped = 0
        self._queue = queue
        self._counts_failures = rules.counting == "failures"
        self._limit = _limit(arguments.get("x-delivery-limit", rules.delivery_limit), rules)

    def drop_spent(self, entries: Iterable[Entry], failed: bool) -> list[Entry]:
        """Count one return of each message; those that have come back too often are settled.

        Args:
            entries: Messages that come back.
            failed: The deliveries count as failed where these are told apart.

        Returns:
            The messages that may be delivered again.
        """
        kept = []
        for entry in entries:
            entry.returns += 1
            entry.failures += failed
            counted = entry.failures if self._counts_failures else entry.returns
            if self._limit is None or counted <= self._limit:
                kept.append(entry)
            else:
                self._drop(entry)
        return kept

    def header(self, entry: Entry, always: bool) -> bytes:
        """The content header of a delivery, with the counts that RabbitMQ adds.

        Args:
            entry: What is delivered.
            always: With a count of 0, too, as in the reply to basic.get.
        """
        counts = {"x-delivery-count": entry.failures if self._counts_failures else entry.returns}
        if self._counts_failures:
            counts["x-acquired-count"] = entry.returns
        counts = {name: count for name, count in counts.items() if count or always}
        return with_counts(entry.message.header, counts) if counts else entry.message.header

    def _drop(self, entry: Entry) -> None:
        if not self.dropped:
            logger.warning("queue %r drops messages that came back more than %s times", self._queue, self._limit)
        self.dropped += 1
        entry.queue.settle(entry)


def _limit(given: Any, rules: Compatibility) -> int | None:
    """The limit that a declaration asks for; anything but a number is none, as for RabbitMQ."""
    if not isinstance(given, int) or isinstance(given, bool):
        return None
    if given < 0:
        return 0 if rules.negative_limit_drops else None
    return given


def with_counts(header: bytes, counts: Mapping[str, int]) -> bytes:
    """Add integers to the header table of an encoded content header.

    A name that the publisher's table has already stands in it twice: the last one counts.
    """
    kind, weight, size, flags = _CONTENT_HEADER.unpack_from(header)
    fields = b"".join(short_string(name) + _SIGNED_64_BIT.pack(b"l", count) for name, count in counts.items())
    start = end_of_properties(header, flags & _BEFORE_HEADERS)
    end, table = start, b""
    if flags & _HEADERS:
        begin = start + _LENGTH.size
        end = begin + _LENGTH.unpack_from(header, start)[0]
        table = header[begin:end]
    table += fields
    properties = header[_CONTENT_HEADER.size : start] + _LENGTH.pack(len(table)) + table + header[end:]
    return _CONTENT_HEADER.pack(kind, weight, size, flags | _HEADERS) + properties
