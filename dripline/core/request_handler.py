"""Maps operation and specifier to `on_get`, `on_set`, an attribute or a method."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from inspect import getattr_static
from typing import Any, ClassVar

import scarab
from dripline.core import _access as access
from dripline.core._access import Reach
from dripline.core.argument_checks import Check, Checks, Doubtful
from dripline.core.settings import checked
from dripline.discovery.validation import describe_failure
from dripline.errors import DriplineError
from dripline.runtime.rate_limited_log import limited_log_of
from dripline.wire.body import to_jsonable
from dripline.wire.message import MsgReply, MsgRequest
from dripline.wire.return_codes import ThrowReply
from dripline.wire.safe_text import named_text_of, safe_text

logger = logging.getLogger("dripline.service")

_SHOWN = 5
_LONGEST_VALUE = 60
_MISSING = object()


class RequestHandler:
    """Handlers of get, set and cmd. Subclasses override `on_get` and `on_set`."""

    _dripline_reach: ClassVar[Reach] = {"cmd": {"on_get", "on_set"}}

    name: str

    def on_get(self) -> Any:
        """Return the value of this endpoint.

        Raises:
            ThrowReply: the endpoint has nothing to get.
        """
        raise ThrowReply("service_error_invalid_method", _lacks(self, "on_get"))

    def on_set(self, _value: Any) -> Any:
        """Set the value of this endpoint.

        Args:
            _value: the first of the request's values.

        Returns:
            What the reply's payload shall be.

        Raises:
            ThrowReply: the endpoint cannot be set.
        """
        raise ThrowReply("service_error_invalid_method", _lacks(self, "on_set"))

    def do_get_request(self, a_request_message: MsgRequest) -> MsgReply:
        """Answer a get: the result of `on_get`, or the attribute that the specifier names."""
        name = a_request_message.specifier.to_string()
        if not name:
            return a_request_message.reply(payload=_payload(self, self.on_get()))
        return a_request_message.reply(payload={"values": [_payload(self, _attribute(self, name))]})

    def do_set_request(self, a_request_message: MsgRequest) -> MsgReply:
        """Answer a set: `on_set` with the first value, or the attribute that the specifier names."""
        value = _first_value(a_request_message.plain_payload)
        name = a_request_message.specifier.to_string()
        if not name:
            return a_request_message.reply(
                payload=_payload(self, _assigned(self, "", value, lambda: self.on_set(value)))
            )
        if not access.may_set(self, name, private=_private_allowed(self)):
            raise ThrowReply(
                "service_error_invalid_specifier", f"endpoint {self.name} has no attribute {name}, unable to set"
            )
        _check_setting(self, name, value)
        _assigned(self, name, value, lambda: setattr(self, name, value))
        return a_request_message.reply()

    def do_cmd_request(self, a_request_message: MsgRequest) -> MsgReply:
        """Answer a cmd: the method that the specifier names, called with the payload."""
        name = a_request_message.specifier.to_string()
        if not name:
            raise ThrowReply("service_error_invalid_method", "No specifier was provided for an OP_CMD request")
        method = _method(self, name)
        positional, keywords = _arguments(a_request_message.plain_payload)
        try:
            result = method(*positional, **keywords)
        except TypeError as error:
            if error.__traceback__ is not None and error.__traceback__.tb_next is not None:
                _log_refusal(self, f"{name} failed", error)
            raise ThrowReply(
                "service_error_invalid_value",
                f"A TypeError occurred while calling the requested method for endpoint {self.name}: {name}. "
                f"Values provided may be invalid.\nOriginal error: {error}",
            ) from error
        return a_request_message.reply(payload=_payload(self, result))

    def result_to_scarab_payload(self, result: Any) -> scarab.Param:
        """Make a payload of what a handler returned. Subclasses may override it to send their own types.

        Args:
            result: What `on_get`, `on_set` or a method returned, or the value of an attribute.

        Returns:
            The payload. What JSON cannot hold is replaced by its text, with a warning in the log.
        """
        try:
            return scarab.to_param(result)
        except TypeError:
            logger.warning("%s: %.100r cannot be sent as it is; it is sent as text", self.name, result)
            return scarab.to_param(to_jsonable(result)[0])


# Functions and no methods: a lab's class may call its own methods anything.


def _payload(endpoint: RequestHandler, result: Any) -> Any:
    # The encoder does the same without making payload values, which is faster.
    if type(endpoint).result_to_scarab_payload is RequestHandler.result_to_scarab_payload:
        return result
    payload = endpoint.result_to_scarab_payload(result)
    return payload.to_python() if isinstance(payload, scarab.Param) else payload


def _lacks(endpoint: RequestHandler, handler: str) -> str:
    """Say that a class has no handler, and for a service where the values are."""
    text = f"class {type(endpoint).__name__} does not implement {handler}"
    names = [*getattr(endpoint, "sync_children", ()), *getattr(endpoint, "async_children", ())]
    if not names:
        return text
    shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
    return f"{text}; the values of this service are in its endpoints: {shown}"


def _assigned(endpoint: RequestHandler, name: str, value: Any, assign: Callable[[], Any]) -> Any:
    """Set a value; what the endpoint's code has against it is an invalid value, and no fault of the service."""
    try:
        return assign()
    except (TypeError, ValueError) as error:
        if isinstance(error, DriplineError) or _is_of_reading(error):
            raise
        what = f"{name} cannot be set to" if name else "cannot be set to"
        shown = repr(value) if len(repr(value)) <= _LONGEST_VALUE else f"{value!r:.{_LONGEST_VALUE}}…"
        _log_refusal(endpoint, f"{what} {shown}", error)
        raise ThrowReply("service_error_invalid_value", f"{what} {shown}: {named_text_of(error)}") from error


def _is_of_reading(error: BaseException) -> bool:
    """Whether an error arose while the value was read back, as `get_on_set` has it."""
    return any(frame.name == "on_get" for frame in traceback.extract_tb(error.__traceback__))


def _log_refusal(endpoint: RequestHandler, what: str, error: BaseException) -> None:
    """Log in one line that a value from outside does not suit the endpoint's code; the traceback is for -v."""
    source = getattr(sys.modules.get(type(endpoint).__module__), "__file__", None) or ""
    limited_log_of(endpoint, logger).tell(
        f"a refused value: {type(error).__name__}", "%s: %s: %s", endpoint.name, what,
        describe_failure(error, source),
    )  # fmt: skip
    logger.debug("%s: %s", endpoint.name, safe_text(what), exc_info=error)


def _attribute(endpoint: RequestHandler, name: str) -> Any:
    if access.may_get(endpoint, name, private=_private_allowed(endpoint)):
        try:
            value = getattr(endpoint, name)
        except AttributeError:
            if access.is_declared(endpoint, name):
                raise  # it is there; reading it failed
        else:
            if not access.is_method(value):
                return value.to_python() if isinstance(value, scarab.Param) else value
    raise ThrowReply(
        "service_error_invalid_specifier", f"endpoint {endpoint.name} has no attribute {name}, unable to get"
    )


def _method(endpoint: RequestHandler, name: str) -> Any:
    method = None
    if access.may_call(endpoint, name, private=_private_allowed(endpoint)):
        method = getattr(endpoint, name, None)
    if not callable(method):
        raise ThrowReply(
            "service_error_invalid_method",
            "error getting command's corresponding method: "
            f"{type(endpoint).__name__!r} object has no attribute {name!r}",
        )
    return method


def _private_allowed(endpoint: RequestHandler) -> bool:
    service = getattr(endpoint, "service", None)
    return bool(getattr(service, "allow_private_specifiers", False))


def _first_value(payload: Any) -> Any:
    values = payload.get("values") if isinstance(payload, dict) else None
    if not isinstance(values, list) or not values:
        raise ThrowReply(
            "service_error_bad_payload", "setting called without values, but values are required for set"
        )
    return values[0]


def _arguments(payload: Any) -> tuple[list[Any], dict[str, Any]]:
    if payload is None:
        return [], {}
    if not isinstance(payload, dict):
        raise ThrowReply(
            "service_error_bad_payload", "the payload of a command is a map: {'values': [...], 'keyword': ...}"
        )
    keywords = dict(payload)
    values = keywords.pop("values", [])
    if not isinstance(values, list):
        raise ThrowReply("service_error_bad_payload", "'values' of a command is a list")
    return values, keywords


def _check_setting(endpoint: object, name: str, value: Any) -> None:
    """Check a value that a message is about to assign; ``_gain`` is checked like the argument ``gain``.

    Checks of several arguments together get the other values as they are now. A `Setting` and the setter of a
    property check by themselves.
    """
    argument = name.removeprefix("_")
    for names, check in _checks_for(type(endpoint), name, argument):
        values = [value if other == argument else _current(endpoint, other) for other in names]
        if not any(given is _MISSING for given in values):
            checked(endpoint, name, _certain(check, values), value)


def _checks_for(cls: type, name: str, argument: str) -> Iterator[tuple[tuple[str, ...], Check]]:
    """Checks of one argument and of several; of each the most derived class's.

    Those of a class of ours hold for the attributes that it lists: a laboratory's own may have the same name as an
    argument.
    """
    found: set[tuple[str, ...]] = set()
    for kind in cls.__mro__:
        reach = vars(kind).get("_dripline_reach")
        if reach is not None and name not in reach.get("set", ()):
            continue
        declared = vars(kind).get("_dripline_checks")
        checks: Checks = declared if isinstance(declared, Mapping) else {}
        for names, check in checks.items():
            group = (names,) if isinstance(names, str) else names
            if argument in group and group not in found:
                found.add(group)
                yield group, check


def _current(endpoint: object, argument: str) -> Any:
    """The value of an attribute; looked up in the instance, since reading a property may talk to an instrument."""
    own = vars(endpoint)
    if argument in own or isinstance(getattr_static(type(endpoint), argument, None), property):
        return own.get(argument, _MISSING)
    return own.get(f"_{argument}", _MISSING)


def _certain(check: Check, values: list[Any]) -> Check:
    """A check of all values together that accepts what is only doubtful."""

    def check_all(_: Any) -> None:
        with suppress(Doubtful):
            check(*values)

    return check_all
