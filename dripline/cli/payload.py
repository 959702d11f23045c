"""From the words of a command line to a payload."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dripline.config.words import read_word, set_path, split_word
from dripline.wire.errors import ConfigurationError


def make_payload(words: Sequence[str], more_values: Sequence[str] = ()) -> dict[str, Any]:
    """Make a payload of words.

    Args:
        words: `key=value` words go where their key says (`y.z=1` into a map in the map), the others become
            `values`, in their order.
        more_values: words that become `values` after these, whatever they look like.

    Returns:
        The payload; `values` is in it only if there are any.

    Raises:
        ConfigurationError: keys that contradict each other.
    """
    payload: dict[str, Any] = {}
    values: list[Any] = []
    for word in words:
        keyword = split_word(word)
        if keyword is None:
            values.append(read_word(word))
            continue
        try:
            set_path(payload, *keyword)
        except ConfigurationError as error:
            raise ConfigurationError(f"{word!r}: {error}") from None
    values += map(read_word, more_values)
    if values:
        if "values" in payload:
            raise ConfigurationError(
                f"values={payload['values']!r} and {values!r} are both 'values'; leave one out"
            )
        payload["values"] = values
    return payload
