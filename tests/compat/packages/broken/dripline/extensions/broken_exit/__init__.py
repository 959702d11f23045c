"""Ends the program of whoever imports it."""

import sys

from dripline.core import Entity

__all__ = ['EndsTheProgram']

sys.exit('no licence found')


class EndsTheProgram(Entity):
    pass
