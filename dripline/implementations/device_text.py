"""Inserts values into device commands safely; applies regular expressions with a time limit."""

from __future__ import annotations

import re
import string
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from dripline.core.endpoint import Endpoint
from dripline.core.throw_reply import ThrowReply

_ALLOWED_CONTROL = "\t"


def send_to_device(entity: Endpoint, command: str) -> Any:
    """Let the service of an entity send a command.

    Returns:
        The answer.

    Raises:
        ThrowReply: 300 when its service has no device.
    """
    send = getattr(entity.service, "send_to_device", None)
    if send is None:
        kind = type(entity.service).__name__ if entity.service is not None else "no service"
        raise ThrowReply(
            "service_error", f"endpoint {entity.name!r} belongs to {kind}, which has no send_to_device"
        )
    return send([command])


def sendable(entity: Endpoint, value: Any, allow_semicolon: bool = False) -> Any:
    """Check that a value from a message can be part of a command.

    Args:
        entity: The entity that sends it.
        value: The value.
        allow_semicolon: Whether texts may contain ``;``, which separates commands in SCPI.

    Returns:
        The value.

    Raises:
        ThrowReply: 304: it is no single value, or contains something that would start another command.
    """
    if value is None or isinstance(value, (Mapping, list, tuple)):
        raise ThrowReply("service_error_invalid_value", f"endpoint {entity.name!r}: {value!r} is no single value")
    return one_command(entity, value, allow_semicolon)


def one_command(entity: Endpoint, value: Any, allow_semicolon: bool = False) -> Any:
    """Check that no text in a value would start another command. Arguments and result as for `sendable`."""
    if isinstance(value, (list, tuple)):
        for item in value:
            one_command(entity, item, allow_semicolon)
    elif isinstance(value, Mapping):
        one_command(entity, [*value, *value.values()], allow_semicolon)
    elif isinstance(value, str):
        reason = _reason_against(value, getattr(entity.service, "command_terminator", None), allow_semicolon)
        if reason:
            raise ThrowReply("service_error_invalid_value", f"endpoint {entity.name!r}: {value!r} {reason}")
    return value


def _reason_against(text: str, terminator: str | None, allow_semicolon: bool) -> str | None:
    if any(not char.isprintable() and char not in _ALLOWED_CONTROL for char in text):
        return "has control characters in it"
    if terminator and terminator in text:
        return f"contains {terminator!r}, which ends a command (command_terminator)"
    if ";" in text and not allow_semicolon:
        return "contains ';', which would start another command; allow it with allow_semicolon: true"
    return None


class Filler(string.Formatter):
    """`str.format` without attributes: a hole may be ``{}``, ``{0}``, ``{0[key]}``, ``{:.3f}``."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Find the value for a hole; an attribute is refused."""
        if "." in field_name:
            raise ValueError(f"{{{field_name}}} asks for an attribute")
        return super().get_field(field_name, args, kwargs)


# -- searching an answer with a regular expression of a configuration ------------------------------------------

# On a text that nearly matches, Python's matcher can take for ever, and it lets no other thread run meanwhile: the
# whole service would stand still, and could not even be interrupted. So a search that could take long is rehearsed
# in a process of its own, which the system ends when it has used up its time.

#: Processor time that a rehearsal may take, in seconds.
LIMIT_S = 1

# What is done without a rehearsal: less than LIMIT_S on any machine.
_STEPS = 30_000_000

_REHEARSAL = f"""
import re, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_CPU, ({LIMIT_S}, {LIMIT_S + 1}))
length, _, rest = sys.stdin.buffer.read().partition(b"\\n")
pattern, text = rest[:int(length)], rest[int(length):]
re.search(pattern.decode("utf-8", "surrogatepass"), text.decode("utf-8", "surrogatepass"))
"""

_ESCAPE = re.compile(r"\\(?:(?P<group>[1-9])|.)", re.DOTALL)
_SET = re.compile(r"\[\^?\]?[^\]]*\]")
_REPEATED_GROUP = re.compile(r"\)[*+{]")
_NOT_PLAIN = re.compile(r"\(\?(?:#|[a-zA-Z-]*x)")


def search(pattern: str, text: str) -> re.Match[str] | None:
    """Do what `re.search` does.

    Args:
        pattern: a regular expression.
        text: any text.

    Raises:
        TimeoutError: it takes too long.
    """
    most = most_steps(pattern, len(text))
    if (most is None or most > _STEPS) and not _ends(pattern, text):
        raise TimeoutError(f"{pattern!r} takes more than {LIMIT_S} s for {len(text)} characters")
    return re.search(pattern, text)


def most_steps(pattern: str, length: int) -> int | None:
    """Estimate from above how many steps the matcher takes.

    Args:
        pattern: a regular expression.
        length: of the text, in characters.

    Returns:
        The number; None when it grows faster than any power of the length, or is not known.
    """
    plain = _SET.sub("x", _ESCAPE.sub(lambda escape: "x*" if escape["group"] else "x", pattern))
    if _NOT_PLAIN.search(plain) or _REPEATED_GROUP.search(plain):
        return None
    plain = plain.replace("(?P=", "*").replace("(?", "(")
    loops = sum(plain.count(sign) for sign in "*+{")
    choices = sum(plain.count(sign) for sign in "?|")
    # At each place of the text each loop may end at each place behind it.
    return int((length + 1) ** (loops + 1) * 2**choices)


def _ends(pattern: str, text: str) -> bool:
    head, body = pattern.encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", _REHEARSAL],
        input=b"%d\n%b%b" % (len(head), head, body),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode >= 0  # else the system ended it
