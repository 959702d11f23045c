"""The tests of faults write their numbers into a document."""

from __future__ import annotations

from pathlib import Path

import pytest
from reports import BEGIN, END, write_row

DOCUMENT = Path(__file__).parents[2] / "docs" / "reliability.md"


def test_a_row_takes_the_place_of_the_one_of_the_same_fault_and_broker(tmp_path):
    """All else stays as it is; what has no row yet comes last."""
    document = tmp_path / "document.md"
    document.write_text(f"Before.\n\n{BEGIN}\n{END}\n\nAfter: {BEGIN}\n")
    for row in ("| cut | embedded | sent 1 |", "| cut | RabbitMQ | sent 2 |", "| cut | embedded | sent 3 |"):
        write_row(document, row)
    assert document.read_text().splitlines() == [
        "Before.",
        "",
        BEGIN,
        "",
        "| fault | broker | counted |",
        "|---|---|---|",
        "| cut | embedded | sent 3 |",
        "| cut | RabbitMQ | sent 2 |",
        "",
        END,
        "",
        f"After: {BEGIN}",
    ]


def test_a_document_without_the_markers_is_left_alone(tmp_path):
    """Nobody knows where the rows belong."""
    document = tmp_path / "document.md"
    document.write_text("Before.\n")
    with pytest.raises(ValueError, match="no table between"):
        write_row(document, "| cut | embedded | sent 1 |")
    assert document.read_text() == "Before.\n"


def test_our_document_takes_rows(tmp_path):
    """And keeps those that it has, in their places."""
    copy = tmp_path / "copy.md"
    text = DOCUMENT.read_text(encoding="utf-8")
    copy.write_text(text, encoding="utf-8")
    write_row(copy, "| something new | embedded | sent 1 |")
    assert copy.read_text(encoding="utf-8").replace("| something new | embedded | sent 1 |\n", "") == text
