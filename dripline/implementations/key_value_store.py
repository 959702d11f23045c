"""`KeyValueStore`: an endpoint that keeps a value."""

from __future__ import annotations

from typing import Any, ClassVar

from dripline.core._access import Reach
from dripline.core.calibrate import calibrate
from dripline.core.entity import Entity
from dripline.wire.return_codes import DL_WarningNoActionTaken, ThrowReply, get_return_codes_dict

# Further names are here because the reference's module has them.
__all__ = [
    "DL_WarningNoActionTaken",
    "Entity",
    "KeyValueStore",
    "ThrowReply",
    "calibrate",
    "get_return_codes_dict",
]


class KeyValueStore(Entity):
    """Keeps what it is set to.

    Args:
        initial_value: The value at start.
        **kwargs: For `Entity`.
    """

    _dripline_reach: ClassVar[Reach] = {"set": {"_value"}, "cmd": {"throw_something"}}

    def __init__(self, initial_value: Any = None, **kwargs: Any) -> None:
        Entity.__init__(self, **kwargs)
        self._value = initial_value

    @calibrate()
    def on_get(self) -> Any:
        """Return the value."""
        return self._value

    def on_set(self, new_value: Any) -> None:
        """Keep a new value."""
        self._value = new_value

    def throw_something(self) -> None:
        """Answer with a resource error, to see what that looks like.

        Raises:
            ThrowReply: Always.
        """
        raise ThrowReply("resource_error", "in throw_something method, raising resource_error")
