"""A service that listens to alerts."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any

import scarab
from dripline.core.service import Service
from dripline.wire.message import MsgAlert

logger = logging.getLogger(__name__)


class AlertConsumer(Service):
    """A service whose queue is also bound to alerts. Subclasses override `process_payload` or `on_alert_message`.

    What a subclass raises is logged, and the next alert follows.

    Args:
        alert_keys: binding keys on the alerts exchange, such as ``sensor_value.#``; all alerts when not given.
        alert_key_parser_re: regular expression with named groups, applied to routing keys.
        **kwargs: for `Service`.
    """

    def __init__(
        self, alert_keys: Sequence[str] | None = None, alert_key_parser_re: str = "", **kwargs: Any
    ) -> None:
        Service.__init__(self, **kwargs)
        self._alert_keys = [alert_keys] if isinstance(alert_keys, str) else list(alert_keys or ("#",))
        self._alert_key_parser_re = alert_key_parser_re

    def bind_keys(self) -> bool:
        """Bind the keys of a service, and those of the alerts."""
        Service.bind_keys(self)
        for key in self._alert_keys:
            self.bind_key(self.alerts_exchange, key)
        return True

    def on_alert_message(self, an_alert: MsgAlert) -> None:
        """Take an alert: parse its routing key, and process its payload."""
        routing_key_data = self.parse_routing_key(an_alert.routing_key)
        self.process_payload(an_alert.payload, routing_key_data, an_alert.timestamp)

    def parse_routing_key(self, a_routing_key: str) -> dict[str, str | None]:
        """Return the named groups of the regular expression in a routing key; none when it does not match."""
        match = re.match(self._alert_key_parser_re, a_routing_key)
        if match is None:
            logger.warning("%s: %r does not match %r", self.name, a_routing_key, self._alert_key_parser_re)
            return {}
        return match.groupdict()

    def process_payload(
        self, a_payload: scarab.Param, a_routing_key_data: dict[str, str | None], a_message_timestamp: str
    ) -> None:
        """Do something with an alert; here it is only logged.

        Args:
            a_payload: the alert's payload.
            a_routing_key_data: what `parse_routing_key` found.
            a_message_timestamp: when the alert was sent, RFC 3339 in UTC.
        """
        logger.info("%s: an alert %s of %s: %s", self.name, a_routing_key_data, a_message_timestamp, a_payload)
