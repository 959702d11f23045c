__all__ = []

from . import switchboard
from .switchboard import *

__all__ += switchboard.__all__
