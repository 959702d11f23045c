"""Simulated instruments of a test."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from dripline.simulation import Instrument
from dripline.testing.services import found


def instrument(
    description: Mapping[str, Any] | str | os.PathLike[str], folders: Sequence[Path]
) -> AbstractContextManager[Instrument]:
    """An instrument that runs while a block does, at a free port.

    Args:
        description: A description, or a file of one.
        folders: Where files are looked for.

    Raises:
        ConfigurationError: A line for each mistake in the description.
    """
    if isinstance(description, Mapping):
        return Instrument({"port": 0, **description})
    return Instrument.from_file(found(Path(description), folders), port=0)  # a file's own port may be taken
