"""Entry points of the console scripts, which handle Ctrl-C during imports."""

from __future__ import annotations

import signal
import sys
from functools import partial
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


dl = partial(_run, "dl")
dl_serve = partial(_run, "dl_serve")
dl_agent = partial(_run, "dl_agent")
dl_mon = partial(_run, "dl_mon")
dl_http_server = partial(_run, "web")
