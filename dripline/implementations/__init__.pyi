"""What type checkers read in place of `__init__.py`, which imports each name when it is asked for."""

from dripline.implementations.base_add_auth_spec import BaseAddAuthSpec as BaseAddAuthSpec
from dripline.implementations.config import add_postgres_auth_spec as add_postgres_auth_spec
from dripline.implementations.ethernet_scpi_service import EthernetSCPIService as EthernetSCPIService
from dripline.implementations.format_entity import FormatEntity as FormatEntity
from dripline.implementations.heartbeat_monitor import HeartbeatMonitor as HeartbeatMonitor
from dripline.implementations.heartbeat_tracker import HeartbeatTracker as HeartbeatTracker
from dripline.implementations.key_value_store import KeyValueStore as KeyValueStore
from dripline.implementations.postgres_interface import PostgreSQLInterface as PostgreSQLInterface
from dripline.implementations.postgres_sensor_logger import PostgresSensorLogger as PostgresSensorLogger
from dripline.implementations.sensor_logger import SensorLogger as SensorLogger
from dripline.implementations.serial_scpi_service import SerialSCPIService as SerialSCPIService
from dripline.implementations.simple_scpi_entity import (
    SimpleSCPIEntity as SimpleSCPIEntity,
    SimpleSCPIGetEntity as SimpleSCPIGetEntity,
    SimpleSCPISetEntity as SimpleSCPISetEntity,
)
from dripline.implementations.sql_table import SQLTable as SQLTable
from dripline.implementations.visa_service import VISAService as VISAService
from dripline.web.http_server import HTTPServer as HTTPServer
