"""A name or secret that a configuration gives; an empty one is a mistake, not the same as none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dripline.config.diagnostics import Diagnostic, InvalidConfiguration, error
from scarab import secret_files

SECRET_KEYS = ("value", "file", "env", "default")


def secret_errors(item: str, given: Any) -> Iterator[Diagnostic]:
    """Find what is wrong with a secret in a configuration; the texts name the setting and never show the secret.

    Args:
        item: Name of the setting, such as ``password``.
        given: Its value: text, or a mapping with any of `SECRET_KEYS`.
    """
    if isinstance(given, list):
        text = f"{item}: it is a text, or a mapping with any of {', '.join(SECRET_KEYS)}"
        yield error(text, item)
    elif not isinstance(given, Mapping):
        if is_blank(given):
            yield error(f"{item}: it is empty; give it a value, or remove the key", item)
    elif not given:
        yield error(f"{item}: it is empty; name any of {', '.join(SECRET_KEYS)}, or remove the key", item)
    for key, value in given.items() if isinstance(given, Mapping) else ():
        if key not in SECRET_KEYS:
            yield error(f"{item}: unknown key {key!r}; known: {', '.join(SECRET_KEYS)}", item, key)
        elif is_blank(value):
            yield error(f"{item}: {key!r} is empty; give it a value, or remove the key", item, key)


def check_secret(item: str, given: Any) -> None:
    """Refuse a secret that is empty or of an unknown form; the arguments are those of `secret_errors`.

    Raises:
        ConfigurationError: With a line for the first mistake.
    """
    for one in secret_errors(item, given):
        raise InvalidConfiguration([one])


def is_blank(value: Any) -> bool:
    """Tell whether nothing of a value can be seen, as with white space."""
    return value is None or secret_files.is_blank(str(value))
