"""Texts without the secrets that may be in them."""

from __future__ import annotations

import re

# Up to the last @ of a line: a password may hold anything that nobody escaped.
_LOGIN = re.compile(r"(:?//?).*@")
# Without any slash: what is shown is often shown because it is written wrongly.
_BARE_LOGIN = re.compile(r"[^\s:'\"=]+:[^\s/].*@")
_SECRET_WORD = re.compile(r"^([\w.-]*(?:password|secret|token)[\w.-]*=).+", re.IGNORECASE | re.DOTALL)


def hide_login(text: str) -> str:
    """A text in which addresses show no user and no password: `amqps://…@lab:5671/`.

    Args:
        text: anything.
    """
    return _BARE_LOGIN.sub("…@", _LOGIN.sub(r"\1…@", text)) if "@" in text else text


def hide_word(word: str) -> str:
    """A `key=value` word of the command line as it may be quoted: `password=…`.

    Args:
        word: as it was written.
    """
    return _SECRET_WORD.sub(r"\1…", hide_login(word))
