"""The results as a table that can be pasted into a README."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.rounds import Row

_HEADINGS = ("work", "contender", "median", "ratio", "against")


def as_table(rows: Sequence[Row]) -> str:
    """A Markdown table, columns aligned."""
    cells = [_HEADINGS, *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADINGS))]
    lines = [_line(line, widths) for line in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(text.ljust(width) for text, width in zip(cells, widths, strict=True)) + " |"


def _cells(row: Row) -> tuple[str, ...]:
    unit = "/s" if row.unit == "1/s" else f" {row.unit}"
    median = f"{row.median:.{3 if row.unit == 's' else 0}f}{unit}"
    return row.work, row.contender, median, f"{row.ratio:.2f}", row.against
