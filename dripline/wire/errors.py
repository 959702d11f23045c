"""The errors of dripline, under the name that they had before `dripline.errors`."""

from __future__ import annotations

from dripline.errors import *  # noqa: F403
