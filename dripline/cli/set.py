"""`dl set`: set an endpoint."""

from __future__ import annotations

import click

from dripline.cli.asking import Asking, asking_options
from dripline.cli.command import WORD, Command

_EPILOG = """
\b
dl set peaches 2.5
dl set peaches -5
dl set peaches 60 -s log_interval
"""


@click.command("set", cls=Command, values_after=1, epilog=_EPILOG)
@click.argument("endpoint", type=WORD)
@click.argument("value", type=WORD)
@click.option("-s", "--specifier", default="", metavar="NAME", help="Set this attribute instead.")
@asking_options
def set_(asking: Asking, endpoint: str, value: str, specifier: str) -> int:
    """Set an endpoint; shows what it answers, if anything."""
    from dripline.config.words import read_word

    return asking.ask("set", endpoint, {"values": [read_word(value)]}, specifier)
