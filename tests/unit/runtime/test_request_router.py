"""What comes into a service's queue is handed to whom it is for."""

from __future__ import annotations

import pytest
from core.conftest import Recorder, set_

from dripline.core import Endpoint, MsgAlert, MsgReply, MsgRequest, ThrowReply, op_t

STORE = {"name": "peaches", "module": "KeyValueStore", "initial_value": 0.75, "calibration": "2*{}"}


@pytest.fixture
def service():
    """A service that can be given messages."""
    service = Recorder(endpoints=[STORE, {**STORE, "name": "a.b"}])
    service.take = service._Service__router.take
    return service


def request(key, op=op_t.cmd, specifier="ping", payload=None):
    """A request that wants a reply."""
    return MsgRequest.create(payload, op, key, specifier, reply_to="me")


@pytest.mark.parametrize("key", ["peaches", "peaches.sub.key", "a.b", "a.b.c", "my_store", "my_store.x"])
def test_the_first_words_name_the_endpoint(service, key):
    """Or the service; names may have several words."""
    service.take(request(key))
    assert [reply.return_code for reply in service.sent] == [0]


def test_an_endpoint_may_have_a_length(service):
    """One of zero makes it false, and it is an endpoint all the same."""

    class Empty(Endpoint):
        def __len__(self):
            return 0

    service.add_child(Empty("empty"))
    service.take(request("empty"))
    assert [reply.return_code for reply in service.sent] == [0]


def test_a_key_of_nobody_is_answered(service, caplog):
    """A queue may be bound with further keys: whoever asks is told, and does not wait for nothing."""
    service.take(request("stranger"))
    assert [reply.return_code for reply in service.sent] == [102]
    assert "dropped" in caplog.text


def test_a_broadcast_goes_to_the_service(service):
    """Ping and set_condition."""
    for specifier in ("ping", "set_condition"):
        service.take(request("broadcast", specifier=specifier))
        service.take(request("broadcast.all", specifier=specifier))
    assert [reply.return_code for reply in service.sent] == [0] * 4


def test_a_broadcast_locks_everything_with_one_key(service):
    """The service answers with the key; endpoints are silent."""
    service.add_async_child(Endpoint("slow"))
    service.take(request("broadcast", specifier="lock"))
    (reply,) = service.sent
    key = reply.plain_payload["key"]
    for name in ("peaches", "slow", "my_store"):
        endpoint = {**service.sync_children, **service.async_children, "my_store": service}[name]
        assert str(endpoint._dripline_lockout.key) == key
        assert set_(endpoint, 1).return_code == 307
    unlock = request("broadcast", specifier="unlock")
    unlock.lockout_key = key
    service.take(unlock)
    assert service.sent[-1].return_code == 0
    assert not service.sync_children["peaches"]._dripline_lockout.is_locked


@pytest.mark.parametrize(
    ("op", "specifier"),
    [(op_t.get, ""), (op_t.set, "name"), (op_t.cmd, "on_get"), (op_t.cmd, "stop"), (op_t.unknown, "ping")],
)
def test_other_broadcasts_are_refused(service, op, specifier):
    """Nobody sets a value in every service at once."""
    service.take(request("broadcast", op, specifier, {"values": [1]}))
    assert [reply.return_code for reply in service.sent] == [306]


def test_a_refusal_is_not_sent_to_nobody(service):
    """A broadcast without `reply_to` is dropped in silence."""
    service.take(MsgRequest.create(None, op_t.get, "broadcast"))
    assert service.sent == []


@pytest.mark.parametrize("message", [MsgReply.create(routing_key="peaches"), MsgAlert.create(None, "peaches")])
def test_what_is_no_request_is_dropped_with_one_line(service, message, caplog):
    """A reply or an alert sent to a service ended the reference's."""
    service.take(message)
    assert len(caplog.records) == 1
    assert "dropped" in caplog.text
    assert "Traceback" not in caplog.text


def test_alerts_that_cannot_be_read_are_dropped(service, caplog):
    """There is nobody to answer."""
    alert = MsgAlert.create(None, "sensor_value.x")
    alert.invalid_reason = "no JSON"
    service.on_alert_message = lambda alert: pytest.fail("it is not handed on")
    service.take(alert)
    assert "no JSON" in caplog.text


@pytest.mark.parametrize("error", [KeyError("x"), SystemExit(3), ThrowReply("resource_error", "full")])
def test_whatever_an_alert_handler_raises_is_logged(service, error, caplog):
    """The worker that brings messages goes on."""

    def fail(alert):
        raise error

    service.on_alert_message = fail
    service.take(MsgAlert.create(None, "sensor_value.x"))
    assert "the alert for 'sensor_value.x'" in caplog.text


def test_messages_are_handled_in_turn(service):
    """The handler holds the service's turn, an asynchronous one's its own."""
    held = []

    class Watch(Endpoint):
        def on_get(self):
            lock_of = self.service._dripline_lock_of
            held.append((lock_of(self).held_here, lock_of(self.service).held_here))

    service.add_child(Watch("sync"))
    slow = Watch("slow")
    service.add_async_child(slow)
    service.take(request("sync", op_t.get, ""))
    service._Service__router.taker_for(slow)(request("slow", op_t.get, ""))
    assert held == [(True, True), (True, False)]
