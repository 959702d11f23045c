"""Services and clients of a mesh with the rules of each version of RabbitMQ, as the embedded broker has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.waiting import eventually

from dripline.broker import rabbitmq
from dripline.core import AlertConsumer, Endpoint, MsgAlert, Service, ThrowReply
from dripline.errors import EncodingError, ErrorReply
from dripline.testing import Broker, broker_for_tests

VERSIONS = ("3.10", "4.0", "4.1", "4.2", "4.3")
SIZES = (0, 1, 8183, 8184, 8185, 16368, 100_000, 5_000_000)  # 8184 bytes fit in a frame of 8192


class Echo(Endpoint):
    """Sends back what it gets."""

    def echo(self, value):
        """Return the value."""
        return value

    def fail(self, letter, count):
        """Fail at length."""
        raise ThrowReply("service_error_invalid_value", letter * count)


class Collector(AlertConsumer):
    """Keeps what comes."""

    def __init__(self, **kwargs):
        self.seen = []
        AlertConsumer.__init__(self, alert_keys=["sensor_value.#"], heartbeat_interval_s=0, **kwargs)

    def on_alert_message(self, an_alert):
        """Keep one."""
        self.seen.append(an_alert.plain_payload)


@pytest.fixture(params=VERSIONS)
def strict(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """A broker with the rules of a version, the strictest where they leave a choice, and the smallest frames."""
    rules = rabbitmq(request.param)
    if request.param == "4.3":
        rules = replace(rules, global_qos="refused")
    with broker_for_tests(compatibility=replace(rules, frame_max=max(8192, rules.frame_min))) as broker:
        yield broker


@pytest.fixture
def dripline_broker(strict: Broker) -> Broker:
    """For the fixtures of `dripline.testing`."""
    return strict


def test_requests_and_replies(dripline_service, dripline_client) -> None:
    """Payloads of all sizes come back unchanged, whether or not they fit in one frame."""
    dripline_service(Echo, name="echo")
    for size in SIZES:
        text = "x" * size
        assert dripline_client.cmd("echo", "echo", [text], timeout_s=30) == text


@pytest.mark.parametrize("durable", [False, True])
def test_alerts(dripline_service, strict, durable) -> None:
    """Each alert sent arrives once, in order, whatever its size."""
    collector = dripline_service(Collector(name="collector", durable=durable, **strict.login))
    source = dripline_service(Service("source", **strict.login))
    sent = [*SIZES, *range(1, 500)]
    for size in sent:
        assert source.send(MsgAlert.create("x" * size, "sensor_value.x")).successful_send
    assert eventually(lambda: len(collector.seen) >= len(sent))
    assert [len(each) for each in collector.seen] == sent


def test_long_error_texts(dripline_service, dripline_client, strict) -> None:
    """The text of an error is shortened until it fits in a frame: the caller gets it, and no connection ends."""
    dripline_service(Echo, name="echo")
    before = strict.own().call(lambda state: set(state.connections))
    for letter in ("x", "é", "😀"):
        with pytest.raises(ErrorReply, match=letter * 1000):
            dripline_client.cmd("echo", "fail", [letter, 100_000], timeout_s=30)
    assert before <= strict.own().call(lambda state: set(state.connections))


def test_headers_longer_than_a_frame(dripline_service, dripline_client, strict) -> None:
    """A specifier that does not fit in a frame is the caller's error: nothing is sent, and no connection ends."""
    service = dripline_service(Echo, name="echo")
    before = strict.own().call(lambda state: set(state.connections))
    with pytest.raises(EncodingError, match=r"8184"):
        dripline_client.get("echo", specifier="x" * 9000)
    with pytest.raises(EncodingError, match=r"8184"):
        service.get("echo", specifier="x" * 9000)
    dripline_client.cmd("echo", "ping", timeout_s=30)
    assert before <= strict.own().call(lambda state: set(state.connections))


def test_thousands_of_bindings(dripline_service, dripline_client) -> None:
    """A service with 3000 endpoints is bound to all of them: the first and the last answer."""
    count = 3000
    endpoints = [{"name": f"e{number}", "module": "Endpoint"} for number in range(count)]
    dripline_service({"name": "many", "endpoints": endpoints})
    for number in (0, count // 2, count - 1):
        dripline_client.cmd(f"e{number}", "ping", timeout_s=30)


@pytest.mark.parametrize("strict", ["4.0", "4.3"], indirect=True)
def test_it_comes_back_after_a_restart_of_the_broker(dripline_service, dripline_client, strict) -> None:
    """Queues are declared again by the same rules; a durable queue keeps the messages received meanwhile."""
    collector = dripline_service(Collector(name="collector", durable=True, **strict.login))
    dripline_service(Echo, name="echo")
    source = dripline_service(Service("source", **strict.login))
    strict.own().suspend(keep="durable", abruptly=True)
    strict.own().resume()
    for number in range(50):
        assert source.send(MsgAlert.create(number, "sensor_value.x")).successful_send
    assert eventually(lambda: collector.seen[-50:] == list(range(50)))
    assert dripline_client.cmd("echo", "echo", ["again"], timeout_s=30) == "again"
