"""`dl-agent`: send one message, made of arguments or a configuration file, and print the reply."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from dripline.cli.command import Command, run
from dripline.cli.options import WORD, ManyWords, Seconds, WholeNumber, common_options
from dripline.errors import ConfigurationError
from dripline.programs.common_options import CommonOptions
from dripline.programs.request import make_payload

if TYPE_CHECKING:
    from dripline.programs.session import Session

logger = logging.getLogger("dripline.config")

# Importing this module must stay cheap: what sends and prints is imported by the functions that do so.

_NOTES = """
`null`, `true`, `false` and numbers are sent with their type, lists and maps are written as JSON, everything
else is text. `key=value` sets a key of the payload, which may be a path (`y.z=1`); all other arguments become
its `values`. With `-c`, the keys of the file are part of the payload as well.

The exit code is the return code divided by 100: 0 success, 1 broker, 2 resource, 3 service, 4 client.
"""
_EXAMPLES = """
dl-agent get peaches
dl-agent set peaches -5
dl-agent set peaches '["A?", "B?"]'
dl-agent cmd peaches -s ping
dl-agent alert my.news x=1 y.z=hello
"""


_CONFIRM_S = 30.0  # for the broker to take a reply or an alert, if there is no time limit
# Keys that have an option; `return` holds the last two.
_OPTIONS = ("specifier", "timeout", "lockout_key", "suppress_output", "json_print", "pretty_print", "dry_run_msg")
_RETURN = {"code": "return_code", "message": "return_msg"}
# Never part of a payload: login (also version 4's), connection, and the routing key of the command line.
_LOGIN = {"username", "password", "amqp", "auth_file", "auth-file", "auths_file", "auth_groups", "auth-groups"}
_NOT_SENT = {"dripline_mesh", "rk", "return", *_LOGIN, *_OPTIONS}
_SERVICE_KEYS = ("endpoints", "module", "module_path")
_OPERATIONS = ("get", "set", "cmd", "reply", "alert")


@dataclass(frozen=True)
class _MessageOptions:
    """What kind of message is sent, and how its reply is shown: the options, or their keys in a file."""

    specifier: str
    timeout: float
    lockout_key: str | None
    return_code: int
    return_msg: str
    suppress_output: bool
    json_print: bool
    pretty_print: bool
    dry_run_msg: bool


@click.command("dl-agent", cls=Command, values_after=2, epilog=_NOTES, examples=_EXAMPLES, no_args_is_help=False)
@click.argument("operation", type=click.Choice(_OPERATIONS), metavar="|".join(_OPERATIONS))
@click.argument("routing_key", type=WORD)
@click.argument("words", type=WORD, nargs=-1, metavar="[VALUES… KEY=VALUE…]")
@click.option("-s", "--specifier", default="", metavar="NAME", help="Attribute or method of the endpoint.")
@click.option("-P", "--payload", cls=ManyWords, help="More arguments for the payload.")
@click.option("--values", cls=ManyWords, help="More arguments for 'values' of the payload.")
@click.option(
    "-t",
    "--timeout",
    type=Seconds(min=0),
    default=10,
    metavar="S",
    show_default=True,
    help="Maximum time to connect and to get the reply, in seconds (0: no limit).",
)
@click.option("-k", "--lockout-key", metavar="UUID", help="Key of a locked endpoint.")
@click.option("--suppress-output", is_flag=True, help="Do not print the reply.")
@click.option("--json-print", is_flag=True, help="Print the reply as one line of JSON.")
@click.option("--pretty-print", is_flag=True, help="Print the reply as indented JSON.")
@click.option(
    "--return-code", type=WholeNumber(min=0), default=0, metavar="N", help="Return code of a reply to send."
)
@click.option("--return-msg", default="", metavar="TEXT", help="Return message of a reply to send.")
@click.option("--dry-run-msg", is_flag=True, help="Print the message instead of sending it.")
@common_options
@click.pass_context
def dl_agent(
    ctx: click.Context,
    /,
    common: CommonOptions,
    operation: str,
    routing_key: str,
    words: Sequence[str],
    payload: Sequence[str],
    values: Sequence[str],
    **options: object,
) -> None:
    """Send a request (get, set or cmd), a reply or an alert."""
    from dripline.programs import logs
    from dripline.programs.session import open_client_session

    logs.set_up(logging.WARNING, common.verbose, common.quiet)
    session = open_client_session(common)
    file = _read_message_file(ctx, session) if common.config else _MessageFile()
    content = make_payload([*words, *payload], values, file.payload)
    if file.last_values:
        content["values"] = [*content.get("values", ()), *file.last_values]
    how = _MessageOptions(**{**options, **file.options})
    ctx.exit(_send(session, operation, routing_key, content, how))


def _send(
    session: Session, operation: str, routing_key: str, payload: dict[str, Any], how: _MessageOptions
) -> int:
    from dripline.programs.output import show_message
    from dripline.programs.request import make_message
    from dripline.wire.message import MsgRequest
    from dripline.wire.sender import sender_info

    message = make_message(operation, routing_key, payload, how.specifier, how.lockout_key)
    if operation == "reply":
        message.return_code, message.return_message = how.return_code, how.return_msg
    if how.dry_run_msg:
        message.sender_info = sender_info()
        show_message(message, json_print=how.json_print, pretty_print=how.pretty_print)
        return 0
    with session.client().in_time() as client:
        if not isinstance(message, MsgRequest):
            client.publish(message, how.timeout or _CONFIRM_S)
            return 0
        reply = client.request(message, how.timeout)
    if not how.suppress_output:
        show_message(reply, json_print=how.json_print, pretty_print=how.pretty_print)
    return min(reply.return_code // 100, 255)


# -- what a configuration file contributes to the message ------------------------------------------------------


@dataclass
class _MessageFile:
    """Message settings from a configuration file; `last_values` are appended after all others."""

    payload: dict[str, Any] = field(default_factory=dict)
    last_values: list[Any] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)


def _read_message_file(ctx: click.Context, session: Session) -> _MessageFile:
    """Split the configuration file of a session into options and payload, as the reference does.

    A file that describes a service contributes nothing.
    """
    content, where = session.configuration, session.origin.where
    if any(key in content for key in _SERVICE_KEYS):
        logger.info("%s: describes a service; only its connection and login are used", where(()))
        return _MessageFile()
    if "save" in content:
        raise ConfigurationError(
            f"{where(('save',))}: save: not supported; remove it and redirect the output: --json-print > FILE"
        )
    payload = {
        key: value for key, value in content.items() if key not in _NOT_SENT and not str(key).startswith("x-")
    }
    last_values = _as_list(payload.pop("option_values", None))
    values = _as_list(payload.pop("values", None))
    if values:
        payload["values"] = values
    return _MessageFile(payload, last_values, _options(ctx, content, where))


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def _options(ctx: click.Context, content: Mapping[str, Any], where: Any) -> dict[str, Any]:
    given: dict[str, tuple[tuple[str, ...], Any]] = {
        key: ((key,), content[key]) for key in _OPTIONS if key in content
    }
    reply = content.get("return")
    if isinstance(reply, Mapping):
        unknown = [key for key in reply if key not in _RETURN]
        if unknown:
            raise ConfigurationError(
                f"{where(('return', unknown[0]))}: return: unknown key {unknown[0]!r}; known: code, message"
            )
        given |= {_RETURN[key]: (("return", key), value) for key, value in reply.items()}
    elif reply is not None:
        raise ConfigurationError(f"{where(('return',))}: return: must be a mapping with code and message")
    parameters = {parameter.name: parameter for parameter in ctx.command.params}
    options = {}
    for name, (path, value) in given.items():
        if value is None or ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
            continue
        parameter = parameters[name]
        try:
            if isinstance(value, (list, Mapping)):
                raise click.BadParameter("must be a single value")
            options[name] = parameter.type_cast_value(ctx, value)
        except click.BadParameter as error:
            raise ConfigurationError(f"{where(path)}: {'.'.join(path)}: {error.message.rstrip('.')}") from None
    return options


main = partial(run, dl_agent, "dl-agent")

if __name__ == "__main__":
    main()
