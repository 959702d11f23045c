"""The lock of an endpoint: while it is on, set and cmd need the key."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

_NIL = uuid.UUID(int=0)


class Lockout:
    """Who has locked an endpoint, and with which key.

    Attributes:
        key: The key that opens it, nil when it is not locked.
        tag: `sender_info` of the locker, empty when it is not locked.
    """

    def __init__(self) -> None:
        self.key = _NIL
        self.tag: Mapping[str, Any] = {}

    @property
    def is_locked(self) -> bool:
        """Whether it is locked."""
        return self.key != _NIL

    def admits(self, key: uuid.UUID) -> bool:
        """Whether a request with ``key`` may change something."""
        return not self.is_locked or key == self.key

    def lock(self, key: uuid.UUID, tag: Mapping[str, Any]) -> uuid.UUID | None:
        """Lock.

        Args:
            key: The key to lock with; one is generated when it is nil.
            tag: `sender_info` of who locks.

        Returns:
            The key, or None when it is locked already.
        """
        if self.is_locked:
            return None
        self.key = key if key != _NIL else uuid.uuid4()
        self.tag = tag
        return self.key

    def unlock(self, key: uuid.UUID, *, force: bool = False) -> bool:
        """Unlock; tells whether key or force sufficed."""
        if not force and key != self.key:
            return False
        self.key, self.tag = _NIL, {}
        return True

    def status(self) -> dict[str, Any]:
        """Return the payload of the reply to ``is-locked``."""
        return {"is_locked": True, "tag": dict(self.tag)} if self.is_locked else {"is_locked": False}
