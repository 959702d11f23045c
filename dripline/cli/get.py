"""`dl get`: what an endpoint reads."""

from __future__ import annotations

import click

from dripline.cli.command import WORD, Command
from dripline.cli.request import Asking, asking_options

_EXAMPLES = """
dl get peaches
dl get peaches -s calibration
dl get peaches --json
"""


@click.command("get", cls=Command, examples=_EXAMPLES)
@click.argument("endpoint", type=WORD)
@click.option("-s", "--specifier", default="", metavar="NAME", help="Read this attribute instead of the value.")
@asking_options
def get(asking: Asking, endpoint: str, specifier: str) -> int:
    """Read an endpoint or one of its attributes (-s) and print the value; -v prints the whole reply."""
    return asking.ask("get", endpoint, {}, specifier)
