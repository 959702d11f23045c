"""Whatever a client sends, the broker lives and serves the next one."""

from __future__ import annotations

import logging
import socket

import pika
import pika.frame
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pika.amqp_object import Method
from pika.spec import Basic, Channel, Confirm, Connection, Exchange, Queue

from .conftest import BrokerAddress
from .raw_client import RawClient, encode_frame
from .stage import Stage

OPEN = (
    (
        0,
        Connection.StartOk(
            {"capabilities": {"consumer_cancel_notify": True}}, "PLAIN", b"\0guest\0guest", "en_US"
        ),
    ),
    (0, Connection.TuneOk(2047, 131072, 0)),
    (0, Connection.Open("/")),
    (1, Channel.Open()),
)
WORK: tuple[tuple[int, Method], ...] = (
    (1, Confirm.Select()),
    (1, Exchange.Declare(exchange="fuzz", type="topic", auto_delete=True, arguments={"a": [1, {"b": True}]})),
    (1, Queue.Declare(queue="fuzz", exclusive=True, arguments={"x-max-length": 10})),
    (1, Queue.Bind(queue="fuzz", exchange="fuzz", routing_key="#")),
    (1, Basic.Qos(prefetch_count=1)),
    (1, Basic.Consume(queue="fuzz", consumer_tag="t")),
    (1, Basic.Get(queue="fuzz")),
    (1, Basic.Ack(1, True)),
    (1, Basic.Recover(True)),
    (1, Basic.Cancel("t")),
    (1, Queue.Purge(queue="fuzz")),
    (1, Queue.Unbind(queue="fuzz", exchange="fuzz", routing_key="#")),
    (1, Queue.Delete(queue="fuzz")),
    (1, Channel.Close(200, "", 0, 0)),
    (0, Connection.Close(200, "", 0, 0)),
)


def message() -> bytes:
    """A message of three frames."""
    publish = Basic.Publish(exchange="fuzz", routing_key="a.b", mandatory=True)
    header = pika.frame.Header(1, 4, pika.BasicProperties(message_id="m/0/1", headers={"a": {"b": 1}}))
    return pika.frame.Method(1, publish).marshal() + header.marshal() + encode_frame(3, 1, b"body")


HANDSHAKE = b"AMQP\0\0\x09\x01" + b"".join(pika.frame.Method(n, m).marshal() for n, m in OPEN)
PARTS = [pika.frame.Method(number, method).marshal() for number, method in WORK]
PARTS.insert(5, message())
DAMAGE = st.lists(st.tuples(st.integers(0, 2000), st.sampled_from(["flip", "cut", "double"]), st.integers(1, 255)))
MANY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def damaged(data: bytes, damage: list[tuple[int, str, int]]) -> bytes:
    """Bytes with some of them changed, lost or repeated."""
    for where, how, amount in damage:
        at = where % (len(data) + 1)
        if how == "flip":
            data = data[:at] + bytes(byte ^ amount for byte in data[at : at + 1]) + data[at + 1 :]
        elif how == "cut":
            data = data[:at] + data[at + amount :]
        else:
            data = data[: at + amount] + data[at:]
    return data


def send_and_hang_up(address: BrokerAddress, data: bytes) -> None:
    """Send, wait for the answers to end or for the broker to fall silent, hang up."""
    with socket.create_connection((address.host, address.port), timeout=30) as stranger:
        stranger.settimeout(0.02)
        try:
            stranger.sendall(data)
            while stranger.recv(65536):
                pass
        except (TimeoutError, ConnectionError):
            pass


def check_alive(address: BrokerAddress, log: pytest.LogCaptureFixture) -> None:
    """The next client is served, and nothing the broker did not foresee has happened."""
    stage = Stage(address)
    client = RawClient(stage)
    client.open()
    client.send(1, Queue.Declare(queue="", exclusive=True))
    client.read(1)
    client.close()
    assert stage.log[-1][1] == "Queue.DeclareOk"
    assert not [record for record in log.records if record.levelno >= logging.ERROR]


@MANY
@given(data=st.binary(max_size=300))
def test_random_bytes(data: bytes, embedded: BrokerAddress, caplog: pytest.LogCaptureFixture) -> None:
    """Noise instead of a protocol header."""
    send_and_hang_up(embedded, data)
    check_alive(embedded, caplog)


@MANY
@given(data=st.binary(max_size=300))
def test_random_bytes_after_the_handshake(
    data: bytes, embedded: BrokerAddress, caplog: pytest.LogCaptureFixture
) -> None:
    """Noise instead of frames."""
    send_and_hang_up(embedded, HANDSHAKE + data)
    check_alive(embedded, caplog)


@MANY
@given(kind=st.integers(0, 9), channel=st.integers(0, 2), payload=st.binary(max_size=100))
def test_random_payloads(
    kind: int, channel: int, payload: bytes, embedded: BrokerAddress, caplog: pytest.LogCaptureFixture
) -> None:
    """Well-formed frames with nonsense in them."""
    send_and_hang_up(embedded, HANDSHAKE + encode_frame(kind, channel, payload))
    check_alive(embedded, caplog)


@MANY
@given(method=st.sampled_from([method for _, method in (*OPEN, *WORK)]), arguments=st.binary(max_size=60))
def test_random_arguments(
    method: Method, arguments: bytes, embedded: BrokerAddress, caplog: pytest.LogCaptureFixture
) -> None:
    """Real methods with random arguments."""
    payload = method.INDEX.to_bytes(4, "big") + arguments
    send_and_hang_up(embedded, HANDSHAKE + encode_frame(1, 1, payload) + encode_frame(1, 0, payload))
    check_alive(embedded, caplog)


@MANY
@given(order=st.permutations(PARTS), damage=DAMAGE)
def test_damaged_and_disordered_frames(
    order: list[bytes],
    damage: list[tuple[int, str, int]],
    embedded: BrokerAddress,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Frames in any order, with bytes changed, lost and repeated."""
    send_and_hang_up(embedded, HANDSHAKE + damaged(b"".join(order), damage))
    check_alive(embedded, caplog)


@MANY
@given(damage=DAMAGE)
def test_damaged_handshake(
    damage: list[tuple[int, str, int]], embedded: BrokerAddress, caplog: pytest.LogCaptureFixture
) -> None:
    """A handshake with bytes changed, lost and repeated."""
    send_and_hang_up(embedded, damaged(HANDSHAKE, damage))
    check_alive(embedded, caplog)


def test_one_line_for_a_malformed_frame(embedded: BrokerAddress, caplog: pytest.LogCaptureFixture) -> None:
    """The log names the client and what was wrong, once."""
    stage = Stage(embedded)
    client = RawClient(stage)
    client.open()
    client.send_bytes(encode_frame(9, 1, b"nonsense") * 3)
    client.read_close()
    client.close()
    lines = [record.getMessage() for record in caplog.records if record.name == "dripline.broker"]
    assert len(lines) == 1
    assert lines[0].startswith("connection of 127.0.0.1:")
    assert 'FRAME_ERROR - type 9, all octets = <<"nonsense">>: unknown_frame' in lines[0]
