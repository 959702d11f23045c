"""`dl simulate`: run simulated instruments."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from dripline.cli.command import Command
from dripline.cli.options import WORD, WholeNumber
from dripline.programs.output import show

if TYPE_CHECKING:
    from dripline.simulation import Instrument

_NOTES = """
Each file describes an instrument. With `--port`, the first one listens on that port and the others on the
ports after it.
"""
_EXAMPLES = """
dl simulate power_supply.yaml
dl simulate power_supply.yaml thermometer.yaml --port 5025
"""


@click.command("simulate", cls=Command, epilog=_NOTES, examples=_EXAMPLES)
@click.argument("files", type=WORD, nargs=-1, required=True, metavar="FILE…")
@click.option(
    "-p", "--port", type=WholeNumber(0, 65535), metavar="N", help="Port to listen on (0: any free port)."
)
@click.option("-v", "--verbose", count=True, help="Log the communication to standard error; can be repeated.")
@click.option("-q", "--quiet", count=True, help="Decrease verbosity; can be repeated.")
def simulate(files: Sequence[str], port: int | None, verbose: int, quiet: int) -> None:
    """Run the simulated instruments described by files until stopped."""
    from dripline.programs import logs
    from dripline.programs.signals import StopEvent

    logs.set_up(logging.INFO, verbose, quiet)
    instruments = _described(files, port)
    stop = StopEvent()
    with stop.armed(), ExitStack() as running:
        for instrument in instruments:
            running.enter_context(instrument)
        for instrument in instruments:
            _announce(instrument)
        stop.wait()


def _described(files: Sequence[str], port: int | None) -> list[Instrument]:
    """The instruments; what is wrong with any of the files is told at once."""
    from dripline.errors import ConfigurationError
    from dripline.simulation import Instrument

    instruments, mistakes = [], []
    for number, file in enumerate(files):
        try:
            instruments.append(Instrument.from_file(file, port + number if port else port))
        except ConfigurationError as error:
            mistakes.append(str(error))
    if mistakes:
        raise ConfigurationError("\n".join(mistakes))
    return instruments


def _announce(instrument: Instrument) -> None:
    host, port = instrument.reachable_at
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    show(f"{instrument.name} listens at {where}; to talk to it: nc {host} {port}, and then *IDN?")
