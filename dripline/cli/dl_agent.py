"""`dl-agent`: send one message to the mesh, and show the reply."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from dripline.cli.command import WORD, Command, ManyWords, Seconds, WholeNumber, run
from dripline.cli.options import common_options
from dripline.cli.payload import make_payload
from dripline.programs.common_options import CommonOptions

if TYPE_CHECKING:
    from dripline.programs.session import Session

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
_OPERATIONS = ("get", "set", "cmd", "reply", "alert")


@dataclass(frozen=True)
class MessageOptions:
    """What kind of message is to be sent, and how its reply is shown.

    Attributes:
        specifier: attribute or method of the endpoint.
        timeout: longest wait for a connection and the reply together, in seconds; 0 for no limit.
        lockout_key: key of a locked endpoint.
        return_code: of a reply that is sent.
        return_msg: its message.
        suppress_output: show nothing.
        json_print: show one line of JSON.
        pretty_print: show indented JSON.
        dry_run_msg: show the message instead of sending it.
    """

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
    from dripline.cli.agent_file import MessageFile, read_message_file
    from dripline.programs import logs
    from dripline.programs.session import open_client_session

    logs.set_up(logging.WARNING, common.verbose, common.quiet)
    session = open_client_session(common)
    file = read_message_file(ctx, session) if common.config else MessageFile()
    content = make_payload([*words, *payload], values, file.payload)
    if file.last_values:
        content["values"] = [*content.get("values", ()), *file.last_values]
    how = MessageOptions(**{**options, **file.options})
    ctx.exit(_send(session, operation, routing_key, content, how))


def _send(session: Session, operation: str, routing_key: str, payload: dict[str, Any], how: MessageOptions) -> int:
    from dripline.programs.messages import make_message, show
    from dripline.wire.message import MsgRequest
    from dripline.wire.sender import sender_info

    message = make_message(operation, routing_key, payload, how.specifier, how.lockout_key)
    if operation == "reply":
        message.return_code, message.return_message = how.return_code, how.return_msg
    if how.dry_run_msg:
        message.sender_info = sender_info()
        show(message, json_print=how.json_print, pretty_print=how.pretty_print)
        return 0
    with session.client().in_time() as client:
        if not isinstance(message, MsgRequest):
            client.publish(message, how.timeout or _CONFIRM_S)
            return 0
        reply = client.request(message, how.timeout)
    if not how.suppress_output:
        show(reply, json_print=how.json_print, pretty_print=how.pretty_print)
    return min(reply.return_code // 100, 255)


def main() -> None:
    """Run `dl-agent`."""
    run(dl_agent, "dl-agent")


if __name__ == "__main__":
    main()
