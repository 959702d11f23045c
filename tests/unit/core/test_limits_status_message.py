"""Alerts for people."""

from __future__ import annotations

import pytest

from dripline.core._limits import status_message


def test_key_and_payload_name_who_and_how_bad():
    """A relay binds `status_message.#.critical` and passes the text on."""
    alert = status_message("furnace", "critical", "furnace is too hot")
    assert alert.routing_key == "status_message.furnace.critical"
    assert alert.plain_payload == "furnace is too hot"


def test_a_severity_that_nobody_listens_for_is_refused():
    """The text tells which there are."""
    with pytest.raises(ValueError, match="notice, warning, critical, not 'fatal'"):
        status_message("furnace", "fatal", "boom")
