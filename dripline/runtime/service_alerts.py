"""The alerts of a service on their way to the broker, also before the service has started."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from dripline.errors import DriplineError
from dripline.runtime.alert_publisher import AlertPublisher, BufferPolicy
from dripline.runtime.link import MeshLink
from dripline.wire.message import MsgAlert

logger = logging.getLogger("dripline.alerts")

_SETTLE_S = 0.5


class ServiceAlerts(AlertPublisher):
    """Publishes alerts over the link of a service, and connects it if a constructor sends something.

    Args:
        link: The link.
        policy: How many alerts wait.
        is_starting: Whether the service has yet to open the link.
    """

    def __init__(self, link: MeshLink, policy: BufferPolicy, is_starting: Callable[[], bool]) -> None:
        AlertPublisher.__init__(
            self,
            lambda envelopes: link.send_packed(envelopes, 0.0),
            lambda: link.takes_messages,
            policy,
            link.service_name,
            # Longer than the longest pause between the attempts of others to come back, which varies by a quarter.
            1.25 * link.mesh.max_reconnect_delay_s + _SETTLE_S,
            self._is_connecting,
        )
        self._link = link
        self._is_starting = is_starting
        self._early: threading.Thread | None = None

    def send(self, alert: MsgAlert, *, keep: bool) -> str:
        """Queue an alert, as `offer` does, and connect in the background if the service has not done so yet."""
        refused = self.offer(self._link.pack_alert(alert), keep=keep)
        if self._is_starting():
            self._connect_early()
        return refused

    def _is_connecting(self) -> bool:
        return self._early is not None and self._early.is_alive()

    def _connect_early(self) -> None:
        if self._link.is_open or self._is_connecting():
            return
        if self._early is None:
            self._link.add_setup(self._link.prepare_alerts)
        self._early = threading.Thread(target=self._open_early, name="dripline-connect", daemon=True)
        self._early.start()

    def _open_early(self) -> None:
        try:
            self._link.open()
            self.wake()
        except (DriplineError, TimeoutError) as error:
            if self._is_starting():
                logger.warning("%s: alerts wait: %s", self._name, error)
