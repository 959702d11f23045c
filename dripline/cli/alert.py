"""`dl alert`: send an alert."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import click

from dripline.cli.command import Command
from dripline.cli.options import WORD, Seconds, common_options
from dripline.programs.common_options import CommonOptions

_NOTES = """
`key=value` sets a key of the payload, all other arguments become its `values`.
"""
_EXAMPLES = """
dl alert sensor_value.peaches value_raw=1.5
dl alert status_message.pump.warning 'it stopped'
"""


@click.command("alert", cls=Command, values_after=1, epilog=_NOTES, examples=_EXAMPLES)
@click.argument("routing_key", type=WORD)
@click.argument("words", type=WORD, nargs=-1, metavar="[VALUES… KEY=VALUE…]")
@click.option(
    "-t", "--timeout", type=Seconds(min=0, min_open=True), default=30, metavar="S", show_default=True,
    help="Maximum time to connect and to get the broker's confirmation, in seconds.",
)  # fmt: skip
@common_options
def alert(common: CommonOptions, routing_key: str, words: Sequence[str], timeout: float) -> None:
    """Send an alert to all subscribers."""
    from dripline.programs import logs
    from dripline.programs.request import make_payload
    from dripline.programs.session import open_client_session
    from dripline.wire.message import MsgAlert

    logs.set_up(logging.WARNING, common.verbose, common.quiet)
    if not routing_key:
        raise click.UsageError("an alert needs a routing key, such as sensor_value.peaches")
    message = MsgAlert.create(make_payload(words), routing_key)
    with open_client_session(common).client().in_time() as client:
        client.publish(message, timeout)
