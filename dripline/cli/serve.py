"""`dl serve`: run the services of one or more configuration files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

import click

from dripline.cli.command import Command
from dripline.cli.options import WORD, common_options
from dripline.programs.common_options import CommonOptions

_NOTES = """
Each file describes a service. Several services run in separate processes and end together: if one ends, the
others are stopped. If no broker is running at a local address, an embedded broker is started and ends with
the services.
"""
_EXAMPLES = """
dl serve my_store.yaml
dl serve my_store.yaml sensor_logger.yaml
dl serve my_store.yaml endpoints.0.initial_value=3
"""


@click.command("serve", cls=Command, takes_files=True, epilog=_NOTES, examples=_EXAMPLES)
@click.argument("words", type=WORD, nargs=-1, metavar="FILE… [KEY=VALUE…]")
@click.option(
    "--embedded-broker/--no-embedded-broker",
    default=True,
    help="Run an embedded broker if none is running at a local address.",
)
@common_options
@click.pass_context
def serve(ctx: click.Context, common: CommonOptions, words: Sequence[str], embedded_broker: bool) -> None:
    """Run the services described by configuration files until they are stopped.

    Starts a broker if the configured one is on this machine and not running.
    """
    from dripline.errors import ConfigurationError
    from dripline.programs import embedded_broker as embedded
    from dripline.programs import logs
    from dripline.programs import processes as supervisor
    from dripline.programs.service import open_service_session, run_service

    logs.set_up(logging.INFO, common.verbose, common.quiet)
    files, settings = _sorted_out(words)
    files += [common.config, *common.further_configs] if common.config else []
    if not files and not settings:
        raise click.UsageError("missing argument 'FILE… [KEY=VALUE…]'")
    if not files:
        raise ConfigurationError("no configuration file is given: dl serve FILE")
    if len(set(files)) < len(files):
        raise ConfigurationError(f"{_first_repeated(files)} is given twice; give each file once")
    if settings and len(files) > 1:
        raise ConfigurationError(f"{settings[0]!r}: KEY=VALUE arguments can only be used with a single file")
    sessions = supervisor.open_all(
        files, lambda file: open_service_session(replace(common, config=file, further_configs=()), settings)
    )
    with ExitStack() as stack:
        if embedded_broker and embedded.is_local(sessions[0].mesh.broker):
            stack.enter_context(embedded.embedded_broker(sessions[0]))
        if len(files) == 1:
            run_service(sessions[0])
            return
        ctx.exit(supervisor.run_all(files, sessions, common))


def _first_repeated(files: Sequence[str]) -> str:
    return next(file for file in files if files.count(file) > 1)


def _sorted_out(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Files, and the `key=value` words among them."""
    import os

    from dripline.config.overrides import split_word

    settings = [word for word in words if split_word(word) is not None and not os.path.exists(word)]
    return [word for word in words if word not in settings], settings
