"""The benchmarks run to their end and compare with what they say they compare with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def report(project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What one round on the embedded broker reports."""
    file = tmp_path_factory.mktemp("benchmarks") / "results.json"
    words = ["--embedded", "--rounds", "1", "--only", "requests", "alerts", "--json", str(file)]
    variables = {**os.environ, "PYTHONSAFEPATH": ""}  # benchmarks is no installed package
    subprocess.run([sys.executable, "-m", "benchmarks", *words], check=True, cwd=project, env=variables)
    return json.loads(file.read_text())


def test_each_result_is_a_ratio_to_a_floor_of_the_same_run(report: dict) -> None:
    """The floor stands in the same table, and the ratio is what it says."""
    medians = {(row["work"], row["contender"]): row["median"] for row in report["results"]}
    for row in report["results"]:
        assert row["ratio"] == pytest.approx(row["median"] / medians[row["work"], row["against"]])


def test_the_conditions_are_told(report: dict) -> None:
    """Who reads the figures can tell what they were taken with."""
    assert report["conditions"]["broker"] == "embedded"
    assert {"python", "pika", "dripline", "machine", "rounds"} <= set(report["conditions"])
