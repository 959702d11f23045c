"""`AlertConsumer`: a service that subscribes to alerts."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Sequence
from typing import Any, ClassVar

import scarab
from dripline.core._access import Reach
from dripline.core.argument_checks import Checks
from dripline.core.service import Service
from dripline.errors import ConfigurationError
from dripline.runtime.rate_limited_log import limited_log_of
from dripline.runtime.state_folder import user_path
from dripline.wire.message import MsgAlert
from dripline.wire.safe_text import safe_text

logger = logging.getLogger("dripline.alerts")


def _checked_expression(expression: str) -> str:
    try:
        re.compile(expression)
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigurationError(
            f"alert_key_parser_re: {expression!r} is no regular expression: {error}"
        ) from None
    return expression


def _memory_mb(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ConfigurationError(f"memory_mb: must be a number above 0, not {value!r}")
    return value


class AlertConsumer(Service):
    """A service whose queue is also bound to alerts. Subclasses override `process_payload` or `on_alert_message`.

    What a subclass raises is logged, and the next alert follows.

    With `durable` no alert is acknowledged before it was handled. Alerts that can never be handled are written to
    `dead_letter_file`, then acknowledged: those that cannot be decoded, are longer than 32 MiB, lack chunks that
    did not come within a minute, or whose handler raised something. ``get <name> -s health`` counts them as
    ``dead_letters``. Without `durable`, alerts that come while more than 128 MB of messages wait for their handler
    are dropped: logged, and counted by reason as ``dropped_messages``.

    Args:
        alert_keys: binding keys on the alerts exchange, such as ``sensor_value.#``; all alerts when not given.
        alert_key_parser_re: regular expression with named groups, applied to routing keys.
        durable: whether alerts are collected while this service is away, in a queue ``<name>.alerts`` that
            outlives it and the broker's restarts. It goes only when somebody deletes it.
        memory_mb: with `durable`, how many megabytes of alerts that are not handled may be in memory; a single
            alert may be longer. Beyond that the broker is asked to send no more until half of them are handled.
        dead_letter_file: with `durable`, the file for alerts that can never be handled, as JSON lines. Below
            ``~/.local/state/dripline`` by default. At 100 MB it is renamed to ``<file>.1``.
        **kwargs: for `Service`.
    """

    _dripline_reach: ClassVar[Reach] = {"own": {"_alert_keys", "_alert_key_parser_re"}}

    _dripline_checks: ClassVar[Checks] = {"alert_key_parser_re": _checked_expression, "memory_mb": _memory_mb}

    def __init__(
        self,
        alert_keys: Sequence[str] | None = None,
        alert_key_parser_re: str = "",
        durable: bool = False,
        memory_mb: float = 64,
        dead_letter_file: str | None = None,
        **kwargs: Any,
    ) -> None:
        Service.__init__(self, **kwargs)
        self._alert_keys = [alert_keys] if isinstance(alert_keys, str) else list(alert_keys or ("#",))
        self._alert_key_parser_re = _checked_expression(alert_key_parser_re)
        self._dripline_durable = bool(durable)
        if self._dripline_durable:
            file = user_path(dead_letter_file, "dead_letter_file") if dead_letter_file is not None else None
            self._dripline_collect(
                lambda: self._alert_keys,
                int(_memory_mb(memory_mb) * 1e6),
                lambda: file or self._dripline_dead_letter_folder() / "dead-letters.jsonl",
            )

    def bind_keys(self) -> bool:
        """Bind the keys of a service, and those of the alerts."""
        Service.bind_keys(self)
        if not self._dripline_durable:
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
            limited_log_of(self, logger).tell(
                "a routing key", "%s: %r does not match %r", self.name, a_routing_key, self._alert_key_parser_re
            )
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
        text = safe_text(f"an alert {a_routing_key_data} of {a_message_timestamp}: {a_payload}")
        logger.info("%s: %s", self.name, text)
