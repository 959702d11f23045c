"""Deliveries that stay unacknowledged for too long."""

from __future__ import annotations

import logging

from dripline.broker.channel import Channel
from dripline.broker.connection import Connection
from dripline.broker.errors import ChannelFault
from dripline.broker.queue import Entry
from dripline.broker.state import State

logger = logging.getLogger("dripline.broker")


class ConsumerTimeout:
    """Examines all channels, and acts on deliveries that are older than the timeout.

    Args:
        state: The broker, whose rules name the timeout; none, and nothing is examined.
    """

    def __init__(self, state: State[Connection]) -> None:
        rules = state.settings.compatibility
        self._state = state
        self._timeout_s = rules.consumer_timeout_s
        self._cancels = rules.consumer_timeout_response == "cancel consumer"
        if self._timeout_s:
            self._schedule()

    def _schedule(self) -> None:
        self._state.after(self._timeout_s / 4, self._examine)

    def _examine(self) -> None:
        oldest = self._state.loop.time() - self._timeout_s
        for connection in tuple(self._state.connections):
            for channel in tuple(connection.channels.values()):
                for entry in self._overdue(channel, oldest):
                    self._act(connection, channel, entry)
        self._schedule()

    def _overdue(self, channel: Channel, oldest: float) -> list[Entry]:
        """One overdue delivery for each consumer, and one of basic.get."""
        found: dict[object, Entry] = {}
        for entry in channel.unacked.values():
            if entry.delivered_at > oldest:
                break  # oldest first: all others are younger
            if not self._cancels or entry.queue.delivery_limit is not None:
                found.setdefault(entry.consumer, entry)
        return list(found.values())

    def _act(self, connection: Connection, channel: Channel, entry: Entry) -> None:
        if connection.channels.get(channel.number) is not channel:
            return  # closed because of the delivery before
        if self._cancels and entry.consumer is not None and connection.wants_cancel_notifications:
            logger.warning("consumer %r acknowledged nothing for too long: cancelled", entry.consumer.tag)
            channel.reclaim(entry.consumer)
            return
        text = (
            f"delivery acknowledgement on channel {channel.number} timed out. Timeout value used: "
            f"{self._timeout_s * 1000:.0f} ms. This timeout value can be configured, see consumers doc guide to "
            "learn more"
        )
        connection.close_channel(channel, ChannelFault(406, text))
