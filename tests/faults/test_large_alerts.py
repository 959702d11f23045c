"""Durable loggers and alerts that are large or many: every confirmed alert has a row, and memory is bounded.

The full counts are run with ``DRIPLINE_TEST_FULL=1``.
"""

from __future__ import annotations

import random
import signal

import pytest
from contract.meshes import fresh_mesh, serving
from reports import FULL, report
from support.logger_process import LoggerProcess
from support.waiting import eventually

from dripline.core import MsgAlert, Service

ABOVE_BUDGET_MB = 100


@pytest.fixture
def mesh(broker):
    """A mesh of the test's own, with the chunks of the issue."""
    with fresh_mesh(broker, durable=["logger"], max_payload_size=100_000) as mesh:
        yield mesh


@pytest.fixture
def source(mesh):
    """Sends alerts."""
    with serving(Service(mesh.name("source"), heartbeat_interval_s=0, **mesh.login)) as source:
        yield source


@pytest.fixture
def logger(mesh, tmp_path):
    """Makes the logger, whose queue is there."""
    made = []

    def make(**settings):
        logger = LoggerProcess(mesh, tmp_path, **settings)
        made.append(logger)
        logger.start()
        logger.idle_mb = logger.memory_mb()
        return logger

    yield make
    for logger in made:
        logger.end(signal.SIGTERM)


def send(source, number, size, key="sensor_value.number"):
    """Send an alert with a number whose body has about that many bytes."""
    floats = [round(random.random(), 17) for _ in range(size // 20)]
    text = "" if floats else "x" * size
    assert source.send(MsgAlert.create({"value_raw": number, "list": floats, "text": text}, key)).successful_send


def test_alerts_that_were_collected_while_a_logger_was_away_all_become_rows(
    mesh, logger, source, tmp_path, request
):
    """Whatever they come to together; those of the issue are lists of 5000 floats."""
    largest = (
        3000 if request.node.callspec.id == "rabbitmq" else 1000
    )  # a queue of the embedded broker has a bound
    count = largest if FULL else 120
    settings = {} if FULL else {"memory_mb": 1}
    first = logger(**settings)
    first.end(signal.SIGTERM)
    for number in range(count):
        send(source, number, 100_000)
    assert eventually(lambda: not source._Service__link.waiting_alerts, 60)
    again = logger(**settings)
    assert eventually(lambda: again.count() >= count, 300), (again.count(), again.log)
    numbers, most_mb = again.numbers(), again.memory_mb("VmHWM")
    limit_mb = settings.get("memory_mb", 64) + ABOVE_BUDGET_MB
    report(
        "large alerts collected for a durable logger", request.node.callspec.id, sent=count, rows=len(numbers),
        MB_above_idle=round(most_mb - again.idle_mb), MB_allowed=limit_mb,
    )  # fmt: skip
    assert numbers == list(range(count)), "each once, in their order"
    assert most_mb - again.idle_mb < limit_mb


def test_alerts_of_all_sizes_become_rows_within_the_memory_that_is_allowed(mesh, logger, source, request):
    """From 10 bytes to 5 MB, mixed, while the logger runs and while it is away."""
    count, budget_mb = (400 if FULL else 40), 8
    rng = random.Random(7)
    sizes = [5_000_000, *(int(10 ** rng.uniform(1, 6.7)) for _ in range(count - 2)), 10]
    running = logger(memory_mb=budget_mb)
    for number in range(count // 2):
        send(source, number, sizes[number])
    assert eventually(lambda: running.count() >= count // 2, 300), running.log
    running.end(signal.SIGTERM)
    for number in range(count // 2, count):
        send(source, number, sizes[number])
    assert eventually(lambda: not source._Service__link.waiting_alerts, 60)
    again = logger(memory_mb=budget_mb)
    assert eventually(lambda: again.count() >= count, 300), again.log
    most_mb = again.memory_mb("VmHWM") - again.idle_mb
    report(
        "alerts of 10 bytes to 5 MB", request.node.callspec.id, sent=count, rows=len(again.numbers()),
        MB_sent=sum(sizes) // 1_000_000, MB_above_idle=round(most_mb), MB_allowed=budget_mb + ABOVE_BUDGET_MB,
    )  # fmt: skip
    assert sorted(again.numbers()) == list(range(count))
    assert most_mb < budget_mb + ABOVE_BUDGET_MB
