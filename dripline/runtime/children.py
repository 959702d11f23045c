"""The endpoints of a service: lookup by routing key, locks, and direct calls between them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from dripline.discovery.validation import constructor_mistake
from dripline.errors import DriplineError
from dripline.runtime.dispatch import Target, find_by_routing_key
from dripline.wire.body import dumps, loads, to_jsonable
from dripline.wire.message import MsgReply, MsgRequest
from dripline.wire.return_codes import DL_UnhandledException
from dripline.wire.sender import sender_info

if TYPE_CHECKING:
    from dripline.runtime.service_link import ServiceLink


class OwnedLock:
    """A re-entrant lock that can tell whether the calling thread holds it.

    The worker of a service takes it for each request, the scheduler for each logged value: an instrument bus must
    not be used by two at once. A thread that holds it and asks an endpoint of its own service is answered on the
    spot, since waiting for the worker would be waiting for itself.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._owner: int | None = None
        self._depth = 0

    @property
    def held_here(self) -> bool:
        """Whether this thread holds the lock."""
        return self._owner == threading.get_ident()

    def acquire(self, *, wait: bool = True) -> bool:
        """Take the lock; returns whether this thread has it.

        Args:
            wait: Whether to wait while another thread holds it.
        """
        if not self._lock.acquire(wait):
            return False
        self._owner = threading.get_ident()
        self._depth += 1
        return True

    def release(self) -> None:
        """Release the lock."""
        self._depth -= 1
        if not self._depth:
            self._owner = None
        self._lock.release()

    def __enter__(self) -> None:
        """Wait for the lock."""
        self.acquire()

    def __exit__(self, *_error: object) -> None:
        """Release the lock."""
        self.release()


class Children:
    """The endpoints of a service.

    Args:
        service: The service, an endpoint itself.

    Attributes:
        sync: Targets that share the service's queue, by name.
        own_queue: Targets with a queue and a thread of their own, by name.
    """

    def __init__(self, service: Target) -> None:
        self.sync: dict[str, Any] = {}
        self.own_queue: dict[str, Any] = {}
        self._service = service
        self._lock = OwnedLock()
        self._own_locks: dict[str, OwnedLock] = {}

    def __len__(self) -> int:
        return len(self.sync) + len(self.own_queue)

    def __iter__(self) -> Iterator[Target]:
        """Iterate over a copy, which endpoints that are added meanwhile do not disturb."""
        return iter([*self.sync.values(), *self.own_queue.values()])

    def add(self, endpoint: Target, *, own_queue: bool) -> None:
        """Add an endpoint.

        Raises:
            DriplineError: There is one of that name already, or its constructor has not called that of its base.
        """
        if mistake := constructor_mistake(endpoint):
            raise DriplineError(mistake)
        if endpoint.name in self.sync or endpoint.name in self.own_queue:
            raise DriplineError(f"service {self._service.name} has an endpoint {endpoint.name!r} already")
        if own_queue:
            self._own_locks[endpoint.name] = OwnedLock()
        (self.own_queue if own_queue else self.sync)[endpoint.name] = endpoint
        endpoint.service = self._service

    def find(self, routing_key: str) -> Target | None:
        """Find the endpoint that a routing key addresses, the service included."""
        for endpoints in (self.sync, self.own_queue, {self._service.name: self._service}):
            found: Target | None = find_by_routing_key(routing_key, endpoints)
            if found is not None:  # a lab's endpoint may be false, when it has a length
                return found
        return None

    def lock_of(self, endpoint: Target) -> OwnedLock:
        """Return what to hold while an endpoint, or the service, is at work.

        All have one lock in common, but each endpoint with a queue of its own has its own.
        """
        return self._own_locks.get(endpoint.name, self._lock)

    def listed(self) -> list[dict[str, Any]]:
        """Describe the endpoints, as the answer to a roll call contains them."""
        return [
            {"name": name, "class": type(endpoint).__name__, "asynchronous": own_queue}
            for own_queue, endpoints in ((False, self.sync), (True, self.own_queue))
            for name, endpoint in sorted(endpoints.items())
        ]


Mesh = tuple[str, int, str]  # host and port of the broker, exchange of requests


class OwnRequests:
    """Answers requests that the threads of a service send to its own endpoints.

    Args:
        name: Name of the service.
        children: Its endpoints.
        link: Its connection.
    """

    def __init__(self, name: str, children: Children, link: ServiceLink) -> None:
        self._name = name
        self._children = children
        self._link = link
        _of_services[id(self)] = self  # by id: not every class of a laboratory can be hashed

    @property
    def mesh(self) -> Mesh:
        """Where the service is reached."""
        mesh = self._link.mesh
        return mesh.broker, mesh.broker_port, mesh.requests_exchange

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
    """
    request.plain_payload = _as_sent(request.plain_payload)
    request.sender_info = sender_info(service_name)
    reply: object = endpoint.on_request_message(request)
    if not isinstance(reply, MsgReply):  # a laboratory's own version of that method
        reply = request.reply(DL_UnhandledException.value, f"{endpoint.name} made no reply")
    reply.plain_payload = _as_sent(reply.plain_payload)
    return reply


def _as_sent(payload: Any) -> Any:
    try:
        return loads(dumps(payload))
    except (TypeError, ValueError):
        return loads(dumps(to_jsonable(payload)[0]))
