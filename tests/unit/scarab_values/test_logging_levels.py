"""Verbosities."""

import logging

import pytest

import scarab


@pytest.mark.parametrize(
    ("verbosity", "level"),
    [
        (0, logging.DEBUG),
        (1, logging.DEBUG),
        (2, logging.INFO),
        (3, logging.INFO),
        (4, logging.WARNING),
        (5, logging.ERROR),
        (6, logging.CRITICAL),
        (7, logging.NOTSET),
        (-1, logging.NOTSET),
    ],
)
def test_a_verbosity_has_a_level(verbosity, level):
    """From trace to fatal; others have none."""
    assert scarab.s2py_verbosity(verbosity) == level
