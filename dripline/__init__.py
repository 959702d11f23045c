"""dripline: slow controls for laboratories, instruments as services on an AMQP mesh.

`import dripline` is cheap: its parts are imported when they are first named.

- `dripline.core`: messages, services, endpoints, entities, interfaces;
- `dripline.implementations`: ready-made services and entities;
- `dripline.extensions`: the packages of a laboratory, each as `dripline.extensions.<name>`;
- `dripline.version` (a `scarab.VersionSemantic`) and `dripline.__version__`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from dripline import package_setup

if TYPE_CHECKING:
    __version__: str

    def __getattr__(name: str) -> Any: ...


package_setup.set_up(sys.modules[__name__])
