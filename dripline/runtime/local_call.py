"""A request that a service sends to an endpoint of its own, answered on the spot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from dripline.wire.body import dumps, loads, to_jsonable
from dripline.wire.message import MsgReply, MsgRequest
from dripline.wire.sender import sender_info

if TYPE_CHECKING:
    from dripline.runtime.children import Children
    from dripline.runtime.dispatch import Target
    from dripline.runtime.service_link import ServiceLink

Mesh = tuple[str, int, str]  # host and port of the broker, exchange of requests


class OwnRequests:
    """Answers requests that the threads of a service send to its own endpoints.

    Args:
        name: Name of the service.
        children: Its endpoints.
        link: Its connection.
        mesh: Where it is reached.
    """

    def __init__(self, name: str, children: Children, link: ServiceLink, mesh: Mesh) -> None:
        self._name = name
        self._children = children
        self._link = link
        self.mesh = mesh
        _of_services[id(self)] = self  # by id: not every class of a laboratory can be hashed

    def answer(self, request: MsgRequest, *, in_handler: bool = False) -> MsgReply | None:
        """Answer a request to an endpoint of this service if nobody else could; None if it is to be sent.

        Args:
            request: The request.
            in_handler: Whether to answer in handlers only, not before the service runs.
        """
        if self._link.is_left_behind:
            return None
        endpoint = self._children.find(request.routing_key)
        if endpoint is None:
            return None
        # The thread that would answer may be this very one, or there is none yet.
        if not self._children.lock_of(endpoint).held_here and (in_handler or self._link.is_open):
            return None
        request.reply_to = ""  # nobody shall get it but the caller
        return answer_own(endpoint, request, self._name)


_of_services: WeakValueDictionary[int, OwnRequests] = WeakValueDictionary()


def answer_in_handler(request: MsgRequest, mesh: Mesh) -> MsgReply | None:
    """Answer a client's request whose service waits on this very thread; None if it is to be sent.

    Args:
        request: The request.
        mesh: Where the client sends it.
    """
    if not _of_services:
        return None
    for own in tuple(_of_services.values()):
        if own.mesh == mesh and (reply := own.answer(request, in_handler=True)) is not None:
            return reply
    return None


def answer_own(endpoint: Target, request: MsgRequest, service_name: str) -> MsgReply:
    """Let an endpoint answer a request of its own service.

    Payloads go through JSON as if they had travelled, so that neither side holds a list of the other's.

    Args:
        endpoint: who answers.
        request: the request.
        service_name: who asks.

    Returns:
        The reply.
    """
    request.plain_payload = _as_sent(request.plain_payload)
    request.sender_info = sender_info(service_name)
    reply: object = endpoint.on_request_message(request)
    if not isinstance(reply, MsgReply):  # a laboratory's own version of that method
        reply = request.reply(999, f"{endpoint.name} made no reply")
    reply.plain_payload = _as_sent(reply.plain_payload)
    return reply


def _as_sent(payload: Any) -> Any:
    try:
        return loads(dumps(payload))
    except (TypeError, ValueError):
        return loads(dumps(to_jsonable(payload)[0]))
