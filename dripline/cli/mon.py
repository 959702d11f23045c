"""`dl mon`: follow alerts, as a table in a terminal or as lines in a pipe."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

import click

from dripline.cli.command import Command
from dripline.cli.options import WORD, ManyWords, common_options
from dripline.programs.common_options import CommonOptions

_NOTES = """
A key is a pattern: `*` matches one word, `#` any number of words.
"""
_EXAMPLES = """
dl mon
dl mon 'sensor_value.#'
dl mon --json | jq .payload
"""


@click.command("mon", cls=Command, epilog=_NOTES, examples=_EXAMPLES)
@click.argument("keys", type=WORD, nargs=-1, metavar="[KEYS…]")
@click.option("-a", "--alerts", cls=ManyWords, help="More keys for alerts.")
@click.option("-r", "--requests", cls=ManyWords, help="Keys for requests and replies, to follow these as well.")
@click.option("--json", "as_json", is_flag=True, help="Print each message as one line of JSON.")
@common_options
def mon(
    common: CommonOptions, keys: Sequence[str], alerts: Sequence[str], requests: Sequence[str], as_json: bool
) -> None:
    """Follow alerts, either all or those that match KEYS, until stopped."""
    from dripline.programs import logs
    from dripline.programs.monitor import LiveTable, can_be_drawn, line_of, listen
    from dripline.programs.output import show_message
    from dripline.programs.session import open_client_session

    logs.set_up(logging.WARNING, common.verbose, common.quiet)
    session = open_client_session(common)
    alert_keys = [*keys, *alerts] or ([] if requests else ["#"])
    if can_be_drawn(sys.stdout) and not as_json:
        table = LiveTable(sys.stdout)
        listen(session, requests, alert_keys, table.take, table.draw)
        return
    listen(
        session,
        requests,
        alert_keys,
        lambda message: show_message(message, json_print=True) if as_json else print(line_of(message), flush=True),
    )
