"""What all payload values have in common; by itself it is the null value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from scarab.layout import to_text
from scarab.reach import Reach

if TYPE_CHECKING:
    from scarab.param_array import ParamArray
    from scarab.param_node import ParamNode
    from scarab.param_value import ParamValue


class Param:
    """A value of a payload; `Param()` is null, `Param(value)` a copy of a `ParamValue`."""

    _dripline_reach: ClassVar[Reach] = {}

    def __new__(cls, *content: Any, **_: Any) -> Param:
        """Make a value of the kind that fits the content."""
        if cls is not Param or not content:
            return object.__new__(cls)
        from scarab.param_value import ParamValue  # it builds on this class

        return object.__new__(ParamValue)  # Python goes on with its constructor

    __hash__ = None  # type: ignore[assignment]  # values change, so they cannot be keys

    def is_null(self) -> bool:
        """Tell whether there is no value."""
        return True

    def is_value(self) -> bool:
        """Tell whether this is one bool, number or text."""
        return False

    def is_array(self) -> bool:
        """Tell whether this is a list."""
        return False

    def is_node(self) -> bool:
        """Tell whether this is a mapping."""
        return False

    def as_value(self) -> ParamValue:
        """Take this for one bool, number or text; TypeError if it is not."""
        raise self._is_no("value")

    def as_array(self) -> ParamArray:
        """Take this for a list; TypeError if it is not."""
        raise self._is_no("array")

    def as_node(self) -> ParamNode:
        """Take this for a mapping; TypeError if it is not."""
        raise self._is_no("node")

    def to_python(self, underscore_keys: bool = False) -> Any:
        """Make plain Python of this and everything in it.

        Args:
            underscore_keys: write `_` for `-` in the keys of mappings.
        """
        return None

    def __call__(self) -> ParamValue:
        """Take this for one bool, number or text; TypeError if it is not."""
        return self.as_value()

    def __str__(self) -> str:
        return to_text(self.to_python())

    def __repr__(self) -> str:
        content = self.to_python()
        return f"{type(self).__name__}({'' if content is None else repr(content)})"

    def __eq__(self, other: object) -> bool:
        return bool(self.to_python() == (other.to_python() if isinstance(other, Param) else other))

    def _is_no(self, kind: str) -> TypeError:
        return TypeError(f"{self!r:.100} is no {kind}")
