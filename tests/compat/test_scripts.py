"""Scripts of versions 4 and 5, run as they were written."""

from __future__ import annotations

import json

import pytest

SERVICE = "version5"


@pytest.fixture
def auth_file(laboratory, address):
    """An authentication file of version 4."""
    file = laboratory.home / "authentications.json"
    login = {"broker": address.host, "username": address.username, "password": address.password}
    file.write_text(json.dumps({"amqp": login}))
    return str(file)


def test_a_version_4_script_gets_replies(ask, laboratory, address, auth_file):
    """`Interface(dripline_config=…)`: replies with code and payload, milliseconds, nothing raised."""
    ask.set("thermometer", 100)
    seen = laboratory.script("version4_script.py", auth_file, address.host, laboratory.named("thermometer"))
    assert seen == {
        "code": 0,
        "cal": 290.0,
        "raw": 100.0,
        "after": 80.0,
        "called": 2.5,
        "refused": [304, f"{laboratory.named('thermometer')}: no resistance is -1"],
        "specifier": {"values": [3]},
    }


def test_a_version_5_script_gets_plain_python(ask, laboratory):
    """Payloads as Python, an error raised."""
    ask.set("thermometer", 100)
    name = laboratory.named("thermometer")
    seen = laboratory.script("version5_script.py", name)
    assert "no resistance is -1" in seen.pop("refused")
    assert seen == {"cal": 290.0, "after": 70.0, "called": 2.5, "printed": f"Routing key: {name}"}
