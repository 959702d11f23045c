"""A name or secret that a configuration gives; an empty one is a mistake, not the same as none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dripline.errors import ConfigurationError
from scarab import secret_files

SECRET_KEYS = ("value", "file", "env", "default")


class SecretMistake(NamedTuple):
    """What is wrong with a secret.

    Attributes:
        key: The part of its mapping that is wrong; "" for the secret itself.
        text: A message; it names the setting and never shows the secret.
    """

    key: str
    text: str


def secret_mistakes(item: str, given: Any) -> Iterator[SecretMistake]:
    """Find what is wrong with a secret in a configuration.

    Args:
        item: Name of the setting, such as ``password``.
        given: Its value: text, or a mapping with any of `SECRET_KEYS`.
    """
    if isinstance(given, list):
        text = f"{item}: it is a text, or a mapping with any of {', '.join(SECRET_KEYS)}"
        yield SecretMistake("", text)
    elif not isinstance(given, Mapping):
        if is_blank(given):
            yield SecretMistake("", f"{item}: it is empty; give it a value, or remove the key")
    elif not given:
        yield SecretMistake("", f"{item}: it is empty; name any of {', '.join(SECRET_KEYS)}, or remove the key")
    for key, value in given.items() if isinstance(given, Mapping) else ():
        if key not in SECRET_KEYS:
            yield SecretMistake(key, f"{item}: unknown key {key!r}; known: {', '.join(SECRET_KEYS)}")
        elif is_blank(value):
            yield SecretMistake(key, f"{item}: {key!r} is empty; give it a value, or remove the key")


def check_secret(item: str, given: Any) -> None:
    """Refuse a secret that is empty or of an unknown form; the arguments are those of `secret_mistakes`.

    Raises:
        ConfigurationError: With a line for the first mistake.
    """
    for mistake in secret_mistakes(item, given):
        raise ConfigurationError(mistake.text)


def is_blank(value: Any) -> bool:
    """Tell whether nothing of a value can be seen, as with white space."""
    return value is None or secret_files.is_blank(str(value))
