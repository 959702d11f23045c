"""`dl-mon`: print the messages of a mesh until stopped."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

import click

from dripline.cli.command import Command, run
from dripline.cli.options import WORD, ManyWords, common_options
from dripline.programs.common_options import CommonOptions

_NOTES = """
Without keys, all alerts, requests and replies are shown. A key is a pattern: `*` matches one word, `#` any
number of words.
"""
_EXAMPLES = """
dl-mon -a 'sensor_value.#' 'heartbeat.*'
dl-mon -r peaches -a '#' --json-print
"""


@click.command("dl-mon", cls=Command, epilog=_NOTES, examples=_EXAMPLES)
@click.argument("words", type=WORD, nargs=-1, metavar="[KEY=VALUE…]")
@click.option("-r", "--requests", cls=ManyWords, help="Keys for requests and replies.")
@click.option("-a", "--alerts", cls=ManyWords, help="Keys for alerts.")
@click.option("--json-print", is_flag=True, help="Print each message as one line of JSON.")
@click.option("--pretty-print", is_flag=True, help="Print each message as indented JSON.")
@common_options
def dl_mon(
    common: CommonOptions,
    words: Sequence[str],
    requests: Sequence[str],
    alerts: Sequence[str],
    json_print: bool,
    pretty_print: bool,
) -> None:
    """Show the messages on a mesh until stopped."""
    from dripline.programs import logs
    from dripline.programs.monitor import listen
    from dripline.programs.output import show_message
    from dripline.programs.session import open_client_session

    logs.set_up(logging.WARNING, common.verbose, common.quiet)
    if not requests and not alerts:
        requests = alerts = ["#"]

    listen(
        open_client_session(common, words),
        requests,
        alerts,
        lambda message: show_message(message, json_print, pretty_print),
    )


main = partial(run, dl_mon, "dl-mon")

if __name__ == "__main__":
    main()
