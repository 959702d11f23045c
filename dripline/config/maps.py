"""Maps in a configuration, whose keys are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dripline.config.suggest import did_you_mean
from dripline.errors import ConfigurationError


def known_map(name: str, value: Any, known: Iterable[str], example: str) -> Mapping[str, Any]:
    """Take a map that has no unknown keys.

    Args:
        name: the key in the configuration that it stands under.
        value: what stands there.
        known: the keys that it may have.
        example: such a map, as it is written in YAML.

    Raises:
        ConfigurationError: it is no map, or has another key; the nearest one is named.
    """
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} is a map such as {example}, not {value!r}")
    known = tuple(known)
    for key in value:
        if key not in known:
            hint = did_you_mean(str(key), known) or f"; known: {', '.join(known)}"
            raise ConfigurationError(f"{name}: unknown key {key!r}{hint}")
    return value
