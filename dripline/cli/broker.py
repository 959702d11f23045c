"""`dl broker`: run an embedded broker, for development and tests."""

from __future__ import annotations

import logging

import click

from dripline.cli.command import Command
from dripline.cli.options import common_options
from dripline.programs.common_options import CommonOptions

_EXAMPLES = """
dl broker
dl broker -b 0.0.0.0 -u lab --password-file secret
"""


@click.command("broker", cls=Command, examples=_EXAMPLES)
@common_options
def broker(common: CommonOptions) -> None:
    """Run an embedded broker on this machine until stopped, for development and tests."""
    from dripline.errors import ConfigurationError
    from dripline.programs import logs
    from dripline.programs.embedded_broker import is_local, make_broker
    from dripline.programs.session import open_session
    from dripline.programs.signals import StopEvent

    logs.set_up(logging.INFO, common.verbose, common.quiet)
    session = open_session(common)
    mesh = session.mesh
    if not is_local(mesh.broker):
        raise ConfigurationError(f"{mesh.broker} is not an address of this machine; name one with -b")
    stop = StopEvent()
    with stop.armed():
        running = make_broker(mesh, session.username, session.password)
        logging.getLogger("dripline.broker").info(
            "listening at %s:%d for user %r; Ctrl-C stops", running.host, running.port, session.username
        )
        stop.wait()
        running.stop()
