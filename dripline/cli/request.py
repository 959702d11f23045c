"""`dl get`, `dl set` and `dl cmd`: send a request to an endpoint."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from dripline.cli.command import Command
from dripline.cli.options import WORD, Seconds, common_options
from dripline.programs.common_options import CommonOptions
from dripline.programs.request import RequestOptions

_Function = TypeVar("_Function", bound=Callable[..., Any])


def request_options(function: _Function) -> _Function:
    """Give a command the options of requests; its callback gets them as `request`."""

    @common_options
    @click.option("--json", "as_json", is_flag=True, help="Print the whole reply as one line of JSON.")
    @click.option("-k", "--lockout-key", metavar="UUID", help="Key of a locked endpoint.")
    @click.option(
        "-t", "--timeout", type=Seconds(min=0, min_open=True), default=10, metavar="S", show_default=True,
        help="Maximum time to connect and to get the reply, in seconds.",
    )  # fmt: skip
    @functools.wraps(function)
    def with_request(
        common: CommonOptions, timeout: float, lockout_key: str | None, as_json: bool, **kwargs: Any
    ) -> None:
        function(request=RequestOptions(common, timeout, lockout_key, as_json), **kwargs)

    return with_request  # type: ignore[return-value]  # wraps keeps the signature for click only


_GET_EXAMPLES = """
dl get peaches
dl get peaches -s calibration
dl get peaches --json
"""


@click.command("get", cls=Command, examples=_GET_EXAMPLES)
@click.argument("endpoint", type=WORD)
@click.option("-s", "--specifier", default="", metavar="NAME", help="Read this attribute instead of the value.")
@request_options
def get(request: RequestOptions, endpoint: str, specifier: str) -> None:
    """Read an endpoint or one of its attributes (-s) and print the value; -v prints the whole reply."""
    request.send("get", endpoint, {}, specifier)


_SET_NOTES = """
Lists and maps are written as JSON. Put `--` before a value that looks like an option.
"""
_SET_EXAMPLES = """
dl set peaches 2.5
dl set peaches -5
dl set peaches '[1, 2]'
dl set peaches 60 -s log_interval
dl set peaches -- -t
"""


@click.command("set", cls=Command, values_after=1, epilog=_SET_NOTES, examples=_SET_EXAMPLES)
@click.argument("endpoint", type=WORD)
@click.argument("value", type=WORD)
@click.option("-s", "--specifier", default="", metavar="NAME", help="Set this attribute instead of the value.")
@request_options
def set_(request: RequestOptions, endpoint: str, value: str, specifier: str) -> None:
    """Set an endpoint or one of its attributes (-s) and print the reply, if there is one."""
    from dripline.config.overrides import read_word

    request.send("set", endpoint, {"values": [read_word(value)]}, specifier)


_CMD_NOTES = """
`key=value` is a keyword argument. Lists and maps are written as JSON. Put `--` before a value that looks like
an option.
"""
_CMD_EXAMPLES = """
dl cmd peaches ping
dl cmd furnace heat 50 times=3
dl cmd furnace send_to_device '["A?", "B?"]'
"""


@click.command("cmd", cls=Command, values_after=2, epilog=_CMD_NOTES, examples=_CMD_EXAMPLES)
@click.argument("endpoint", type=WORD)
@click.argument("method", type=WORD)
@click.argument("words", type=WORD, nargs=-1, metavar="[VALUES… KEY=VALUE…]")
@request_options
def cmd(request: RequestOptions, endpoint: str, method: str, words: Sequence[str]) -> None:
    """Call a method of an endpoint and print its result."""
    from dripline.programs.request import make_payload

    request.send("cmd", endpoint, make_payload(words), method)
