"""The cryostat of a laboratory."""

__all__ = []

import scarab

from .thermometer import *
from .thermometer import __all__ as __thermometer_all

__all__ += __thermometer_all

from .cryostat_service import *
from .cryostat_service import __all__ as __service_all

__all__ += __service_all

version = scarab.VersionSemantic()
version.parse('v2.3.1')
version.package = 'lab/cryostat'
version.commit = 'na'
__all__.append('version')
