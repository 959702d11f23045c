"""Values in print (byte for byte against real ones: see tests/golden)."""

import pytest

import scarab
from scarab.layout import to_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (5, "5"),
        (0.75, "0.750000"),
        (-0.0, "-0.000000"),
        (1e-7, "1e-07"),
        (1.23456789, "1.23456789"),
        (1e22, "10000000000000000000000.000000"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        ("two\nlines", "two\nlines"),
        ({}, "\n{\n}\n"),
        ([], "\n[\n]\n"),
        ({"b": 1, "a": "x"}, "\n{\n    a : x\n    b : 1\n}\n"),
    ],
)
def test_values_are_laid_out(value, text):
    """Numbers keep what they are worth; mappings are in alphabetical order."""
    assert to_text(value) == text


def test_what_is_nested_stands_four_spaces_deeper():
    """With an empty line behind it."""
    assert str(scarab.to_param({"list": [[1], {"a": None}], "z": 0})).split("\n") == [
        "",
        "{",
        "    list : ",
        "    [",
        "        ",
        "        [",
        "            1",
        "        ]",
        "",
        "        ",
        "        {",
        "            a : null",
        "        }",
        "",
        "    ]",
        "",
        "    z : 0",
        "}",
        "",
    ]
