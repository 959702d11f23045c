"""dripline.runtime's client on both brokers: requests, replies, alerts and listening, while all is well."""

from __future__ import annotations

import queue
import threading
import time

import pytest
from support.member import Member, fresh, get
from support.plain import plain_channel

from dripline.config.mesh import MeshSettings
from dripline.errors import (
    BrokerError,
    BrokerUnreachable,
    ConnectionLost,
    LoginRefused,
    NoRoute,
    ReplyTimeout,
)
from dripline.runtime.client import MeshClient
from dripline.transport.address import BrokerAddress
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest

pytestmark = pytest.mark.usefixtures("no_leaks")


@pytest.fixture
def mesh(broker) -> MeshSettings:
    """The mesh on the broker."""
    return MeshSettings(broker.host, broker.port, broker.virtual_host, max_connection_attempts=1)


def test_a_request_has_its_reply(client, member):
    """Who sent both, when, and what belongs together."""
    request = get(member.name, {"values": [1.5, "ü", None]})
    reply = client.request(request, 5)
    assert reply.plain_payload == {"values": [1.5, "ü", None]}
    assert reply.correlation_id == request.correlation_id
    assert reply.sender_info["service_name"] == member.name
    assert reply.timestamp >= request.timestamp


def test_an_error_reply_is_a_reply(client, mesh):
    """Whatever the return code: judging it is the caller's business."""
    with Member(mesh, fresh(), lambda request: request.reply(304, "too hot")) as member:
        reply = client.request(get(member.name), 5)
    assert (reply.return_code, reply.return_message) == (304, "too hot")


def test_nobody_there_is_told_at_once(client):
    """The broker returns the request; there is nothing to wait for."""
    start = time.monotonic()
    with pytest.raises(NoRoute):
        client.request(get(fresh()), 60)
    assert time.monotonic() - start < 20


def test_a_long_request_to_nobody_is_told_as_well(client):
    """Each of its chunks comes back; that is one failure."""
    with pytest.raises(NoRoute):
        client.request(get(fresh(), "x" * 50_000), 10)
    with pytest.raises(NoRoute):
        client.request(get(fresh()), 10)


def test_a_service_that_hangs_is_a_timeout(client, mesh):
    """In time, whatever the connection does; the late reply disturbs nobody."""
    free = threading.Event()

    def hang(request: MsgRequest) -> MsgReply:
        free.wait(30)
        return request.reply(0, "late")

    with Member(mesh, fresh(), hang) as member:
        start = time.monotonic()
        with pytest.raises(ReplyTimeout):
            client.request(get(member.name), 1)
        assert time.monotonic() - start < 20
        free.set()
        assert client.request(get(member.name), 5).return_message == "late"


def test_long_messages_travel_in_chunks(client, member):
    """Both ways, cut anywhere, also within a character."""
    payload = ["ü€𝄞" * 5000, list(range(5000))]
    assert client.request(get(member.name, payload), 10).plain_payload == payload


def test_more_chunks_than_the_broker_sends_ahead(client, member):
    """A request of hundreds of chunks does not get stuck."""
    payload = "x" * 3_000_000
    assert client.request(get(member.name, payload), 20).plain_payload == payload


def test_an_incomplete_request_is_answered(mesh, client, broker):
    """When chunks are missing the sender is told, soon after the last one."""
    with Member(mesh, fresh(), wait_s=0.1) as member:
        request = get(member.name, "x" * 30_000)
        request.reply_to = client.link._reply_address(client.link.connection)
        pending = client.link.pending_replies.expect(request)
        envelopes = client.link._encoder.encode(request, "2026-01-01T00:00:00.000000Z")
        client.link.connection.publish("requests", envelopes[:-1])
        reply = pending.wait(30)
        assert (reply.return_code, reply.return_message) == (302, "not all of its 4 chunks came")


def test_many_threads_ask_at_the_same_time(client, member):
    """One connection, and everybody gets his own reply."""
    wrong = []

    def work(number: int) -> None:
        for count in range(20):
            payload = [number, count]
            if client.request(get(member.name, payload), 20).plain_payload != payload:
                wrong.append(payload)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(client.link.pending_replies) == 0


def test_requests_can_be_sent_ahead_of_their_replies(client, member):
    """`submit` does not wait; hundreds may be under way."""
    pending = [client.submit(get(member.name, number)) for number in range(300)]
    assert [each.wait(60).plain_payload for each in pending] == list(range(300))


def test_a_handler_may_ask_another_member(mesh, client, member):
    """It waits on its own thread; the connection goes on."""

    def ask(request: MsgRequest) -> MsgReply:
        return request.reply(0, "", asking.link.send_request(get(member.name, "inner")).wait(30).plain_payload)

    with Member(mesh, fresh(), ask) as asking:
        assert client.request(get(asking.name), 5).plain_payload == "inner"


def test_a_reply_waits_for_a_queue_that_comes_late(mesh, broker, member, monkeypatch):
    """Some clients declare their reply queue after they have asked: the reply is sent again."""
    monkeypatch.setattr("dripline.runtime.reply_sender._DELAYS_S", (0.05, 5.0))  # on a machine that is busy
    address = BrokerAddress(broker.host, broker.port, broker.virtual_host)
    channel, plain = plain_channel(address)
    name = fresh()
    request = get(member.name, "early")
    request.reply_to = name
    with MeshClient(mesh) as client:
        client.link.pending_replies.expect(request)
        envelopes = client.link._encoder.encode(request, "2026-01-01T00:00:00.000000Z")
        client.link.connection.publish("requests", envelopes)
        plain.sleep(0.02)
        channel.queue_declare(name, exclusive=True)
        channel.queue_bind(name, "requests", name)
        assert next(channel.consume(name, auto_ack=True, inactivity_timeout=30))[2] == b'"early"'
    plain.close()


def test_alerts_are_confirmed_and_heard(client, mesh):
    """`publish` returns when the broker has the alert; who listens hears it, and what is not for him not."""
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
    name = fresh()
    with MeshClient(mesh) as listener:
        listener.monitor([], [f"{name}.#"], heard.put)
        client.publish(MsgAlert.create("not for you", "other.x"))
        client.publish(MsgAlert.create({"value_raw": 1}, f"{name}.peaches"))
        alert = heard.get(timeout=30)
        assert (alert.routing_key, alert.plain_payload) == (f"{name}.peaches", {"value_raw": 1})
        assert heard.empty()


def test_a_monitor_hears_requests_and_replies(client, mesh, member):
    """Without disturbing them."""
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
    with MeshClient(mesh) as listener:
        listener.monitor(["#"], [], heard.put)
        client.request(get(member.name, "overheard"), 5)
        messages = [heard.get(timeout=30) for _ in range(2)]
    assert {type(message) for message in messages} == {MsgRequest, MsgReply}
    assert {message.plain_payload for message in messages} == {"overheard"}


def test_alerts_of_many_threads_are_all_confirmed(mesh):
    """In a window, not one by one."""
    name = fresh()
    with Member(mesh, name) as member:
        slots: list = []

        def work() -> None:
            for number in range(100):
                slots.extend(member.link.send_confirmed(MsgAlert.create(number, f"sensor_value.{name}")))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(slot.wait(30) for slot in slots)
        assert len(slots) == 400


def test_a_reply_to_nobody_is_sent_all_the_same(client):
    """`publish` takes replies as well, and waits for the broker."""
    client.publish(get("x").reply(0, "to nobody"))


def test_a_member_that_stops_listening_is_gone_for_those_who_ask(client, mesh):
    """What it was sent before is answered; who asks afterwards is told at once that nobody is there."""
    with Member(mesh, fresh()) as member:
        pending = [client.submit(get(member.name, number)) for number in range(50)]
        client.request(get(member.name), 5)
        member.link.stop_listening()
        with pytest.raises(NoRoute):
            client.request(get(member.name), 5)
        assert [each.wait(30).plain_payload for each in pending] == list(range(50))


def test_what_nobody_waits_for_is_not_kept(client, member):
    """A thousand requests whose replies nobody wants leave nothing behind."""
    for number in range(100):
        client.submit(get(member.name, number))
    assert client.request(get(member.name, "last"), 10).plain_payload == "last"
    assert len(client.link.pending_replies) == 0


def test_a_client_may_be_closed_by_its_own_listener(mesh, client):
    """The thread that listens does not wait for itself."""
    closed, name = threading.Event(), fresh()
    listener = MeshClient(mesh)
    listener.monitor([], [f"{name}.#"], lambda message: (listener.close(), closed.set()))
    client.publish(MsgAlert.create(None, f"{name}.x"))
    assert closed.wait(30)


def test_a_closed_client_ends_what_waits_and_can_be_used_again(mesh, client):
    """Closing ends the waits of other threads; the next request makes a new connection."""
    asked = threading.Semaphore(0)
    free = threading.Event()

    def hang(request: MsgRequest) -> MsgReply:
        asked.release()
        free.wait(30)
        return request.reply()

    with Member(mesh, fresh(), hang) as member:
        pending = client.submit(get(member.name))
        assert asked.acquire(timeout=30)
        client.close()
        with pytest.raises(ConnectionLost, match="closed"):
            pending.wait(30)
        free.set()
        assert client.request(get(member.name), 5).return_code == 0


def test_listening_ends_with_the_connection(mesh, client):
    """A client that is closed and used again does not listen any longer."""
    heard: queue.SimpleQueue[Message] = queue.SimpleQueue()
    name = fresh()
    with MeshClient(mesh) as listener:
        listener.monitor([], [f"{name}.#"], heard.put)
        listener.close()
        listener.open()
        client.publish(MsgAlert.create(None, f"{name}.x"))
        listener.publish(MsgAlert.create(None, "x"))
        assert heard.empty()


def test_who_cannot_log_in_is_told_at_once(mesh, caplog):
    """Trying again would not help."""
    with pytest.raises(LoginRefused):
        MeshClient(mesh, password="wrong").open(attempts=5)
    assert "attempt" not in caplog.text


def test_a_broker_that_is_not_there(mesh):
    """`open` raises after the attempts it was allowed."""
    client = MeshClient(MeshSettings("127.0.0.1", 1))
    with pytest.raises(BrokerUnreachable):
        client.open(attempts=2)
    client.close()


def test_an_exchange_of_another_kind_is_told_at_once(mesh, broker, caplog):
    """Somebody declared the exchange otherwise: the broker's words say so, and nobody tries again and again."""
    name = fresh()
    channel, plain = plain_channel(BrokerAddress(broker.host, broker.port, broker.virtual_host))
    channel.exchange_declare(name, "direct")
    settings = MeshSettings(broker.host, broker.port, broker.virtual_host, alerts_exchange=name)
    with pytest.raises(BrokerError, match="406"):
        MeshClient(settings).open()
    assert "attempt" not in caplog.text
    channel.exchange_delete(name)
    plain.close()
