"""`dl-serve`: run the service described by a configuration file."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import click

from dripline.cli.command import Command, run
from dripline.cli.options import WORD, Seconds, WholeNumber, common_options
from dripline.programs.common_options import CommonOptions

logger = logging.getLogger("dripline.cli")

_NOTES = """
Ctrl-C or SIGTERM stops the service after it has answered the current requests.
"""
_EXAMPLES = """
dl-serve -c my_service.yaml
dl-serve -c my_service.yaml --embedded-broker
dl-serve -c my_service.yaml endpoints.0.initial_value=3
"""


@click.command("dl-serve", cls=Command, epilog=_NOTES, examples=_EXAMPLES)
@click.argument("words", type=WORD, nargs=-1, metavar="[KEY=VALUE…]")
@click.option(
    "--embedded-broker", is_flag=True, help="Run an embedded broker if none is running at a local address."
)
@click.option(
    "--heartbeat-interval-s",
    type=Seconds(min=0),
    metavar="S",
    help="Interval between heartbeats, in seconds.",
)
@click.option(
    "--loop-timeout-ms", type=WholeNumber(min=0), metavar="MS", help="Ignored; accepted for old scripts."
)
@click.option(
    "--message-wait-ms",
    type=WholeNumber(min=0),
    metavar="MS",
    help="Maximum wait for the chunks of a long message, in milliseconds.",
)
@click.option("--log-name", default="", hidden=True, help="Put before each log line.")
@click.option("--end-with-stdin", is_flag=True, hidden=True, help="Stop when standard input ends.")
@common_options
def dl_serve(
    common: CommonOptions,
    words: Sequence[str],
    embedded_broker: bool,
    log_name: str,
    end_with_stdin: bool,
    **options: Any,
) -> None:
    """Run the service described by a configuration file until it is stopped.

    A broker must be running, unless --embedded-broker is given.
    """
    from dripline.programs import embedded_broker as embedded
    from dripline.programs import logs
    from dripline.programs.service import open_service_session, run_service
    from scarab import secret_files

    logs.set_up(logging.INFO, common.verbose, common.quiet, log_name)
    if end_with_stdin:
        secret_files.warnings_were_given()  # by the process that started this one
    _refuse_files(words)
    session = open_service_session(common, words, options)
    if common.config is None and not words:  # with a name on the command line it is intended
        logger.warning(
            "no configuration file (-c FILE): %r is a bare service without endpoints",
            session.configuration.get("name"),
        )
    with embedded.embedded_broker(session) if embedded_broker else nullcontext():
        run_service(session, end_with_stdin=end_with_stdin)


def _refuse_files(words: Sequence[str]) -> None:
    import os

    from dripline.errors import ConfigurationError

    for word in words:
        if "=" not in word and os.path.exists(word):
            raise ConfigurationError(f"{word!r} is a file; a configuration file is given with -c")


main = partial(run, dl_serve, "dl-serve")

if __name__ == "__main__":
    main()
