"""`dl get`: what an endpoint reads."""

from __future__ import annotations

import click

from dripline.cli.asking import Asking, asking_options
from dripline.cli.command import WORD, Command

_EPILOG = """
\b
dl get peaches
dl get peaches -s calibration
dl get peaches --json
"""


@click.command("get", cls=Command, epilog=_EPILOG)
@click.argument("endpoint", type=WORD)
@click.option("-s", "--specifier", default="", metavar="NAME", help="Show this attribute instead.")
@asking_options
def get(asking: Asking, endpoint: str, specifier: str) -> int:
    """Show what an endpoint reads, or one of its attributes (-s); -v shows the whole reply."""
    return asking.ask("get", endpoint, {}, specifier)
