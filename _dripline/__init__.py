"""The name under which the reference's compiled module was imported; here it leads to `dripline.core`."""

from _dripline import core

__all__ = ["core"]
