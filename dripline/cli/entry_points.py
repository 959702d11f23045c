"""What the installed commands call first: Ctrl-C counts already while Python reads the rest."""

from __future__ import annotations

import signal
import sys
from importlib import import_module

from dripline.programs.signals import interrupt

# What a shell says of a program that Ctrl-C has ended.
_INTERRUPTED = 130


def _run(command: str) -> None:
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # and not ignored, as behind a shell's `&`
        signal.signal(signal.SIGINT, interrupt)
    try:
        main = import_module(f"dripline.cli.{command}").main
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    main()


def dl() -> None:
    """Run `dl`."""
    _run("dl")


def dl_serve() -> None:
    """Run `dl-serve`."""
    _run("dl_serve")


def dl_agent() -> None:
    """Run `dl-agent`."""
    _run("dl_agent")


def dl_mon() -> None:
    """Run `dl-mon`."""
    _run("dl_mon")


def dl_http_server() -> None:
    """Run `dl-http-server`."""
    _run("web")
