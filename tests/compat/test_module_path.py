"""Classes from a file that is no package."""

from __future__ import annotations

SERVICE = "module_path"


def test_service_and_endpoints_come_from_the_file(ask):
    """Each names it; it is loaded once, so that its classes are the same everywhere."""
    assert ask.get("left") == {"value_raw": 3, "value_cal": 3000}
    assert ask.cmd("heaters", "sum") == 7
    assert ask.cmd("heaters", "folder") == "module_path"
