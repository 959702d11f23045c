"""Destinations of rows: a single table, in which nothing is ever wrong."""

from __future__ import annotations

from dripline.implementations.storage.tables import Destination


class OneTable:
    """Destinations with one table, whatever it is called."""

    def __init__(self, destination: Destination) -> None:
        self._destination = destination

    def destination(self, _name: str) -> Destination:
        """The one."""
        return self._destination

    def look(self) -> None:
        """Nothing is wrong with it."""

    def forget(self) -> None:
        """It stays the same."""
