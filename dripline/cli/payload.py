"""Payloads from command-line arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from dripline.config.overrides import read_word, set_path, split_word
from dripline.errors import ConfigurationError


def make_payload(
    words: Sequence[str], more_values: Sequence[str] = (), base: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Make a payload from command-line arguments.

    Args:
        words: A `key=value` argument sets the key, which may be a path (`y.z=1`). All other arguments become
            `values`, in their order.
        more_values: Arguments appended to `values`, even if they look like `key=value`.
        base: Payload from a file. The arguments override its keys and extend its `values`.

    Returns:
        The payload. It contains `values` only if there are any.

    Raises:
        ConfigurationError: Keys contradict each other.
    """
    payload = deepcopy(dict(base or {}))
    values: list[Any] = []
    keyword_values = False
    for word in words:
        keyword = split_word(word)
        if keyword is None:
            values.append(read_word(word))
            continue
        try:
            set_path(payload, *keyword)
        except ConfigurationError as error:
            raise ConfigurationError(f"{word!r}: {error}") from None
        keyword_values = keyword_values or keyword[0][0] == "values"
    values += map(read_word, more_values)
    if values and keyword_values:
        raise ConfigurationError(f"values={payload['values']!r} and {values!r} are both 'values'; leave one out")
    if values:
        payload["values"] = [*payload.get("values", ()), *values]
    return payload
