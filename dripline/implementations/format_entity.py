"""`FormatEntity`: an entity for devices with any text protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar

from dripline.core import settings
from dripline.core._access import Reach
from dripline.core.argument_checks import Checks, Doubtful, check_arguments
from dripline.core.calibrate import calibrate
from dripline.core.entity import Entity
from dripline.core.throw_reply import ThrowReply
from dripline.formula.check import check_formula, difference_from_reference
from dripline.formula.evaluator import Evaluator
from dripline.formula.readings import look_up, refuse_empty_table
from dripline.formula.template import Template
from dripline.implementations.device_text import Filler, one_command, search, send_to_device

_SHOWN = 200
_template = lru_cache(maxsize=1000)(Template)


# One of each kind that messages bring.
_SAMPLES: tuple[Any, ...] = (1, 1.5, "text", True)
_LONG_WIDTH = re.compile(r"\d{4}")


def _text(value: Any) -> None:
    """Take a text, or None."""
    if value is not None and not isinstance(value, str):
        raise ValueError(f"is a text, not {value!r}")


def _expression(value: Any) -> None:
    """Take a regular expression with a group ``value_raw``, or None."""
    _text(value)
    if value is None:
        return
    try:
        groups = re.compile(value).groupindex
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from None
    if "value_raw" not in groups:
        raise ValueError(f"needs a group (?P<value_raw>...): {value!r}")


def _set_str(value: Any) -> None:
    """Take a text with holes for the value, or None."""
    _text(value)
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


def _value_map(value: Any) -> None:
    """Take a table, a formula in a text, or None."""
    if isinstance(value, str):
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


class FormatEntity(Entity):
    """Sends texts of your own, and finds the value in the answer.

    Args:
        get_str: what is sent to get the value; None: it cannot be got.
        set_str: what is sent to set it, with a hole for the value, such as ``SOUR:VOLT {:.3f};*OPC?``; None: it
            cannot be set.
        set_value_lowercase: whether a text that is set is made lower case first.
        set_value_map: from the value that is set to the one that is sent: a table, or a formula such as
            ``{}*1000``.
        extract_raw_regex: a regular expression with a group ``value_raw``, which finds the value in the answer.
        allow_semicolon: Whether texts that are set may contain ``;``, so that one value can send several commands.
        **kwargs: for `Entity`.
    """

    _dripline_reach: ClassVar[Reach] = {
        "set": {"_get_str", "_set_str", "_set_value_lowercase", "_set_value_map", "_extract_raw_regex"}
    }

    _dripline_checks: ClassVar[Checks] = {
        "get_str": _text,
        "set_str": _set_str,
        "set_value_map": _value_map,
        "extract_raw_regex": _expression,
        "allow_semicolon": settings.switch,
    }

    def __init__(
        self,
        get_str: str | None = None,
        set_str: str | None = None,
        set_value_lowercase: bool = True,
        set_value_map: Mapping[Any, Any] | str | None = None,
        extract_raw_regex: str | None = None,
        allow_semicolon: bool = False,
        **kwargs: Any,
    ) -> None:
        Entity.__init__(self, **kwargs)
        given: dict[str, Any] = {"get_str": get_str, "set_str": set_str, "extract_raw_regex": extract_raw_regex}
        given |= {"set_value_map": set_value_map, "allow_semicolon": allow_semicolon}
        check_arguments(self.name, FormatEntity._dripline_checks, **given)
        self._get_str = get_str
        self._set_str = set_str
        self._set_value_lowercase = set_value_lowercase
        self._set_value_map = set_value_map
        self._extract_raw_regex = extract_raw_regex
        self._dripline_allow_semicolon = settings.switch(allow_semicolon)
        self.__evaluator: Evaluator | None = None

    @property
    def evaluator(self) -> Evaluator:
        """The evaluator of formulas; a lab's class may call it, and put functions into its `symtable`."""
        if self.__evaluator is None:
            self.__evaluator = Evaluator({})
        return self.__evaluator

    @calibrate()
    def on_get(self) -> Any:
        """Ask for the value.

        Raises:
            ThrowReply: 306 without get_str, 304 when the value is not found in the answer, or not in time.
        """
        if self._get_str is None:
            raise ThrowReply("service_error_invalid_method", f"endpoint {self.name!r} does not support get")
        result = send_to_device(self, self._get_str)
        return result if self._extract_raw_regex is None else self.__found(self._extract_raw_regex, str(result))

    def on_set(self, value: Any) -> Any:
        """Set the value.

        Returns:
            What the device answers.

        Raises:
            ThrowReply: 306 without set_str, 304 when the value cannot be mapped or formatted.
        """
        if self._set_str is None:
            raise ThrowReply("service_error_invalid_method", f"endpoint {self.name!r} does not support set")
        # A table replaces the value, which then never reaches the device.
        one_command(self, value, self._dripline_allow_semicolon or isinstance(self._set_value_map, Mapping))
        if self._set_value_lowercase and isinstance(value, str):
            value = value.lower()
        mapped = self.__mapped(value)
        try:
            command = Filler().format(self._set_str, mapped)
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
            raise self.__refusal(f"{mapped!r} cannot be put into {self._set_str!r}: {error}") from None
        return send_to_device(self, command)

    # -- inside ----------------------------------------------------------------------------------------------

    def __found(self, pattern: str, answer: str) -> Any:
        who = f"the answer {_short(answer)} of {getattr(self.service, 'name', None)}"
        try:
            match = search(pattern, answer)
        except TimeoutError as error:
            raise self.__refusal(f"extract_raw_regex {error}: {who}") from None
        if match is None:
            raise self.__refusal(f"{pattern!r} does not match {who}")
        return match["value_raw"]

    def __mapped(self, value: Any) -> Any:
        if self._set_value_map is None:
            return value
        try:
            if isinstance(self._set_value_map, Mapping):
                return look_up(self._set_value_map, value)
            return self.__evaluated(self._set_value_map, value)
        except LookupError as error:
            raise self.__refusal(str(error.args[0])) from None
        except (ValueError, OverflowError) as error:
            raise self.__refusal(f"set_value_map {self._set_value_map!r} of {value!r}: {error}") from None

    def __evaluated(self, formula: str, value: Any) -> Any:
        result = self.evaluator.evaluate(_template(formula).filled(value))
        if result is None:
            raise ValueError("it gives no value")
        if isinstance(result, complex):
            raise ValueError(f"the result is complex: {result}")
        return result.item() if hasattr(result, "item") else result

    def __refusal(self, reason: str) -> ThrowReply:
        return ThrowReply("service_error_invalid_value", f"endpoint {self.name!r}: {reason}")


def _short(answer: str) -> str:
    return repr(answer) if len(answer) <= _SHOWN else f"{answer[:_SHOWN]!r}…"
