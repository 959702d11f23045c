"""Ready-made endpoints and services, each imported on first use."""

from __future__ import annotations

import importlib
from typing import Any

# Name and module here; one with a dot stands elsewhere, under the name that the reference gave it here.
_MODULES = {
    "BaseAddAuthSpec": "base_add_auth_spec",
    "EthernetSCPIService": "ethernet_scpi_service",
    "FormatEntity": "format_entity",
    "HTTPServer": "dripline.web.http_server",
    "HeartbeatMonitor": "heartbeat_monitor",
    "HeartbeatTracker": "heartbeat_tracker",
    "KeyValueStore": "key_value_store",
    "PostgreSQLInterface": "postgres_interface",
    "PostgresSensorLogger": "postgres_sensor_logger",
    "SQLTable": "sql_table",
    "SensorLogger": "sensor_logger",
    "SerialSCPIService": "serial_scpi_service",
    "SimpleSCPIEntity": "simple_scpi_entity",
    "SimpleSCPIGetEntity": "simple_scpi_entity",
    "SimpleSCPISetEntity": "simple_scpi_entity",
    "VISAService": "visa_service",
    "add_postgres_auth_spec": "config",
}


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return sorted(_MODULES)
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = _MODULES[name]
    return getattr(importlib.import_module(module if "." in module else f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted(_MODULES)
