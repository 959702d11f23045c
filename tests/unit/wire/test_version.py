"""The version of this distribution."""

import re
from pathlib import Path

from dripline.wire import PROTOCOL_VERSION, VERSION


def test_the_version_is_the_one_of_the_distribution():
    """What the mesh is told is what pyproject.toml says, unless it takes the version from here."""
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    stated = re.search(r'^version = "(.*)"$', text, re.MULTILINE)
    assert stated is None or stated[1] == VERSION


def test_the_protocol_has_a_version_of_its_own():
    """Every peer announces this one."""
    assert PROTOCOL_VERSION == "3.0.0"
