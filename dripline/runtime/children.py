"""The endpoints of a service: added, found by routing key, listed, and run in turn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dripline.discovery.validation import constructor_mistake
from dripline.errors import DriplineError
from dripline.runtime.dispatch import Target, find_by_routing_key
from dripline.runtime.owned_lock import OwnedLock


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
