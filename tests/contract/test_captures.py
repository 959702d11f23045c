"""Requests of a real mesh, byte for byte, to a service of ours: it answers as the reference did, field by field.

Where it answers otherwise on purpose, the case stands in `OURS` with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from dripline.core import Service
from dripline.runtime.dispatch import Lockout

from .captures import Message, cases, facts
from .meshes import Mesh, fresh_mesh, serving
from .replayer import Replayer
from .typed import decode_properties

# As in the captures; the calibration of chips, which could not be evaluated, only where it mattered.
ENDPOINTS = [
    {"name": "peaches", "initial_value": 0.75, "calibration": "2*{}", "log_interval": 10}
    | {"get_on_set": True, "log_on_set": True},
    {"name": "chips", "initial_value": 1.75},
    {"name": "waffles", "initial_value": 4.0, "calibration": "1.*{}"},
    {"name": "peaches_status", "initial_value": "CLOSE", "calibration": {"CLOSE": True, "OPEN": False}},
]

# Captured requests that come before.
BEFORE = {
    **dict.fromkeys(
        [
            "lock_again",
            "lock_cmd_nokey",
            "lock_get_key",
            "lock_get_nokey",
            "lock_islocked",
            "lock_ping",
            "lock_set_condition",
            "lock_set_key",
            "lock_set_nokey",
            "lock_set_wrongkey",
            "lock_unlock_force",
            "lock_unlock_key_cleanup",
            "lock_unlock_nokey",
        ],
        "lock",
    ),
    "lock_service_child_set": "lock_service",
    "lock_service_unlock": "lock_service",
    "get_uncalibratable": "set_uncalibratable",
}


class Ours(NamedTuple):
    """How we answer, and why it is not how the reference answered."""

    why: str
    code: int
    message: str = ""
    body: str = "null"


_PRIVATE = "names with an underscore, and the framework's own, are not for messages"
_NO_CHIPS = "endpoint chips has no attribute _value, unable to get"
_NO_PEACHES = "endpoint peaches has no attribute {}, unable to get"
_CHIPS = '{"value_raw":1.75}'
_DROPPED = "the reference drops it without a word; it can be answered"
_BAD_SET = "setting called without values, but values are required for set"
OURS = {
    "get_specifier": Ours(_PRIVATE, 310, _NO_PEACHES.format("_value")),
    "py_get_specifier": Ours(_PRIVATE, 310, _NO_PEACHES.format("_value")),
    "get_specifier_class": Ours(_PRIVATE, 310, _NO_PEACHES.format("__class__")),
    "get_specifier_dict": Ours(_PRIVATE, 310, _NO_PEACHES.format("__dict__")),
    "get_service_no_on_get": Ours(
        "says where the values are",
        306,
        "class Service does not implement on_get; the values of this service are in its endpoints: "
        "chips, peaches, peaches_status, waffles",
    ),
    "chunked_reply": Ours(_PRIVATE, 310, _NO_CHIPS),
    "chunked_reply_unicode": Ours(_PRIVATE, 310, _NO_CHIPS),
    "py_types": Ours(_PRIVATE, 310, _NO_CHIPS),
    "set_specifier_private": Ours(_PRIVATE, 310, "endpoint waffles has no attribute _calibration, unable to set"),
    "sec_get_endpoint_configs": Ours(
        _PRIVATE, 310, "endpoint my_store has no attribute endpoint_configs, unable to get"
    ),
    "get_after_set_cal": Ours("the calibration could not be replaced", 0, "", '{"value_cal":4.0,"value_raw":4.0}'),
    "get_bad_calibration_fn": Ours(
        "a calibration that cannot be evaluated is told",
        1,
        "calibration 'times3({})' could not be evaluated: NameError: name 'times3' is not defined",
        '{"value_raw":7.5}',
    ),
    "get_uncalibratable": Ours(
        "a table without an entry keeps the raw value, as a formula that fails does",
        1,
        "the calibration table has no entry for the raw value: 'BROKEN' is none of 'CLOSE', 'OPEN'",
        '{"value_raw":"BROKEN"}',
    ),
    "cmd_throw_reply": Ours("spelling", 200, "in throw_something method, raising resource_error"),
    "unhandled_exception": Ours(
        "places in the code are for the log, not for the mesh",
        999,
        "ValueError: unable to start logging when log_interval evaluates false",
    ),
    "raw_cmd_null_payload": Ours("a method without arguments needs no payload", 0, "", _CHIPS),
    "raw_set_array_payload": Ours("no exception, but a payload without values", 303, _BAD_SET),
    "raw_set_empty_values": Ours("no exception, but a payload without values", 303, _BAD_SET),
    "raw_set_values_scalar": Ours("no exception, but a payload without values", 303, _BAD_SET),
    "raw_set_object_value": Ours("a mapping is a value", 0),
    "after_unhandled": Ours("the service lived on", 0, "", '{"value_cal":1.5,"value_raw":0.75}'),
    "chunked_both_unicode": Ours("chunks end no service", 0),
    "raw_bad_message_id": Ours(_DROPPED, 0, "", _CHIPS),
    "raw_no_message_id": Ours(_DROPPED, 0, "", _CHIPS),
    "raw_content_encoding_utf8": Ours(_DROPPED, 0, "", _CHIPS),
    "raw_content_type_only": Ours(_DROPPED, 0, "", _CHIPS),
    "raw_no_sender_info": Ours(_DROPPED, 0, "", _CHIPS),
    "raw_partial_sender_info": Ours(_DROPPED, 0, "", _CHIPS),
}
# No message, or not for an endpoint: dropped with one line in the log.
DROPPED = {
    "raw_msgid_nonnumeric", "raw_msgid_huge_total", "raw_msgid_out_of_range", "raw_unknown_msgtype",
    "raw_reply_to_service", "raw_alert_to_service",
}  # fmt: skip
# Answered a moment later, when the other chunks have not come.
INCOMPLETE = "raw_incomplete_chunks"

FOR_THE_STORE = {"peaches", "chips", "waffles", "peaches_status", "my_store", "broadcast"}
NAMES = [
    name
    for name, case in cases().items()
    if any(request.routing_key.split(".")[0] in FOR_THE_STORE for request in case.requests)
]
# Alerts that a set caused; the others are periodic ones that stand between.
CAUSED_ALERTS = {"set", "lock_set_key", "py_set", "heartbeat_and_logs"}


class Store(NamedTuple):
    """The service of the captures, and a peer of it."""

    service: Service
    peer: Replayer


@pytest.fixture(scope="module", params=["embedded", "rabbitmq"])
def running_store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """The service, one for all cases on a broker."""
    keys = {
        decode_properties(message.properties).get("reply_to", "")
        for case in cases().values()
        for message in case.requests
    }
    with fresh_mesh(request.getfixturevalue(request.param)) as mesh, serving(_service(mesh)) as service:
        peer = Replayer(mesh, keys - {""})
        yield Store(service, peer)
        peer.close()


@pytest.fixture
def store(running_store: Store) -> Store:
    """The service as it is after start."""
    for config in ENDPOINTS:
        endpoint: Any = running_store.service.sync_children[config["name"]]
        endpoint._value = config["initial_value"]
        endpoint._dripline_lockout = Lockout()
    running_store.service._dripline_lockout = Lockout()
    return running_store


def _service(mesh: Mesh) -> Service:
    configs = [{"module": "KeyValueStore", **config} for config in ENDPOINTS]
    return Service(mesh.name("my_store"), endpoints=configs, message_wait_ms=1500, **mesh.login)


def _to_service(store: Store, message: Message) -> Message:
    """Address a captured request to the service under test, whose name is its own."""
    key = store.service.name if message.routing_key == "my_store" else message.routing_key
    return message._replace(routing_key=key)


def _prepare(store: Store, name: str) -> None:
    """Give the stores the values that the captured reply shows."""
    before = BEFORE.get(name)
    if before is not None:
        for request in cases()[before].requests:
            store.peer.ask(_to_service(store, request))
    for request, reply in zip(cases()[name].requests, cases()[name].replies, strict=False):
        endpoint: Any = store.service.sync_children.get(request.routing_key.split(".")[0])
        is_set = request.headers.get("message_operation") == 0
        if endpoint and not is_set and "chunk" not in name and isinstance(reply.payload, dict):
            endpoint._value = reply.payload.get("value_raw", endpoint._value)
    if name == "get_bad_calibration_fn":
        store.service.sync_children["chips"]._calibration = "times3({})"  # type: ignore[attr-defined]  # it is a store


def _send_all(store: Store, name: str) -> Message | None:
    """Send the requests of a case; the reply to the last one."""
    *first, last = [_to_service(store, request) for request in cases()[name].requests]
    for request in first:
        if name == "py_types":
            store.peer.ask(request)
        else:
            store.peer.send(request)  # a chunk
    return store.peer.ask(last)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if name not in DROPPED and name not in CAUSED_ALERTS | {INCOMPLETE}]
)
def test_a_captured_request_is_answered_as_it_was(store, name):
    """Properties, header names in their order, their AMQP types, code, message and the bytes of the payload."""
    _prepare(store, name)
    reply = _send_all(store, name)
    store.service.sync_children["chips"]._calibration = None
    assert reply is not None, "no reply"
    ours = OURS.get(name)
    if ours is not None:
        assert_ours(reply, ours, store)
        return
    captured = facts(cases()[name].replies[-1])
    actual = facts(reply, store.service.name)
    if name == "lock_generated":
        actual["body"] = captured["body"] = re.sub(rb"[0-9a-f-]{36}", b"KEY", captured["body"])
    assert actual == _named_as(captured, store)


@pytest.mark.parametrize("name", sorted(CAUSED_ALERTS))
def test_a_captured_set_is_logged_as_it_was(store, name):
    """An alert and a reply, each as captured."""
    _prepare(store, name)
    for request in cases()[name].requests:
        store.peer.send(_to_service(store, request))
    reply, alert = sorted(
        (store.peer.receive(), store.peer.receive()),
        key=lambda message: message.routing_key.startswith("sensor_value."),
    )
    (captured,) = cases()["get_json"].alerts
    captured = captured._replace(body=cases()[name].replies[0].body)
    assert alert.routing_key == captured.routing_key
    assert _without_correlation(facts(alert, store.service.name)) == _without_correlation(facts(captured))
    assert facts(reply, store.service.name) == facts(cases()[name].replies[0])


@pytest.mark.parametrize("name", sorted(DROPPED))
def test_what_is_no_request_is_dropped_with_one_line(store, name, caplog):
    """The service answers the next one; with the reference three of these ended it."""
    assert _send_all(store, name) is None
    warnings = [record for record in caplog.records if record.name.startswith("dripline")]
    assert len(warnings) == 1
    assert "dropped" in warnings[0].message
    assert warnings[0].exc_info is None


def test_an_incomplete_request_is_answered(store):
    """302, when its other chunks have not come in time; the service is not held up meanwhile."""
    assert _send_all(store, INCOMPLETE) is None
    reply = store.peer.receive()
    assert (reply.headers["return_code"], reply.headers["return_message"]) == (
        302,
        "Request message was not valid",
    )


def test_every_capture_of_a_request_is_replayed():
    """Those that are not went to nobody or to a service of another kind."""
    left = {name for name, case in cases().items() if case.requests} - set(NAMES)
    assert {name.split("_")[0] for name in left} <= {"cpp", "missing", "py", "alert", "reply", "chunked"}
    assert set(OURS) | DROPPED | set(BEFORE) | CAUSED_ALERTS <= set(NAMES)


def assert_ours(reply: Message, ours: Ours, store: Store) -> None:
    """Compare with the answer we give on purpose."""
    message = ours.message.replace("my_store", store.service.name)
    headers = reply.headers
    assert (headers["return_code"], headers["return_message"]) == (ours.code, message), ours.why
    assert reply.body.decode() == ours.body, ours.why
    shape = facts(cases()["get"].replies[0])
    for key in ("flags", "content_encoding", "reply_to", "chunk", "timestamp", "sender", "versions", "service"):
        assert facts(reply, store.service.name)[key] == shape[key]


def _named_as(captured: dict[str, Any], store: Store) -> dict[str, Any]:
    """The captured facts with the name of the service under test in messages."""
    text = captured["headers"]["return_message"]
    named = text._replace(value=text.value.replace("my_store", store.service.name))
    return {**captured, "headers": {**captured["headers"], "return_message": named}}


def _without_correlation(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key != "correlation_id"}
