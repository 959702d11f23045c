"""`dl set`: set an endpoint."""

from __future__ import annotations

import click

from dripline.cli.command import WORD, Command
from dripline.cli.request import Asking, asking_options

_NOTES = """
Lists and maps are written as JSON. Put `--` before a value that looks like an option.
"""
_EXAMPLES = """
dl set peaches 2.5
dl set peaches -5
dl set peaches '[1, 2]'
dl set peaches 60 -s log_interval
dl set peaches -- -t
"""


@click.command("set", cls=Command, values_after=1, epilog=_NOTES, examples=_EXAMPLES)
@click.argument("endpoint", type=WORD)
@click.argument("value", type=WORD)
@click.option("-s", "--specifier", default="", metavar="NAME", help="Set this attribute instead of the value.")
@asking_options
def set_(asking: Asking, endpoint: str, value: str, specifier: str) -> int:
    """Set an endpoint or one of its attributes (-s) and print the reply, if there is one."""
    from dripline.config.overrides import read_word

    return asking.ask("set", endpoint, {"values": [read_word(value)]}, specifier)
