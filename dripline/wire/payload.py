"""The value in a payload, for everything that shows, compares or stores a single value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

#: Without calibration; services in C++ reply with ``value``.
RAW_FIELDS = ("value_raw", "value")
VALUE_FIELDS = ("value_cal", *RAW_FIELDS)


def value_of(payload: Any, fields: Sequence[str] = VALUE_FIELDS, default: Any = None) -> Any:
    """Return the value in a payload.

    Args:
        payload: Plain Python; if it is not a mapping, it is the value.
        fields: Where to look for the value, in this order; then the only entry of ``values`` counts.
        default: The result for mappings without a value.
    """
    if not isinstance(payload, Mapping):
        return payload
    for field in fields:
        if field in payload:
            return payload[field]
    values = payload.get("values")
    if len(payload) == 1 and isinstance(values, list) and len(values) == 1:
        return values[0]
    return default
