"""Was saved in the middle of a word."""

from dripline.core import Entity

__all__ = ['HalfWritten']


class HalfWritten(Entity:
    pass
