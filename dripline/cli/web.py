"""`dl-http-server`: run the HTTP interface."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import click

from dripline.cli.command import Command, run
from dripline.cli.options import WORD, WholeNumber, common_options
from dripline.programs.common_options import CommonOptions

logger = logging.getLogger("dripline.web")

_NOTES = """
Only local clients can connect unless `--http-host` is set. If DRIPLINE_HTTP_TOKEN is set, clients must send
it (Authorization: Bearer …). With DRIPLINE_HTTP_USER and DRIPLINE_HTTP_PASSWORD, browsers ask for a login.
"""
_EXAMPLES = """
dl-http-server
dl-http-server http_port=8081 web_root=panel
curl localhost:8080/dl
curl localhost:8080/dl/peaches
curl -X PUT localhost:8080/dl/peaches -d '{"values": [3.2]}'
curl -X POST localhost:8080/dl/peaches -H 'specifier: ping'
"""

# Keys of a service's file that mean nothing here.
_IGNORED = frozenset({"name", "module", "username", "password", "dripline_mesh"})
_SECRETS = frozenset({"http_token", "http_username", "http_password"})


@click.command("dl-http-server", cls=Command, epilog=_NOTES, examples=_EXAMPLES)
@click.argument("words", type=WORD, nargs=-1, metavar="[KEY=VALUE…]")
@click.option("--http-host", metavar="HOST", help="Address to listen on  [default: 127.0.0.1]")
@click.option(
    "--http-port",
    type=WholeNumber(0, 65535),
    metavar="N",
    help="Port to listen on (0: any free port)  [default: 8080]",
)
@click.option("--web-root", metavar="FOLDER", help="Folder with files to serve at /.")
@common_options
def http_server(common: CommonOptions, words: Sequence[str], **options: Any) -> None:
    """Serve the endpoints of the mesh over HTTP until stopped."""
    from dripline.config.authentication import check_secret
    from dripline.errors import ConfigurationError
    from dripline.programs import logs
    from dripline.programs.session import open_session
    from dripline.programs.signals import apart, on_signal
    from dripline.web.http_server import HTTPServer

    logs.set_up(logging.INFO, common.verbose, common.quiet)
    session = open_session(common, words, options)
    settings = {key: value for key, value in session.configuration.items() if key not in _IGNORED}
    _refuse_unknown(settings, session.origin.where)
    _read_quoted(settings, session.origin.where)
    try:
        for key in _SECRETS & settings.keys():
            check_secret(key, settings[key])  # a key without a value is not the same as no key
        server = HTTPServer(
            **settings,
            username=session.username,
            password=session.password,
            dripline_mesh=session.configuration["dripline_mesh"],
        )
    except ConfigurationError as error:
        key = str(error).partition(":")[0]
        place = f"{session.origin.where((key,))}: " if key in settings else ""
        raise ConfigurationError(f"{place}{error}") from error
    with on_signal(lambda: apart(server.stop)):
        server.run()


def _read_quoted(settings: dict[str, Any], where: Any) -> None:
    """Convert quoted numbers and booleans; what is none is refused by the server."""
    from dripline.checking.arguments import wanted_types
    from dripline.config.overrides import spell
    from dripline.config.quoted import as_wanted
    from dripline.web.http_server import HTTPServer

    wanted = wanted_types(HTTPServer)
    for key in [key for key in settings if key in wanted and key not in _SECRETS]:
        settings[key], found = as_wanted(wanted[key], settings[key])
        for one in found:
            path = (key, *one.path)
            logger.warning("%s: %s: %s", where(path), spell(path), one)


def _refuse_unknown(settings: Mapping[str, Any], where: Any) -> None:
    from dripline.config.suggest import did_you_mean
    from dripline.errors import ConfigurationError
    from dripline.web.http_server import HTTPServer

    known = [name for name in inspect.signature(HTTPServer.__init__).parameters if name not in ("self", "kwargs")]
    known += ["timeout_s"]
    wrong = [key for key in settings if key not in known]
    if wrong:
        lines = [
            f"{where((key,))}: unknown key {key!r}{did_you_mean(key, known) or '; known: ' + ', '.join(known)}"
            for key in wrong
        ]
        raise ConfigurationError("\n".join(lines))


main = partial(run, http_server, "dl-http-server")

if __name__ == "__main__":
    main()
