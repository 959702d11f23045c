"""Needs a library that nobody has."""

import a_library_that_nobody_has
from dripline.core import Entity

__all__ = ['NeedsALibrary']


class NeedsALibrary(Entity):
    pass
