"""Device entities under the module name of other versions."""

from __future__ import annotations

from dripline.core.calibrate import calibrate
from dripline.core.entity import Entity
from dripline.implementations.format_entity import FormatEntity
from dripline.implementations.simple_scpi_entity import (
    SimpleSCPIEntity,
    SimpleSCPIGetEntity,
    SimpleSCPISetEntity,
)
from dripline.wire.return_codes import ThrowReply

__all__ = [
    "Entity",
    "FormatEntity",
    "SimpleSCPIEntity",
    "SimpleSCPIGetEntity",
    "SimpleSCPISetEntity",
    "ThrowReply",
    "calibrate",
]
