"""The options that all commands have."""

from __future__ import annotations

import functools
import shlex
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import click

from dripline.cli.command import WholeNumber
from dripline.cli.help_text import ConnectionOption
from dripline.programs.common_options import CommonOptions

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from dripline.wire import VERSION

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
