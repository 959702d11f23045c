"""What can be said about the texts of a `FormatEntity` without a device."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dripline.core.argument_checks import Doubtful
from dripline.formula.readings import refuse_empty_table
from dripline.implementations.device_text import Filler

# One of each kind that messages bring.
_SAMPLES: tuple[Any, ...] = (1, 1.5, "text", True)
_LONG_WIDTH = re.compile(r"\d{4}")


def text(value: Any) -> None:
    """Take a text, or None.

    Raises:
        ValueError: it is something else.
    """
    if value is not None and not isinstance(value, str):
        raise ValueError(f"is a text, not {value!r}")


def expression(value: Any) -> None:
    """Take a regular expression with a group ``value_raw``, or None.

    Raises:
        ValueError: it does not compile, or lacks the group.
    """
    text(value)
    if value is None:
        return
    try:
        groups = re.compile(value).groupindex
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from None
    if "value_raw" not in groups:
        raise ValueError(f"needs a group (?P<value_raw>...): {value!r}")


def template(value: Any) -> None:
    """Take a text with holes for the value, or None.

    Raises:
        ValueError: it is no format string, or has other holes.
        Doubtful: neither numbers nor texts fit into it.
    """
    text(value)
    try:
        holes = [(field, spec or "") for _, field, spec, _ in Filler().parse(value or "") if field is not None]
    except ValueError as error:
        raise ValueError(f"{value!r} is not a template: {error}") from None
    for field, spec in holes:
        if "." in field or field.strip("0")[:1] not in ("", "["):
            raise ValueError(f"has {{{field}}} in {value!r}: the value is {{}}")
        if "[" in field or _LONG_WIDTH.search(spec):
            return  # what is in the value nobody knows, and very long texts are not made to try
    reasons = [_reason(value, sample) for sample in _SAMPLES if holes]
    if reasons and all(reasons):
        raise Doubtful(f"takes neither numbers nor texts: {value!r}: {reasons[0]}")


def value_map(value: Any) -> None:
    """Take a table, a formula in a text, or None.

    Raises:
        ValueError: it is something else, or no formula.
        Doubtful: dripline-python 5 computes the formula differently.
    """
    if isinstance(value, str):
        from dripline.formula.check import check_formula, difference_from_reference  # few have a formula

        check_formula(value)
        difference = difference_from_reference(value)
        if difference:
            raise Doubtful(difference)
    elif value is not None and not isinstance(value, Mapping):
        raise ValueError(f"is a table or a formula in a text, not {value!r}")
    refuse_empty_table(value)


def _reason(template: str, value: Any) -> str:
    """Why a value does not fit; empty when it does."""
    try:
        Filler().format(template, value)
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        return str(error)
    return ""
