"""A logger with a queue that collects for it, killed again and again while alerts flow.

The full count of kills is run with ``DRIPLINE_TEST_FULL=1``.
"""

from __future__ import annotations

import signal
import threading
import time

import pytest
from contract.meshes import fresh_mesh, serving
from reports import FULL, report
from support.logger_process import LoggerProcess
from support.waiting import eventually

from dripline.core import MsgAlert, Service

KILLS = 10 if FULL else 2
PAUSE_S = 1.5


@pytest.fixture
def mesh(broker):
    """A mesh of the test's own."""
    with fresh_mesh(broker, durable=["logger"]) as mesh:
        yield mesh


def test_no_alert_is_missing_from_its_table(mesh, tmp_path, request):
    """And none stands there twice, though those in hand at each kill came again."""
    logger = LoggerProcess(mesh, tmp_path)
    logger.start()
    done = threading.Event()
    sent = 0
    with serving(Service(mesh.name("source"), heartbeat_interval_s=0, **mesh.login)) as source:

        def flow():
            nonlocal sent
            while not done.is_set():
                source.send(MsgAlert.create({"value_raw": sent}, "sensor_value.number"))
                sent += 1
                time.sleep(0.001)

        flowing = threading.Thread(target=flow)
        flowing.start()
        try:
            for _ in range(KILLS):
                time.sleep(PAUSE_S / 3)
                logger.end()
                time.sleep(PAUSE_S / 3)
                logger.start()
        finally:
            done.set()
            flowing.join()
        try:
            assert eventually(lambda: len(logger.numbers()) >= sent, 30), (len(logger.numbers()), sent)
            rows = logger.numbers()
            report("SIGKILL of a durable logger", request.node.callspec.id, kills=KILLS, sent=sent, rows=len(rows))
            assert sorted(rows) == list(range(sent))
        finally:
            logger.end(signal.SIGTERM)
