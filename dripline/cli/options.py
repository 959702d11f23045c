"""Options and argument types shared by the commands, and the layout of `--help`."""

from __future__ import annotations

import functools
import math
import re
import shlex
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import click

from dripline.programs.common_options import CommonOptions

_Function = TypeVar("_Function", bound=Callable[..., Any])
#: Hides a word that begins with "-" from click's parser until it is a value.
HIDDEN = "\0"
# About 30 years; the clocks of sockets overflow at 300 years.
_LONGEST_S = 1e9
_GENERAL = {"--config", "--verbose", "--quiet", "--version", "--help"}
# What click adds for a range of numbers, such as "  [x>=1]" or "; x>0".
_RANGE = re.compile(r" *\[[\d.]*(<=?)?x[<>][^\]]*\]|; *[\d.]*(<=?)?x[<>][^\]]*(?=\])")


# -- types of arguments -----------------------------------------------------------------------------------------


class ManyWords(click.Option):
    """An option that takes all words up to the next option: `-a 'sensor_value.#' heartbeat.my_store`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"multiple": True, "type": WORD, "metavar": "WORD…", **kwargs})


class _Word(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    """A word of the command line, as it was written."""

    name = "word"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        word = value.removeprefix(HIDDEN)
        if not _is_text(word):
            self.fail(f"{word!r} has bytes that are no text; write it in UTF-8, in a locale of UTF-8", param, ctx)
        return word


def _is_text(word: str) -> bool:
    """Whether a word can be sent: bytes that the locale cannot read are lone surrogates in it."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


WORD = _Word()


class Seconds(click.FloatRange):
    """A duration in seconds. Infinity and everything that clocks cannot count is the longest one that they can."""

    name = "number of seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the duration; fail for NaN, which no comparison refuses."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a valid {self.name}", param, ctx)
        return min(number, _LONGEST_S)


class WholeNumber(click.IntRange):
    """A whole number within limits."""

    name = "whole number"


# -- help -------------------------------------------------------------------------------------------------------


class ConnectionOption(click.Option):
    """An option about the connection to the broker."""


class HelpLayout(click.Command):
    """Lays out the help of a command.

    Args:
        examples: Command lines, one a line, shown as they are.
    """

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
        super().__init__(*args, **{"context_settings": settings, **kwargs})
        self.examples = examples

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command does, with notes and examples, before its many options."""
        super().format_help_text(ctx, formatter)
        super().format_epilog(ctx, formatter)
        lines = self.examples.strip().splitlines()
        if lines:
            with formatter.section("Examples"):
                for line in lines:
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options in groups: of the command, general ones, of the connection."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                groups.setdefault(_group_of(param), []).append((record[0], _RANGE.sub("", record[1])))
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        for title in ("Options", "General options", "Connection options"):
            if title in groups:
                with formatter.section(title):
                    formatter.write_dl(groups[title])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write nothing: notes come before the options."""


def _group_of(param: click.Parameter) -> str:
    if isinstance(param, ConnectionOption):
        return "Connection options"
    return "General options" if _GENERAL.intersection(param.opts) else "Options"


# -- common options ---------------------------------------------------------------------------------------------


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
