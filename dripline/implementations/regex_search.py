"""Searching a text with a regular expression of a configuration, so that it ends.

On a text that nearly matches, Python's matcher can take for ever, and it lets no other thread run meanwhile: the
whole service would stand still, and could not even be interrupted. So a search that could take long is rehearsed
in a process of its own, which the system ends when it has used up its time.
"""

from __future__ import annotations

import re
import subprocess
import sys

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
