"""Promises what it does not have."""

from dripline.core import Entity

__all__ = ['ThereIsNone', 'ThereIsOne']


class ThereIsOne(Entity):
    pass
