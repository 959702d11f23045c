"""`RequestSender`: sends requests and raises errors of replies, for services and clients."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID
from weakref import WeakKeyDictionary

import scarab
from dripline.core._access import Reach, is_a_laboratorys
from dripline.core.core import Core, OverridableProperty
from dripline.core.receiver import Receiver
from dripline.errors import DriplineError, ErrorReply
from dripline.runtime.pending_replies import SentMessagePackage
from dripline.wire.enums import op_t
from dripline.wire.message import MsgReply, MsgRequest
from dripline.wire.return_codes import name_of

__all__ = ["Core", "DriplineError", "MsgReply", "MsgRequest", "Receiver", "RequestSender", "op_t"]


class RequestSender:
    """Mixin with `get`, `set` and `cmd`, for a `Service` or `Core`. Its constructor need not be called.

    Args:
        sender: Who sends, if it is not this object.
        timeout_s: Longest wait for a reply, in seconds, unless a call gives another one; None or 0: no limit.
        confirm_retcodes: Whether a return code of 100 or more raises `ErrorReply`.

    Attributes:
        timeout_s: Longest wait for a reply, in seconds, unless a call gives another one; None or 0: no limit.
        confirm_retcodes: Whether a return code of 100 or more raises `ErrorReply`.
    """

    _dripline_kind: ClassVar[str] = "client"
    _dripline_reach: ClassVar[Reach] = {}

    timeout_s: float | None = None
    confirm_retcodes: bool = True

    def __init__(
        self,
        sender: RequestSender | Core | None = None,
        timeout_s: float | None = None,
        confirm_retcodes: bool = True,
    ) -> None:
        time_limit(timeout_s)
        self.__sender = sender
        self.timeout_s = timeout_s
        self.confirm_retcodes = confirm_retcodes

    @OverridableProperty
    def sender(self) -> Any:
        """What sends the requests: this object, unless the constructor was given another one."""
        return vars(self).get("_RequestSender__sender") or self

    def get(
        self,
        endpoint: str,
        specifier: str | None = None,
        lockout_key: str | UUID | None = None,
        timeout_s: float | None = 0,
    ) -> Any:
        """Ask an endpoint for its value, or for an attribute.

        Args:
            endpoint: Name of the endpoint (routing key).
            specifier: An attribute of the endpoint.
            lockout_key: Key of a locked endpoint.
            timeout_s: Longest wait, in seconds; None or 0 is this object's `timeout_s`. Without either the call
                waits as long as a reply can come.

        Returns:
            The reply's payload as plain Python.

        Raises:
            NoRoute: No endpoint of that name is on the mesh.
            ReplyTimeout: No reply in time. Without a time limit: the service has ceased to answer pings, or has
                lost the request.
            ErrorReply: The return code is 100 or more.
            ConnectionLost: The connection went away meanwhile.
        """
        return self._dripline_ask(op_t.get, endpoint, None, specifier, lockout_key, timeout_s)

    def set(
        self,
        endpoint: str,
        value: Any,
        specifier: str | None = None,
        lockout_key: str | UUID | None = None,
        timeout_s: float | None = 0,
    ) -> Any:
        """Set an endpoint's value, or an attribute. Arguments, result and errors as for `get`."""
        return self._dripline_ask(op_t.set, endpoint, set_payload(value), specifier, lockout_key, timeout_s)

    def cmd(
        self,
        endpoint: str,
        specifier: str,
        ordered_args: Sequence[Any] | None = None,
        keyed_args: Mapping[str, Any] | None = None,
        lockout_key: str | UUID | None = None,
        timeout_s: float | None = 0,
    ) -> Any:
        """Call a method of an endpoint.

        Args:
            endpoint: Name of the endpoint (routing key).
            specifier: The method.
            ordered_args: Its positional arguments; a value that is not a list is a single argument.
            keyed_args: Its keyword arguments.
            lockout_key: Key of a locked endpoint.
            timeout_s: As for `get`.

        Returns:
            The method's result, as plain Python. Errors as for `get`.
        """
        payload = cmd_payload(ordered_args, keyed_args)
        return self._dripline_ask(op_t.cmd, endpoint, payload, specifier, lockout_key, timeout_s)

    def _dripline_ask(
        self,
        operation: op_t,
        endpoint: str,
        payload: Any,
        specifier: str | None,
        lockout_key: str | UUID | None,
        timeout_s: float | None,
    ) -> Any:
        request = make_request(operation, endpoint, payload, specifier, lockout_key)
        reply = self.__exchange(request, time_limit(timeout_s, self.timeout_s))
        if reply.return_code >= 100 and self.confirm_retcodes:
            raise ErrorReply(
                reply.return_message or f"{endpoint} answered with an error",
                return_code=reply.return_code,
                name=name_of(reply.return_code),
                payload=reply.plain_payload,
            )
        return reply.plain_payload

    def __exchange(self, request: MsgRequest, timeout_s: float | None) -> MsgReply:
        sender = self.sender
        if sender is not self and not isinstance(sender, (Core, RequestSender)):
            sender = RequestSender.sender.__get__(self, type(self))  # an attribute that is a laboratory's
        if not hasattr(sender, "_dripline_exchange") or _overrides_send(type(sender)):
            return _sent_and_awaited(sender, request, timeout_s)
        reply: MsgReply = sender._dripline_exchange(request, timeout_s)
        return reply

    def _dripline_exchange(self, request: MsgRequest, timeout_s: float | None) -> MsgReply:
        """Send a request and wait for its reply; None is no time limit."""
        if self.sender is self:
            raise TypeError(f"{type(self).__name__} cannot send: it needs Core as a base in front of this one")
        return self.__exchange(request, timeout_s)


def _overrides_send(cls: type) -> bool:
    """Whether a laboratory's class has a `send`, which then sees requests too."""
    known = _overriding.get(cls)
    if known is None:
        found = next((kind for kind in cls.__mro__ if "send" in vars(kind)), None)
        known = _overriding[cls] = found is not None and is_a_laboratorys(found)
    return known


_overriding: WeakKeyDictionary[type, bool] = WeakKeyDictionary()


def _sent_and_awaited(sender: Any, request: MsgRequest, timeout_s: float | None) -> MsgReply:
    package = sender.send(request)
    if isinstance(package, SentMessagePackage):
        if not package.successful_send:
            raise DriplineError(f"could not send to {request.routing_key!r}: {package.send_error_message}")
        if package.pending is not None:
            return package.pending.wait(timeout_s)
    raise TypeError(f"{type(sender).__name__}.send must return what the send of its base returns")


def time_limit(*given: float | None) -> float | None:
    """Return the first of some time limits that is one: None, 0 and less are none, and infinity is no limit.

    Raises:
        TypeError: One of them is not a number of seconds.
    """
    for limit_s in given:
        if limit_s is None:
            continue
        try:
            seconds = float(limit_s)
        except (TypeError, ValueError):
            seconds = math.nan
        if math.isnan(seconds):
            raise TypeError(f"timeout_s is a number of seconds, or None for no limit, not {limit_s!r}")
        if seconds > 0:
            return None if math.isinf(seconds) else seconds
    return None


def make_request(
    operation: op_t, endpoint: str, payload: Any, specifier: str | None, lockout_key: str | UUID | None
) -> MsgRequest:
    """Make a request.

    Raises:
        RuntimeError: the lockout key is no UUID.
    """
    request = MsgRequest.create(payload, operation, endpoint, specifier or "")
    if lockout_key is not None:
        request.lockout_key = lockout_key
    return request


def set_payload(value: Any) -> dict[str, Any]:
    """Make the payload of a set."""
    return {"values": [_plain(value)]}


def cmd_payload(ordered_args: Any, keyed_args: Mapping[str, Any] | None) -> dict[str, Any]:
    """Make the payload of a cmd.

    Args:
        ordered_args: Positional arguments. A text, a map or a value that is not a collection is one argument.
        keyed_args: Keyword arguments.
    """
    ordered = () if ordered_args is None else _plain(ordered_args)
    if isinstance(ordered, (str, bytes, Mapping)) or not isinstance(ordered, Iterable):
        ordered = (ordered,)
    payload: dict[str, Any] = {"values": [_plain(value) for value in ordered]}
    payload.update({key: _plain(value) for key, value in (keyed_args or {}).items()})
    return payload


def _plain(value: Any) -> Any:
    return scarab.to_python(value) if isinstance(value, scarab.Param) else value
