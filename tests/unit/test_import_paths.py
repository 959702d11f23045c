"""The modules that extensions, scripts and documents import keep their names, whatever happens inside.

The names in them are compared with the reference's by `core/test_reference_api.py`.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points

import pytest

REFERENCE = """alert_consumer calibrate core default_configs endpoint entity interface object_creator receiver
    request_handler request_sender return_codes scheduler service throw_reply"""
IMPLEMENTATIONS = """base_add_auth_spec config ethernet_scpi_service format_entity heartbeat_monitor
    heartbeat_tracker http_server key_value_store postgres_interface postgres_sensor_logger sensor_logger
    serial_scpi_service simple_scpi_entity sql_table visa_service"""
SCARAB = "Authentication Cancelable MainApp Param ParamArray ParamNode ParamValue SignalHandler VersionSemantic"
#: Modules, and what the documents import from them.
PUBLIC = {
    "dripline": "version __version__",
    "dripline.core": "Endpoint Entity Interface MsgAlert MsgReply MsgRequest Service ThrowReply calibrate",
    "dripline.core.argument_checks": "check_arguments",
    "dripline.core.settings": "Setting",
    "dripline.errors": "DriplineError ErrorReply NoRoute ReplyTimeout",
    "dripline.wire.errors": "DriplineError ErrorReply NoRoute ReplyTimeout",
    "dripline.implementations": "KeyValueStore SensorLogger SimpleSCPIEntity HTTPServer",
    "dripline.extensions": "",
    "dripline.testing": "",
    "dripline.testing.plugin": "",
    "dripline.broker": "EmbeddedBroker",
    "_dripline.core": "Core",
    "scarab": SCARAB,
    **{f"dripline.core.{name}": "" for name in REFERENCE.split()},
    **{f"dripline.implementations.{name}": "" for name in IMPLEMENTATIONS.split()},
}


@pytest.mark.parametrize("module", PUBLIC)
def test_what_is_imported_elsewhere_stays_where_it_is(module: str) -> None:
    """Imported as a module, and each name from it."""
    found = importlib.import_module(module)
    assert [name for name in PUBLIC[module].split() if not hasattr(found, name)] == []


def test_the_console_commands_start() -> None:
    """Each command of the distribution leads to a function."""
    commands = {
        each.name: each for each in entry_points(group="console_scripts") if each.module.startswith("dripline.")
    }
    assert commands.keys() >= {"dl", "dl-serve", "dl-agent", "dl-mon", "dl-http-server"}
    assert all(callable(each.load()) for each in commands.values())
