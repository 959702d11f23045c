"""Requests of `dl get`, `dl set`, `dl cmd`: created from arguments, sent, and replies printed.

Importing this module must stay cheap: what makes and sends messages is imported by the functions that do so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dripline.errors import ConfigurationError, ErrorReply, RequestError
from dripline.programs.common_options import CommonOptions
from dripline.programs.output import complain, show_message, show_value, value_text

if TYPE_CHECKING:
    from dripline.wire.message import MsgReply, MsgRequest

_FIRST_ERROR = 100


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
    from dripline.config.overrides import read_word, set_path, split_word

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


def _invalid_request(message: str) -> RequestError:
    return RequestError(message, return_code=401, name="client_error_invalid_request")


def make_request(
    operation: str, routing_key: str, payload: dict[str, Any], specifier: str = "", lockout_key: str | None = None
) -> MsgRequest:
    """Make a request.

    Args:
        operation: `get`, `set` or `cmd`.
        routing_key: the endpoint.
        payload: plain Python.
        specifier: attribute or method of the endpoint.
        lockout_key: key of a locked endpoint, a UUID.

    Raises:
        RequestError: a set without a value, or a key that is no UUID; nothing needs to be sent to know that.
    """
    from dripline.wire.enums import op_t
    from dripline.wire.message import MsgRequest

    if operation == "set" and not payload.get("values"):
        raise _invalid_request(f"nothing to set {routing_key!r} to: give a value")
    request = MsgRequest.create(payload, op_t[operation], routing_key, specifier)
    if lockout_key is not None:
        try:
            request.lockout_key = lockout_key
        except RuntimeError as error:
            raise _invalid_request(str(error)) from None
    return request


def make_message(
    operation: str, routing_key: str, payload: dict[str, Any], specifier: str = "", lockout_key: str | None = None
) -> Any:
    """Make a request, a `reply` or an `alert`; as `make_request` otherwise."""
    from dripline.wire.message import MsgAlert, MsgReply

    if operation == "reply":
        return MsgReply.create(payload=payload, routing_key=routing_key, specifier=specifier)
    if operation == "alert":
        return MsgAlert.create(payload, routing_key, specifier)
    return make_request(operation, routing_key, payload, specifier, lockout_key)


@dataclass(frozen=True)
class RequestOptions:
    """How to send a request and show its reply.

    Attributes:
        common: the common options.
        timeout: longest wait for a connection and the reply together, in seconds.
        lockout_key: key of a locked endpoint.
        as_json: show the whole reply as JSON.
    """

    common: CommonOptions
    timeout: float
    lockout_key: str | None
    as_json: bool

    def send(self, operation: str, endpoint: str, payload: dict[str, Any], specifier: str = "") -> None:
        """Send a request and show the reply.

        Args:
            operation: `get`, `set` or `cmd`.
            endpoint: its name.
            payload: plain Python.
            specifier: attribute or method.

        Raises:
            DriplineError: there is no broker, no endpoint or no reply, or the reply is an error.
        """
        from dripline.programs import logs
        from dripline.programs.session import open_client_session

        logs.set_up(logging.WARNING, self.common.verbose, self.common.quiet)
        request = make_request(operation, endpoint, payload, specifier, self.lockout_key)
        with open_client_session(self.common).client().in_time() as client:
            reply = client.request(request, self.timeout)
        self._show(reply, endpoint)

    def _show(self, reply: MsgReply, endpoint: str) -> None:
        from dripline.wire.return_codes import name_of

        if self.as_json or self.common.verbose:
            show_message(reply, json_print=self.as_json)
        if reply.return_code >= _FIRST_ERROR:
            raise ErrorReply(
                _about(endpoint, reply.return_message or "it says no more"),
                return_code=reply.return_code,
                name=name_of(reply.return_code),
            )
        if reply.return_code:
            complain(f"{_about(endpoint, reply.return_message)} [{reply.return_code}]")
        if not (self.as_json or self.common.verbose):
            text = value_text(reply.plain_payload)
            if text or reply.return_message:
                show_value(text or reply.return_message)


def _about(endpoint: str, message: str) -> str:
    """A message with the endpoint's name in front of it, unless it has that already."""
    is_named = (
        message.startswith(f"{endpoint}: ") or f"endpoint {endpoint}" in message or f"{endpoint!r}" in message
    )
    return message if is_named else f"{endpoint}: {message}"
