import pkg_resources
import scarab

from .loop import ControlLoop
from .ticker import Ticker

__all__ = ['ControlLoop', 'Ticker']

version = scarab.VersionSemantic()
version.parse(pkg_resources.require('lab-control')[0].version)
