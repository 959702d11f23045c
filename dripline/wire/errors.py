"""The names of `dripline.errors`, importable from here."""

from __future__ import annotations

from dripline.errors import *  # noqa: F403
