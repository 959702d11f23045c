"""Which extensions are not to be used, as the environment or a configuration says."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dripline.discovery.index import Extension

KEY = "extensions"
VARIABLE = "DRIPLINE_DISABLE_EXTENSIONS"


@dataclass(frozen=True)
class Disabled:
    """Which extensions are not to be used.

    Attributes:
        names: who says so, by name of an extension, its module or its distribution; `*` means all.
    """

    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def by_environment(cls) -> Disabled:
        """Those that `DRIPLINE_DISABLE_EXTENSIONS` names, separated by commas."""
        words = (word.strip() for word in os.environ.get(VARIABLE, "").split(","))
        return cls({word: VARIABLE for word in words if word})

    def reason(self, extension: Extension) -> str:
        """Why an extension is not to be used, `disabled by …`; empty if it is."""
        for name, who in self.names.items():
            if name == "*" or extension.is_called(name) or extension.is_of_distribution(name):
                return f"disabled by {who}"
        return ""

    def unknown(self, extensions: Sequence[Extension]) -> list[str]:
        """The names that mean none of some extensions."""
        single = {name: Disabled({name: who}) for name, who in self.names.items() if name != "*"}
        return [name for name, only in single.items() if not any(map(only.reason, extensions))]


def is_rules(value: Any) -> bool:
    """Whether a service's `extensions` are these rules, and not an argument of a laboratory's class."""
    return value is None or (isinstance(value, Mapping) and set(value) <= {"disable", "requires"})
