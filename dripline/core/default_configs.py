"""Default configurations as payload values, and command-line options that change them."""

from __future__ import annotations

from typing import Any

from dripline.config.load import home_mesh
from dripline.config.mesh import TLS_FILES, MeshSettings
from scarab import MainApp, ParamNode, to_param

_NOT_BY_DEFAULT = {
    "return_codes",
    "auth_mechanism",
    "virtual_host",
    "heartbeat_s",
    "max_reconnect_delay_s",
    "self_check_interval_s",
    "tls",
    "verify",
    *TLS_FILES,
}


class DriplineConfig(ParamNode):
    """The settings of a mesh: defaults, and over them those of ``~/.dripline_mesh.yaml``.

    Args:
        read_mesh_file: whether that file is read.
    """

    def __init__(self, read_mesh_file: bool = True) -> None:
        ParamNode.__init__(self)
        defaults = vars(MeshSettings())
        self.merge(_node({key: value for key, value in defaults.items() if key not in _NOT_BY_DEFAULT}))
        if read_mesh_file:
            self.merge(_node(home_mesh()))


class ServiceConfig(ParamNode):
    """The settings of a service, with those of its mesh in ``dripline_mesh``.

    ``Service(**ServiceConfig("my_store").to_python())`` makes one with them.

    Args:
        name: the service's name.
    """

    def __init__(self, name: str = "dlpy_service") -> None:
        ParamNode.__init__(self)
        self.merge(
            _node(
                {
                    "name": name,
                    "enable_scheduling": False,
                    "broadcast_key": "broadcast",
                    "loop_timeout_ms": 1000,
                    "message_wait_ms": 1000,
                    "heartbeat_interval_s": 60,
                }
            )
        )
        self.add("dripline_mesh", DriplineConfig())


_DRIPLINE_OPTIONS: tuple[tuple[str, str, type[Any], str], ...] = (
    ("-u,--username", "username.value", str, "login name at the broker"),
    ("--password", "password.value", str, "secret at the broker; others can see it in the list of processes"),
    ("--password-file", "password.file", str, "file that holds the secret and nothing else"),
    ("--auth-file", "auth_file", str, "file of secrets by group and item"),
    ("-b,--broker", "dripline_mesh.broker", str, "host of the broker"),
    ("-p,--port", "dripline_mesh.broker_port", int, "port of the broker"),
    ("--requests-exchange", "dripline_mesh.requests_exchange", str, "exchange of requests and replies"),
    ("--alerts-exchange", "dripline_mesh.alerts_exchange", str, "exchange of alerts"),
    ("--max-payload", "dripline_mesh.max_payload_size", int, "longest body of one AMQP message, in bytes"),
    (
        "--heartbeat-routing-key",
        "dripline_mesh.heartbeat_routing_key",
        str,
        "first word of the routing key of heartbeats",
    ),
    (
        "--max-connection-attempts",
        "dripline_mesh.max_connection_attempts",
        int,
        "how often a first connection is tried",
    ),
)

_SERVICE_OPTIONS: tuple[tuple[str, str, type[Any], str], ...] = (
    ("-n,--name", "name", str, "the service's name"),
    ("--broadcast-key", "broadcast_key", str, "first word of routing keys that address every service"),
    ("--loop-timeout-ms", "loop_timeout_ms", int, "kept for the reference's sake"),
    ("--message-wait-ms", "message_wait_ms", int, "how long missing chunks of a message are waited for"),
    ("--heartbeat-interval-s", "heartbeat_interval_s", int, "seconds between heartbeats; 0 sends none"),
)


def add_dripline_options(an_app: MainApp) -> None:
    """Give a program the options that say where the broker is and how to log in, and their defaults.

    Args:
        an_app: the program.
    """
    an_app.default_config.add("dripline_mesh", DriplineConfig())
    _add(an_app, _DRIPLINE_OPTIONS)


def add_service_options(an_app: MainApp) -> None:
    """Give a program the options of a service, and their defaults.

    Args:
        an_app: the program.
    """
    for key, value in ServiceConfig().items():
        an_app.default_config.add(key, value)
    an_app.add_config_flag("--enable-scheduling", "enable_scheduling", "run scheduled calls and logging")
    _add(an_app, _SERVICE_OPTIONS)


def add_dripline_auth_spec(an_app: MainApp, a_use_auth_file: bool = False) -> None:
    """Tell a program where name and secret for the broker come from by default.

    Args:
        an_app: the program.
        a_use_auth_file: whether that is the file ``authentications.json`` of the current folder; by default they
            are those of the environment.
    """
    if a_use_auth_file:
        an_app.set_default_auth_file("authentications.json")
        return
    from dripline.core._credentials import create_dripline_auth_spec  # most programs do this themselves

    an_app.add_default_auth_spec_group("dripline", create_dripline_auth_spec())


def _add(an_app: MainApp, options: tuple[tuple[str, str, type[Any], str], ...]) -> None:
    for names, address, kind, text in options:
        add = an_app.add_config_int_option if kind is int else an_app.add_config_string_option
        add(names, address, text)


def _node(plain: dict[str, Any]) -> ParamNode:
    return to_param(plain).as_node()
