"""What the tests of faults counted, as rows of the table in `docs/reliability.md`."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

#: DRIPLINE_TEST_FULL=1 does as much as is promised, instead of a little of it.
FULL = os.environ.get("DRIPLINE_TEST_FULL", "") not in ("", "0")
#: The document that the rows are written into, if that is wanted.
DOCUMENT = os.environ.get("DRIPLINE_TEST_DOCUMENT", "")

BEGIN = "<!-- rows of tests/faults -->"
END = "<!-- end of the rows -->"
_HEAD = ["| fault | broker | counted |", "|---|---|---|"]
_BROKERS = {"rabbitmq": "RabbitMQ"}


def report(fault: str, broker: str, **counts: object) -> None:
    """Print what was counted, and write it into the document that DRIPLINE_TEST_DOCUMENT names.

    Args:
        fault: What was broken.
        broker: Which broker: the id of the test's parameter, or a name.
        **counts: What was counted, by its name with underscores for spaces.
    """
    counted = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in counts.items())
    row = f"| {fault} | {_BROKERS.get(broker, broker)} | {counted} |"
    print(row)
    if DOCUMENT:
        write_row(Path(DOCUMENT), row)


def write_row(document: Path, row: str) -> None:
    """Write a row between the markers of a document, in the place of the one of the same fault and broker.

    Rows without new numbers stay. Several processes may do so at a time.

    Raises:
        ValueError: The document has no such markers.
    """
    with document.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        before, begin, rest = text.partition(f"{BEGIN}\n")
        table, end, after = rest.partition(END)
        if not begin or not end:
            raise ValueError(f"{document} has no table between {BEGIN} and {END}")
        rows = {_key(line): line for line in table.splitlines() if line.startswith("|")}
        for line in _HEAD:
            rows.pop(_key(line), None)
        rows[_key(row)] = row
        file.seek(0)
        file.truncate()
        file.write("\n".join([before + BEGIN, "", *_HEAD, *rows.values(), "", end + after]))


def _key(row: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in row.split("|")[1:3])
