"""The value in a payload."""

from __future__ import annotations

import pytest

from dripline.wire.message import RAW_FIELDS, value_of


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        ({"value_raw": 1, "value_cal": 2, "value": 3}, 2),
        ({"value_raw": 1, "value": 3}, 1),
        ({"value": 33.0, "unit": "K"}, 33.0),
        ({"value": None, "values": [1]}, None),
        ({"values": [33.0]}, 33.0),
        ({"values": [1, 2]}, "none"),
        ({"values": [1], "unit": "V"}, "none"),
        ({}, "none"),
        (3, 3),
        ([1], [1]),
        (None, None),
    ],
)
def test_the_value_is_found_wherever_services_put_it(payload, value):
    """The calibrated value first; a payload that is not a mapping is the value."""
    assert value_of(payload, default="none") == value


def test_the_fields_can_be_chosen():
    """A column for raw values takes no calibrated ones."""
    assert value_of({"value_cal": 2, "value": 3}, RAW_FIELDS) == 3
