"""The options that all commands have."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import click

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


_OPTIONS = (
    click.option("-c", "--config", multiple=True, metavar="FILE", help="Configuration file, YAML or JSON."),
    click.option("-b", "--broker", metavar="HOST", help="Host of the broker, or amqps://host:port/vhost."),
    click.option(
        "-p", "--port", type=click.IntRange(1, 65535), metavar="N", help="Its port  [default: 5672; with TLS 5671]"
    ),
    click.option("-u", "--username", metavar="NAME", help="User at the broker; else DRIPLINE_USER, else guest."),
    click.option("--password-file", metavar="FILE", help="File that holds the password and nothing else."),
    click.option("--auth-file", metavar="FILE", help="File of secrets: {group: {item: secret}}."),
    click.option(
        "--password",
        metavar="TEXT",
        help="The password; others see it in the list of processes. Else DRIPLINE_PASSWORD, else guest.",
    ),
    click.option("--tls/--no-tls", default=None, help="Encrypt the connection to the broker."),
    click.option("--ca-file", metavar="FILE", help="PEM file of who vouches for the broker; else the system's."),
    click.option("--certificate", metavar="FILE", help="PEM file of the certificate to show to the broker."),
    click.option("--key", metavar="FILE", help="PEM file of its key, unless it is in the same file."),
    click.option(
        "--auth-mechanism", type=click.Choice(["plain", "external"], case_sensitive=False),
        help="What logs in: user and password (plain), or the certificate (external).",
    ),
    click.option("--verify/--no-verify", default=None, help="Whether the broker must prove who it is."),
    click.option("--requests-exchange", metavar="NAME", help="Exchange of requests and replies."),
    click.option("--alerts-exchange", metavar="NAME", help="Exchange of alerts."),
    click.option("--max-payload", type=click.IntRange(min=1), metavar="BYTES", help="Longest body of a message."),
    click.option("--heartbeat-routing-key", metavar="WORD", help="First word of the routing keys of heartbeats."),
    click.option(
        "--max-connection-attempts", type=click.IntRange(min=1), metavar="N", help="How often to try to connect."
    ),
    click.option("-v", "--verbose", count=True, help="Tell more on standard error; repeat for still more."),
    click.option("-q", "--quiet", count=True, help="Tell less; repeat for still less."),
    click.option(
        "-V", "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version,
        help="Show the version and exit.",
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
