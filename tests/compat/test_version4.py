"""A package and a configuration of version 4: `pkg_resources`, star imports, `runtime-config`, old keys."""

from __future__ import annotations

import pytest

SERVICE = "version4"


def test_the_runtime_config_block_is_unfolded(ask):
    """What stands in it is read as if it stood at the top; a warning tells what to change."""
    assert ask.get("furnace") == {"value_raw": 450, "value_cal": 723}
    assert "'runtime-config' is deprecated" in ask.laboratory.running[SERVICE].stderr


@pytest.mark.parametrize("key", ["auth_file", "keys"])
def test_old_keys_are_ignored_with_a_line_that_says_so(ask, key):
    """They are no typing errors."""
    lines = [line for line in ask.laboratory.running[SERVICE].stderr.splitlines() if f"'{key}'" in line]
    # A class that names an old key in its constructor uses it itself.
    assert len(lines) == (1 if key == "auth_file" else 0)


def test_pkg_resources_tells_the_packages_own_version(ask):
    """Although setuptools may not be installed, or may be too new to have it."""
    expected = f"{ask.laboratory.named('furnace_service')} v0.4.2 of "
    assert ask.cmd("furnace_service", "whoami").startswith(expected)


def test_ready_made_classes_stand_beside_its_own(ask):
    """`from dripline.implementations import *` hid nothing, and brought what it should."""
    assert ask.get("plain")["value_raw"] == 12
    ask.set("furnace", 500)
    assert ask.get("furnace")["value_raw"] == 500


@pytest.mark.parametrize(
    ("operation", "arguments", "message"),
    [
        ("set", ("furnace", "melt"), "it would melt"),
        ("cmd", ("furnace", "open_door"), "the door is locked"),
        ("cmd", ("furnace", "blow_fuse"), "there is no fuse"),
    ],
)
def test_unknown_names_of_errors_are_service_errors(ask, operation, arguments, message):
    """With the message given, or with the only argument as message."""
    assert ask.refusal(operation, *arguments) == (300, message)
