"""Where packages of other versions look for the entities of devices."""

from __future__ import annotations

from dripline.implementations.format_entity import FormatEntity
from dripline.implementations.simple_scpi_entity import (
    SimpleSCPIEntity,
    SimpleSCPIGetEntity,
    SimpleSCPISetEntity,
)

__all__ = ["FormatEntity", "SimpleSCPIEntity", "SimpleSCPIGetEntity", "SimpleSCPISetEntity"]
