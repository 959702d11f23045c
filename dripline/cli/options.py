"""The options that all commands have."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import click

from dripline.cli.command import WholeNumber
from dripline.cli.help_text import ConnectionOption

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class CommonOptions:
    """What the options of every command said; None for those not given.

    Attributes:
        config: configuration file.
        further_configs: files of further `-c`, for a command that takes several.
        verbose: how many `-v`.
        quiet: how many `-q`.
        username: login at the broker.
        password: its secret.
        password_file: a file that holds the secret.
        auth_file: a file of secrets by group and item.
        broker: host of the broker.
        port: its port.
        requests_exchange: exchange of requests and replies.
        alerts_exchange: exchange of alerts.
        max_payload: longest body of one AMQP message, in bytes.
        heartbeat_routing_key: first word of heartbeats' routing keys.
        max_connection_attempts: how often to try before giving up.
        tls: whether the connection to the broker is encrypted.
        verify: whether the broker has to prove who it is.
        ca_file: file of the authorities that are trusted.
        certificate: file of the certificate that is shown to the broker.
        key: file of its key.
        auth_mechanism: whether a password or the certificate logs in.
    """

    config: str | None = None
    further_configs: tuple[str, ...] = ()
    verbose: int = 0
    quiet: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: str | None = None
    auth_file: str | None = None
    broker: str | None = None
    port: int | None = None
    requests_exchange: str | None = None
    alerts_exchange: str | None = None
    max_payload: int | None = None
    heartbeat_routing_key: str | None = None
    max_connection_attempts: int | None = None
    tls: bool | None = None
    verify: bool | None = None
    ca_file: str | None = None
    certificate: str | None = None
    key: str | None = None
    auth_mechanism: str | None = None

    def as_configuration(self) -> dict[str, Any]:
        """The options as a configuration, None for those not given."""
        return {
            "dripline_mesh": {
                "broker": self.broker,
                "broker_port": self.port,
                "requests_exchange": self.requests_exchange,
                "alerts_exchange": self.alerts_exchange,
                "max_payload_size": self.max_payload,
                "heartbeat_routing_key": self.heartbeat_routing_key,
                "max_connection_attempts": self.max_connection_attempts,
                "tls": self.tls,
                "verify": self.verify,
                "ca_file": self.ca_file,
                "certificate_file": self.certificate,
                "key_file": self.key,
                "auth_mechanism": self.auth_mechanism,
            }
        }


def _show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from dripline.wire.version import VERSION

        click.echo(f"dripline {VERSION}")
        ctx.exit()


_connection = functools.partial(click.option, cls=ConnectionOption)

_OPTIONS = (
    click.option("-c", "--config", multiple=True, metavar="FILE", help="Configuration file (YAML or JSON)."),
    click.option("-v", "--verbose", count=True, help="Increase verbosity; can be repeated."),
    click.option("-q", "--quiet", count=True, help="Decrease verbosity; can be repeated."),
    click.option(
        "-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
        help="Show the version and exit.",
    ),
    _connection("-b", "--broker", metavar="HOST", help="Broker host, or an address: amqps://host:port/vhost."),
    _connection(
        "-p", "--port", type=WholeNumber(1, 65535), metavar="N",
        help="Broker port  [default: 5672, with TLS 5671]",
    ),
    _connection(
        "-u", "--username", metavar="NAME", help="Broker user name  [default: $DRIPLINE_USER, else guest]"
    ),
    _connection("--password-file", metavar="FILE", help="File that contains only the password."),
    _connection("--auth-file", metavar="FILE", help="File with secrets: {group: {item: secret}}."),
    _connection(
        "--password", metavar="TEXT",
        help="Password, visible in the process list; prefer --password-file  "
        "[default: $DRIPLINE_PASSWORD, else guest]",
    ),
    _connection("--tls/--no-tls", default=None, help="Encrypt the connection with TLS."),
    _connection(
        "--ca-file", metavar="FILE",
        help="CA certificates (PEM) used to verify the broker  [default: those of the system]",
    ),
    _connection("--certificate", metavar="FILE", help="Client certificate (PEM)."),
    _connection(
        "--key", metavar="FILE",
        help="Private key of the client certificate (PEM)  [default: in the certificate file]",
    ),
    _connection(
        "--auth-mechanism", type=click.Choice(["plain", "external"], case_sensitive=False),
        help="Log in with user name and password (plain) or with the client certificate (external).",
    ),
    _connection("--verify/--no-verify", default=None, help="Verify the broker's certificate  [default: verify]"),
    _connection("--requests-exchange", metavar="NAME", help="Exchange for requests and replies."),
    _connection("--alerts-exchange", metavar="NAME", help="Exchange for alerts."),
    _connection(
        "--max-payload", type=WholeNumber(min=1), metavar="BYTES",
        help="Maximum size of a message body; longer messages are sent in chunks.",
    ),
    _connection("--heartbeat-routing-key", metavar="WORD", help="First word of heartbeat routing keys."),
    _connection(
        "--max-connection-attempts", type=WholeNumber(min=1), metavar="N",
        help="Maximum number of connection attempts.",
    ),
)  # fmt: skip


def common_options(function: _Function) -> _Function:
    """Give a command the common options; its callback gets them as `common`."""
    names = [field.name for field in fields(CommonOptions) if field.name != "further_configs"]

    @functools.wraps(function)
    def with_options(*args: Any, **kwargs: Any) -> Any:
        files = kwargs.pop("config")
        given = {name: kwargs.pop(name) for name in names if name != "config"}
        common = CommonOptions(config=files[0] if files else None, further_configs=files[1:], **given)
        if common.further_configs and not getattr(click.get_current_context().command, "takes_files", False):
            together = " ".join(map(shlex.quote, files))
            raise click.UsageError(f"-c is given {len(files)} times; to run several services: dl serve {together}")
        return function(*args, common=common, **kwargs)

    for option in reversed(_OPTIONS):
        with_options = option(with_options)
    return with_options  # type: ignore[return-value]  # wraps keeps the signature for click only
