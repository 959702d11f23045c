"""`dl doctor` on brokers that drop messages which were delivered too often."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from pika import spec
from support.fake_broker import FakeBroker

from dripline.config.mesh import MeshSettings
from dripline.doctor.broker import examine_broker
from dripline.doctor.report import BROKER, Report
from dripline.doctor.topology import examine_delivery_limits

OLD = {"x-queue-type": "quorum"}
NEW = {"x-queue-type": "quorum", "x-delivery-limit": -1}


def findings(product, version, queues, names):
    """What is found on a broker with these queues."""

    def refuse(method):
        if not isinstance(method, spec.Queue.Declare):
            return None
        if method.queue not in queues:
            return 404, "NOT_FOUND"
        return None if method.passive or method.arguments == queues[method.queue] else (406, "PRECONDITION_FAILED")

    report = Report()
    with FakeBroker(refuse=refuse, announced={"product": product, "version": version}) as fake:
        mesh = MeshSettings(fake.host, fake.port, virtual_host="/lab")
        session = SimpleNamespace(mesh=mesh, username="guest", password="guest")
        _, link = examine_broker(Report(), session, 30)
        examine_delivery_limits(report.recorder("exchanges", BROKER), session, link, names)
        link.close()
        declared = [
            value.method.queue
            for value in iter_frames(fake)
            if isinstance(getattr(value, "method", None), spec.Queue.Declare)
        ]
    return report.findings, declared


def iter_frames(fake):
    """What the client sent."""
    while not fake.frames.empty():
        yield fake.frames.get()


def test_a_queue_with_a_delivery_limit_is_named_with_the_command_that_lifts_it():
    """Queues that are not there, or declare that they have none, are not."""
    queues = {"old.alerts": OLD, "new.alerts": NEW}
    (finding,), _ = findings("RabbitMQ", "4.1.0", queues, ["new", "old", "other"])
    assert (finding.state, finding.facts) == ("warning", {"queue": "old.alerts"})
    assert "20 times" in finding.text
    assert r"rabbitmqctl set_policy -p /lab --priority 100 --apply-to quorum_queues" in finding.remedy
    assert r"^old\.alerts$" in finding.remedy


@pytest.mark.parametrize(("product", "version"), [("RabbitMQ", "3.13.7"), ("dripline embedded broker", "6.1.0")])
def test_other_brokers_are_not_asked(product, version):
    """They have no limit unless somebody sets one."""
    assert findings(product, version, {"old.alerts": OLD}, ["old"]) == ([], [])
