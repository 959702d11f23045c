"""User, host and program of this process."""

from __future__ import annotations

import contextlib
import os
import socket
import sys


def executable() -> str:
    """Give the full path of the running program: the script if there is one, else the interpreter."""
    script = sys.argv[0] if sys.argv else ""
    return os.path.realpath(script) if script and os.path.isfile(script) else sys.executable


def hostname() -> str:
    """Give the name of this computer."""
    return socket.gethostname()


def home_folder() -> str | None:
    """Give this user's home folder; None if there is none, as in many containers."""
    home = os.environ.get("HOME") or None
    if home is None:
        import pwd  # rarely needed

        with contextlib.suppress(KeyError):
            home = pwd.getpwuid(os.getuid()).pw_dir or None
    return home


def username() -> str:
    """Name the user this process runs as; its number where nobody gave it a name, as in many containers."""
    for variable in ("LOGNAME", "USER", "USERNAME"):
        if os.environ.get(variable):
            return os.environ[variable]
    import pwd  # rarely needed

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
