"""Declares the alerts exchange and its binding to the exchange of durable consumers."""

from __future__ import annotations

import threading

from dripline.config.mesh import MeshSettings
from dripline.transport.connection import Connection


class AlertsExchange:
    """Declares the exchange of alerts together with its binding to the exchange of durable consumers.

    The binding disappears with the exchange of alerts, if the broker restarts or an operator deletes it.
    Publishers do not notice if another service declares the exchange again, so the binding is in the same write.

    Args:
        mesh: The mesh's settings.

    Attributes:
        declared_on: The connection on which it was declared.
    """

    def __init__(self, mesh: MeshSettings) -> None:
        self._mesh = mesh
        self.start_over()

    def start_over(self) -> None:
        """Forget everything, in a forked process."""
        self._lock = threading.Lock()  # guards what follows, also while the broker is asked
        self.declared_on: Connection | None = None
        self._leads_on = False  # there was a durable exchange then

    def declare(self, connection: Connection) -> None:
        """Declare it, unless that was done on this connection; a set-up.

        Raises:
            BrokerError: There is an exchange of that name and another kind, or the user must not declare any.
        """
        with self._lock:
            if self.declared_on is not connection:
                self._declare(connection)

    def restore(self, connection: Connection) -> None:
        """Declare it again. Errors as for `declare`."""
        with self._lock:
            self._declare(connection)

    def lead_on_again(self, connection: Connection, *, always: bool) -> None:
        """Bind the durable exchange again, in case an operator removed that binding.

        Args:
            connection: The connection.
            always: Whether there must be such an exchange; else only if there was one before, since RabbitMQ logs
                an error for each attempt that fails.
        """
        with self._lock:
            if always or (self._leads_on and self.declared_on is connection):
                self._leads_on = self._lead_on(connection)

    def _declare(self, connection: Connection) -> None:
        self._leads_on = self._lead_on(connection)
        if not self._leads_on:  # there are no durable consumers, or the broker has refused: this raises why
            connection.declare_exchanges([self._mesh.alerts_exchange])
        self.declared_on = connection

    def _lead_on(self, connection: Connection) -> bool:
        return connection.lead_on(self._mesh.alerts_exchange, self._mesh.durable_alerts_exchange)
