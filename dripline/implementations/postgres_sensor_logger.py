"""`PostgresSensorLogger`: writes alerts to a PostgreSQL table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import scarab
from dripline.config.suggest import did_you_mean
from dripline.core._access import Reach
from dripline.core.alert_consumer import AlertConsumer
from dripline.core.endpoint import Endpoint
from dripline.errors import ConfigurationError
from dripline.implementations.postgres_interface import PostgreSQLInterface
from dripline.implementations.sql_table import SQLTable
from dripline.implementations.storage.row_logger import RowLogger
from dripline.implementations.storage.tables import Destination, Destinations
from dripline.wire.return_codes import ThrowReply


class PostgresSensorLogger(RowLogger, PostgreSQLInterface, AlertConsumer):
    """Inserts a row for each alert into an endpoint of its own, an `SQLTable`.

    The values are ``timestamp``, the groups of ``alert_key_parser_re``, and what the payload holds. A subclass
    may override ``process_payload`` or ``on_alert_message``; rows that it inserts with ``do_insert`` meanwhile are
    written in batches as well, and the alert is acknowledged when they are committed.

    Args:
        insertion_table_endpoint_name: Name of the endpoint.
        **kwargs: For `RowLogger`, `PostgreSQLInterface` and `AlertConsumer`.

    Attributes:
        insertion_table_endpoint_name: Name of the endpoint.
    """

    _dripline_reach: ClassVar[Reach] = {"get": {"insertion_table_endpoint_name"}}

    def __init__(self, insertion_table_endpoint_name: str, **kwargs: Any) -> None:
        self.insertion_table_endpoint_name = insertion_table_endpoint_name
        PostgreSQLInterface.__init__(
            self, **kwargs
        )  # first, since endpoints may use the engine when they are made
        AlertConsumer.__init__(self, **kwargs)
        RowLogger.__init__(self, **kwargs)
        self.__tables = _Endpoints(self)

    def add_child(self, endpoint: Endpoint) -> bool:
        """Add an endpoint; its table is described when the service starts, also if the database is away now."""
        return AlertConsumer.add_child(self, endpoint)

    def start(self) -> None:
        """Connect, and begin to consume. Errors as for `SensorLogger`.

        Raises:
            ConfigurationError: There is no endpoint to insert into, or its table cannot take rows.
        """
        table, endpoints = self.insertion_table_endpoint_name, self.sync_children
        inserts = type(self).process_payload is PostgresSensorLogger.process_payload  # a subclass may do otherwise
        if inserts and table not in endpoints:
            hint = did_you_mean(table, endpoints) or f"; there is: {', '.join(endpoints) or 'none'}"
            raise ConfigurationError(f"{self.name}: insertion_table_endpoint_name: no endpoint {table!r}{hint}")
        if inserts and not hasattr(endpoints[table], "do_insert"):
            kind = type(endpoints[table]).__name__
            raise ConfigurationError(
                f"{self.name}: insertion_table_endpoint_name: {table} is of class {kind} and takes no rows; "
                "name an SQLTable"
            )
        RowLogger.start(self)

    def process_payload(
        self, a_payload: scarab.Param, a_routing_key_data: dict[str, str | None], a_message_timestamp: str
    ) -> None:
        """Insert a row.

        Args:
            a_payload: The alert's payload, a mapping.
            a_routing_key_data: What `parse_routing_key` found.
            a_message_timestamp: When the alert was sent.
        """
        values = {"timestamp": a_message_timestamp, **a_routing_key_data}
        payload = a_payload.to_python()
        if isinstance(payload, dict):
            self.__insert({**values, **payload})
        elif self._dripline_alert_in_flight() is not None:
            self._dripline_refuse_row(
                self.insertion_table_endpoint_name, {**values, "payload": payload}, "its payload is no mapping"
            )
        else:
            raise ThrowReply("service_error_bad_payload", f"{self.name}: the payload is no mapping")

    def __insert(self, values: Mapping[str, Any]) -> None:
        table = self.__insertion_table()
        if self._dripline_alert_in_flight() is not None and type(table).do_insert is SQLTable.do_insert:
            table._dripline_insert_with_others(values)  # what ``return_col_names`` asks for is not needed here
        else:
            table.do_insert(**values)

    def __insertion_table(self) -> Any:
        table = self.sync_children.get(self.insertion_table_endpoint_name)
        if table is None:
            raise ThrowReply(
                "service_error",
                f"{self.name}: insertion_table_endpoint_name: there is no endpoint "
                f"{self.insertion_table_endpoint_name!r}; it has {', '.join(self.sync_children) or 'none'}",
            )
        return table

    def _dripline_destinations(self) -> Destinations:
        return self.__tables


class _Endpoints:
    """The tables of a service's endpoints."""

    def __init__(self, service: PostgresSensorLogger) -> None:
        self._service = service
        self._looked_at: set[str] = set()

    def destination(self, name: str) -> Destination:
        endpoint = self._tables().get(name)
        if endpoint is None:
            raise LookupError(f"{self._service.name} has no table endpoint {name!r} any longer")
        if name not in self._looked_at:
            endpoint._dripline_look_at_table()
            self._looked_at.add(name)
        return Destination(endpoint.table)

    def look(self) -> None:
        with self._service.engine.connect():
            pass  # also when nothing is inserted by the endpoints
        for endpoint in self._tables().values():
            if endpoint._dripline_takes_inserts:
                endpoint._dripline_look_at_table()

    def forget(self) -> None:
        self._looked_at.clear()
        for endpoint in self._tables().values():
            endpoint.table = None

    def _tables(self) -> dict[str, SQLTable]:
        children: dict[str, Endpoint] = {**self._service.sync_children, **self._service.async_children}
        return {name: child for name, child in children.items() if isinstance(child, SQLTable)}
