"""Attacks by message, each refused; the table `ON_THE_MESH` lists them. Others are in `test_attacks_elsewhere`."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pika
import pika.exceptions
import pytest
from contract.meshes import Mesh, client, fresh_mesh, serving

from dripline.core import AlertConsumer, Interface, calibrate
from dripline.errors import DriplineError, ErrorReply
from dripline.implementations import FormatEntity, KeyValueStore


class Device(KeyValueStore):
    """Says what it is told to say, as an instrument does."""

    @calibrate()
    def on_get(self) -> Any:
        """Give what was set."""
        return self._value


class House(AlertConsumer):
    """A service of a lab."""

    def __init__(self, **kwargs: Any) -> None:
        self.sent: list[str] = []
        self.parsed: list[dict[str, Any]] = []
        AlertConsumer.__init__(self, **kwargs)

    def send_to_device(self, commands: list[str]) -> str:
        """Note what a device would get."""
        self.sent += commands
        return "1"

    def process_payload(self, a_payload: Any, a_routing_key_data: Any, a_message_timestamp: str) -> None:
        """Note the parts of the key."""
        self.parsed.append(a_routing_key_data)


class Target(NamedTuple):
    """What is attacked, and with what."""

    mesh: Mesh
    house: House
    interface: Interface
    logged: pytest.LogCaptureFixture
    folder: Path

    def name(self, label: str) -> str:
        """The name of an endpoint."""
        return self.mesh.name(label)

    def refused(self, code: int, ask: Callable[[], Any]) -> str:
        """Check that a request is answered with a code; its message."""
        with pytest.raises(ErrorReply) as caught:
            ask()
        assert caught.value.return_code == code, str(caught.value)
        return str(caught.value)

    def publish(self, body: bytes, properties: pika.BasicProperties, key: str = "", exchange: str = "") -> None:
        """Publish anything to the service."""
        with self.mesh.pika() as connection:
            connection.channel().basic_publish(
                exchange or self.mesh.requests, key or self.name("store"), body, properties
            )


@pytest.fixture
def target(broker, caplog, tmp_path) -> Iterator[Target]:
    """A service on each broker, which has to be alive, and itself, afterwards."""
    with fresh_mesh(broker) as mesh:
        house = House(
            name=mesh.name("house"), heartbeat_interval_s=0, message_wait_ms=200,
            alert_key_parser_re=r"sensor_value\.(?P<sensor_name>\w+)$", **mesh.login,
        )  # fmt: skip
        house.add_child(KeyValueStore(name=mesh.name("store"), initial_value=42))
        house.add_child(Device(name=mesh.name("device"), calibration="1*{}"))
        house.add_child(Device(name=mesh.name("words"), calibration="'{}'.upper()"))
        house.add_child(FormatEntity(name=mesh.name("format"), set_str="V {}", set_value_map="2*{}"))
        house.add_child(FormatEntity(name=mesh.name("plain"), set_str="V {}"))
        with serving(house), client(mesh) as interface:
            yield Target(mesh, house, interface, caplog, tmp_path)
            assert interface.get(mesh.name("store")) == {"value_raw": 42}
            assert interface.get(mesh.name("store"), "name") == {"values": [mesh.name("store")]}


# -- the attacks ---------------------------------------------------------------------------------------------


def reads_private_attributes(target: Target) -> None:
    """`get -s __dict__` and the like."""
    for name in (
        "_value",
        "__class__",
        "__dict__",
        "_Entity__condition",
        "_dripline_lockout",
        "__init__.__globals__",
    ):
        target.refused(310, lambda name=name: target.interface.get(target.name("store"), name))


def writes_private_attributes(target: Target) -> None:
    """A calibration that comes by message would be code."""
    for name in ("_value", "_calibration", "__class__", "__dict__", "_KeyValueStore__x", "new_attribute"):
        target.refused(310, lambda name=name: target.interface.set(target.name("store"), "1", name))


def calls_private_methods(target: Target) -> None:
    """Python's own ones."""
    for name in ("__init__", "__setattr__", "__getattribute__", "__reduce_ex__", "_evaluated", "__class__"):
        target.refused(306, lambda name=name: target.interface.cmd(target.name("store"), name, [1]))


def replaces_a_method(target: Target) -> None:
    """The next get would call what was set."""
    for name in ("on_get", "on_set", "throw_something", "start_logging"):
        target.refused(310, lambda name=name: target.interface.set(target.name("store"), "x", name))


def calls_the_machinery(target: Target) -> None:
    """One message would run a file, end the service or speak in its name."""
    file = target.folder / "evil.py"
    file.write_text(f"open({str(target.folder / 'was_here')!r}, 'w')\n")
    evil = {"name": "x", "module": "E", "module_path": str(file)}
    for name, values in (
        ("create_object", [evil, "Endpoint"]), ("add_child", [evil]), ("cancel", [1]), ("stop", []), ("send", [1]),
        ("set", ["other", 1]), ("bind_key", ["requests", "#"]), ("schedule", [1]), ("do_cmd_request", [1]),
    ):  # fmt: skip
        target.refused(306, lambda n=name, v=values: target.interface.cmd(target.house.name, n, v))
    assert not (target.folder / "was_here").exists()


def reads_secrets(target: Target) -> None:
    """The broker's password is in there."""
    for name in (
        "auth",
        "endpoint_configs",
        "dripline_mesh",
        "authentication_obj",
        "_Service__link",
        "service",
    ):
        text = target.refused(310, lambda name=name: target.interface.get(target.house.name, name))
        assert "guest" not in text


def device_text_as_code(target: Target) -> None:
    """An instrument, or whoever set the value, says something that would be evaluated."""
    flag = target.folder / "flag"
    for text in (
        f"open({str(flag)!r}, 'w')", "__import__('os').getpid()", "(1).__class__", "9**9**9", "[0]*10**10",
        "1; import os", "{0.__class__}", "1 if True else 2",
    ):  # fmt: skip
        target.interface.set(target.name("device"), text)
        assert target.interface.get(target.name("device")) == {"value_raw": text}
    for text in ("'.__class__.__mro__.__str__()+'", "\\'+str(9**9)+\\'", "{}{0}", "%s"):
        target.interface.set(target.name("words"), text)
        assert target.interface.get(target.name("words"))["value_cal"] == text.upper()
    assert not flag.exists()


def set_values_as_code(target: Target) -> None:
    """`FormatEntity` evaluates a formula with the value that is set."""
    for value in ("__import__('os')", "open('/etc/passwd').read()", "1)+(2", "(1).__class__", "'a'*10**10"):
        target.refused(304, lambda value=value: target.interface.set(target.name("format"), value))
    for value in ("1\n*RST", "1\r\nSYST:ERR?", "\x00"):
        target.refused(304, lambda value=value: target.interface.set(target.name("plain"), value))
    target.interface.set(target.name("plain"), "{0.__class__}%s")
    assert target.house.sent == ["V {0.__class__}%s"]


def chunk_bomb(target: Target) -> None:
    """Thousands of messages of which the end never comes."""
    with target.mesh.pika() as connection:
        channel = connection.channel()
        for _ in range(3000):
            properties = pika.BasicProperties(message_id=f"{uuid.uuid4()}/0/9999", headers={"message_type": 3})
            channel.basic_publish(target.mesh.requests, target.name("store"), b"x" * 1000, properties)
    assert target.interface.get(target.name("store")) == {"value_raw": 42}
    joiner = target.house._Service__link._workers[0]._joiner  # type: ignore[attr-defined]  # is looked into
    assert len(joiner) <= joiner.limits.pending_sets


def announces_a_thousand_million_chunks(target: Target) -> None:
    """Nothing is made ready for them."""
    for total in (10**9, 10**30, 2**31):
        properties = pika.BasicProperties(message_id=f"{uuid.uuid4()}/0/{total}", headers={"message_type": 3})
        target.publish(b"{", properties)
    assert target.interface.get(target.name("store")) == {"value_raw": 42}
    assert sum("chunks are refused" in text for text in target.logged.messages) == 1, "told once"


def deep_and_absurd_json(target: Target) -> None:
    """Each is answered with 302."""
    bodies = [
        b"[" * 100_000, b'{"a":' * 50_000, b"9" * 100_000, b"1e999999", b"NaN", b"\xff",
        b"[" + b"[]," * 10**6 + b"0]",
    ]  # fmt: skip
    with target.mesh.pika() as connection:
        channel = connection.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, target.mesh.requests, queue)
        for body in bodies:
            properties = pika.BasicProperties(
                reply_to=queue, correlation_id="c", headers={"message_type": 3, "message_operation": 0}
            )
            channel.basic_publish(target.mesh.requests, target.name("store"), body, properties)
        codes = []
        for _, answer, _ in channel.consume(queue, auto_ack=True, inactivity_timeout=30):
            assert answer is not None, "no answer"
            codes.append(answer.headers["return_code"])
            if len(codes) == len(bodies):
                break
    assert codes == [302] * len(bodies)


def wrong_credentials(target: Target) -> None:
    """They are refused, and not repeated in what is told."""
    for login in ({"password": "S3cret-wrong"}, {"username": "mallory", "password": "S3cret-wrong"}):
        with pytest.raises(DriplineError) as caught:
            Interface(**{**target.mesh.login, **login}).get(target.name("store"))
        assert "S3cret" not in str(caught.value)
    assert "S3cret" not in target.logged.text


def replays_lockout_keys(target: Target) -> None:
    """A key is good for its own lock alone."""
    store, ask = target.name("store"), target.interface
    earlier = ask.cmd(store, "lock")["key"]
    ask.cmd(store, "unlock", lockout_key=earlier)
    key = ask.cmd(store, "lock")["key"]
    foreign = ask.cmd(target.name("device"), "lock")["key"]
    for wrong in (earlier, foreign, None, str(uuid.UUID(int=0)), str(uuid.uuid4())):
        target.refused(307, lambda wrong=wrong: ask.set(store, 1, lockout_key=wrong))
        target.refused(200, lambda wrong=wrong: ask.cmd(store, "unlock", lockout_key=wrong))
        target.refused(307, lambda wrong=wrong: ask.cmd(store, "lock", lockout_key=wrong))
    assert key not in json.dumps(ask.get(store, "is-locked")), "whoever asks does not hear the key"
    ask.cmd(store, "unlock", lockout_key=key)
    ask.cmd(target.name("device"), "unlock", lockout_key=foreign)


def forces_in_other_words(target: Target) -> None:
    """The protocol has `{"force": true}`, and nothing that only looks like it."""
    store, ask = target.name("store"), target.interface
    ask.cmd(store, "lock")
    for force in (1, "true", "yes", [True], {"a": True}, None, False):
        target.refused(200, lambda force=force: ask.cmd(store, "unlock", keyed_args={"force": force}))
    target.refused(304, lambda: ask.cmd(store, "unlock", [True]))
    ask.cmd(store, "unlock", keyed_args={"force": True})


def formats_in_log_messages(target: Target) -> None:
    """What a peer sends is never a format, makes no line of its own and steers no terminal."""
    text = "%s%n%(x)d{0.__class__}\nERROR root: fake line\x1b[2J"
    target.publish(b"{}", pika.BasicProperties(headers={"message_type": text}))
    target.publish(b"{}", pika.BasicProperties(message_id=text))
    target.refused(310, lambda: target.interface.get(target.name("store"), text))
    target.refused(306, lambda: target.interface.cmd(target.name("store"), text))
    for record in target.logged.records:
        if record.name.startswith("dripline"):
            assert "\x1b" not in record.getMessage()
            assert "\nERROR" not in record.getMessage()


def injects_alert_keys(target: Target) -> None:
    """A routing key is parsed by the lab's expression, or not at all."""
    keys = [
        "sensor_value.good",
        "sensor_value.a.b",
        "sensor_value.a\nb",
        "sensor_value.'; DROP TABLE x",
        "x" * 255,
    ]
    headers = {"message_type": 4, "specifier": ""}
    for key in keys:
        target.publish(b"{}", pika.BasicProperties(headers=headers), key, target.mesh.alerts)
    deadline = time.monotonic() + 60
    while len(target.house.parsed) < len(keys) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert [found for found in target.house.parsed if found] == [{"sensor_name": "good"}]
    assert sum("does not match" in text for text in target.logged.messages) == 1


ON_THE_MESH = [
    reads_private_attributes,
    writes_private_attributes,
    calls_private_methods,
    replaces_a_method,
    calls_the_machinery,
    reads_secrets,
    device_text_as_code,
    set_values_as_code,
    chunk_bomb,
    announces_a_thousand_million_chunks,
    deep_and_absurd_json,
    wrong_credentials,
    replays_lockout_keys,
    forces_in_other_words,
    formats_in_log_messages,
    injects_alert_keys,
]


@pytest.mark.parametrize("attack", ON_THE_MESH, ids=lambda attack: attack.__name__)
def test_attacks_on_the_mesh_are_refused(attack, target):
    """By message, on each broker; the service answers as before afterwards."""
    target.logged.set_level(logging.WARNING)
    attack(target)
