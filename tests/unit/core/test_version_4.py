"""Telling timeouts and keys apart that have changed places."""

import uuid

import pytest

from dripline.core._version_4 import read_timeout

KEY = "0d9f1c1e-6a40-4f7b-9d2e-5c8f3b7a1e60"
KEY_OBJECT = uuid.UUID(KEY)


@pytest.mark.parametrize(
    ("third", "fourth", "keywords", "expected"),
    [
        (None, 0, {}, (None, 0.0)),
        (500, 0, {}, (None, 500.0)),
        (500, KEY, {}, (KEY, 500.0)),
        (None, 0, {"timeout": 500}, (None, 500.0)),
        (KEY, 0, {"timeout": 500}, (KEY, 500.0)),
        (KEY_OBJECT, 2, {}, (KEY_OBJECT, 2000.0)),
        (None, None, {"timeout": None}, (None, 0.0)),
    ],
)
def test_key_and_timeout_are_told_apart(third, fourth, keywords, expected):
    """By their type, wherever they stand; a number where version 5 has its `timeout_s` is in seconds."""
    assert read_timeout(third, fourth, keywords) == expected


def test_other_arguments_are_refused():
    """By name."""
    with pytest.raises(TypeError, match="unknown argument 'colour'"):
        read_timeout(None, 0, {"colour": 1})
