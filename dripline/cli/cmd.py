"""`dl cmd`: call a method of an endpoint."""

from __future__ import annotations

from collections.abc import Sequence

import click

from dripline.cli.asking import Asking, asking_options
from dripline.cli.command import WORD, Command

_EPILOG = """
\b
dl cmd peaches ping
dl cmd furnace heat 50 times=3
"""


@click.command("cmd", cls=Command, values_after=2, epilog=_EPILOG)
@click.argument("endpoint", type=WORD)
@click.argument("method", type=WORD)
@click.argument("words", type=WORD, nargs=-1, metavar="[VALUES… KEY=VALUE…]")
@asking_options
def cmd(asking: Asking, endpoint: str, method: str, words: Sequence[str]) -> int:
    """Call a method of an endpoint; shows what it returns."""
    from dripline.cli.payload import make_payload

    return asking.ask("cmd", endpoint, make_payload(words), method)
