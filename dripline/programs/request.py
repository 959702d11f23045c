"""A request of a command: sent, and of its reply what a person wants to see."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dripline.programs.common_options import CommonOptions

if TYPE_CHECKING:
    from dripline.wire.message import MsgReply

_FIRST_ERROR = 100


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

    def send(self, operation: str, endpoint: str, payload: dict[str, Any], specifier: str = "") -> int:
        """Send a request, show the reply, and give the exit code.

        Args:
            operation: `get`, `set` or `cmd`.
            endpoint: its name.
            payload: plain Python.
            specifier: attribute or method.

        Raises:
            DriplineError: there is no broker, no endpoint or no reply, or the reply is an error.
        """
        from dripline.programs import logs
        from dripline.programs.messages import make_request
        from dripline.programs.session import open_client_session

        logs.set_up(logging.WARNING, self.common.verbose, self.common.quiet)
        request = make_request(operation, endpoint, payload, specifier, self.lockout_key)
        with open_client_session(self.common).client().in_time() as client:
            reply = client.request(request, self.timeout)
        self._show(reply, endpoint)
        return 0

    def _show(self, reply: MsgReply, endpoint: str) -> None:
        from dripline.errors import ErrorReply
        from dripline.programs.messages import show
        from dripline.programs.output import complain, show_value, value_text
        from dripline.wire.return_codes import name_of

        if self.as_json or self.common.verbose:
            show(reply, json_print=self.as_json)
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
