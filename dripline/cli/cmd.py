"""`dl cmd`: call a method of an endpoint."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dripline.cli.command import WORD, Command
from dripline.cli.request import Asking, asking_options

_NOTES = """
`key=value` is a keyword argument. Lists and maps are written as JSON. Put `--` before a value that looks like
an option.
"""
_EXAMPLES = """
dl cmd peaches ping
dl cmd furnace heat 50 times=3
dl cmd furnace send_to_device '["A?", "B?"]'
"""


@click.command("cmd", cls=Command, values_after=2, epilog=_NOTES, examples=_EXAMPLES)
@click.argument("endpoint", type=WORD)
@click.argument("method", type=WORD)
@click.argument("words", type=WORD, nargs=-1, metavar="[VALUES… KEY=VALUE…]")
@asking_options
def cmd(asking: Asking, endpoint: str, method: str, words: Sequence[str]) -> int:
    """Call a method of an endpoint and print its result."""
    from dripline.cli.payload import make_payload

    return asking.ask("cmd", endpoint, make_payload(words), method)
