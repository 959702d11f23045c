"""`Endpoint`: receives requests and returns replies."""

from __future__ import annotations

from typing import Any, ClassVar

from dripline.core._access import Reach
from dripline.core.request_handler import RequestHandler
from dripline.errors import DriplineError
from dripline.runtime.dispatch import BUILT_IN, BuiltIn, Lockout, answer
from dripline.runtime.liveness import LifeSigns
from dripline.wire.message import MsgAlert, MsgReply, MsgRequest


class Endpoint(RequestHandler):
    """Something on the mesh that can be asked by name.

    Args:
        name: its name, the first word of the routing keys that address it.
        **kwargs: ignored, so that several bases can be given the same arguments.

    Attributes:
        name: its name.
        service: the service that owns it, None until it is added to one.
    """

    _dripline_kind: ClassVar[str] = "endpoint"
    _dripline_sets: ClassVar[str] = "_dripline_lockout"
    _dripline_reach: ClassVar[Reach] = {"get": {"name"}, "own": {"service"}}

    def __init__(self, name: str, **kwargs: Any) -> None:
        self.name = str(name)
        self._dripline_lockout = Lockout()
        self.service: Any = None  # a laboratory's own has methods that ours has not

    def submit_request_message(self, a_request: MsgRequest) -> MsgReply:
        """Have a request answered without any broker; the same as `on_request_message`."""
        return self.on_request_message(a_request)

    def on_request_message(self, a_request: MsgRequest) -> MsgReply:
        """Answer a request, and send the reply when the request has a ``reply_to`` and there is a service.

        Args:
            a_request: the request.

        Returns:
            The reply, whatever the handler did.
        """
        reply = answer(self, a_request)
        if a_request.reply_to and self.service is not None:
            self.service.send(reply)
        return reply

    def on_reply_message(self, a_reply: MsgReply) -> None:
        """Take a reply that was sent to this endpoint's name; nobody does that in good order.

        Raises:
            DriplineError: always, unless overridden.
        """
        raise DriplineError(f"endpoint {self.name} does not handle reply messages")

    def on_alert_message(self, an_alert: MsgAlert) -> None:
        """Take an alert.

        Raises:
            DriplineError: always, unless overridden.
        """
        raise DriplineError(f"endpoint {self.name} does not handle alert messages")

    def _dripline_built_in(self, request: MsgRequest) -> BuiltIn | None:
        """Return the built-in specifier that a request uses, if it does."""
        return BUILT_IN.get((request.message_operation, request.specifier.to_string()))

    def _dripline_life_signs(self, awaited: list[str]) -> LifeSigns | None:
        """Return what a waiting client learns from a ping; None without a service."""
        owner = self.service
        return owner._dripline_life_signs(awaited) if isinstance(owner, Endpoint) and owner is not self else None
