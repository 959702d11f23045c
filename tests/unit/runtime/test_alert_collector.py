"""The worker of a durable consumer."""

import json
import queue
import threading
from types import SimpleNamespace

import pytest
from support.waiting import eventually

from dripline.amqp.content import CutBody
from dripline.runtime.alert_collector import AlertCollector
from dripline.runtime.dead_letters import DeadLetterFile
from dripline.runtime.worker import in_flight, note_failure, release
from dripline.wire.body import DEFAULT_LIMITS
from dripline.wire.message import MsgAlert, MsgReply

pytestmark = pytest.mark.usefixtures("no_leaks")


class Line:
    """Stands where the connection is: obeys the consumer, and remembers what was acknowledged and given back."""

    def __init__(self):
        self.acked, self.given_back, self.windows, self.added = [], [], [], []
        self.is_open = self.is_listening = True
        self.running = False
        self.settleable = lambda delivery: self.is_open

    def ack(self, *deliveries):
        """Remember what is acknowledged."""
        self.acked += [delivery.delivery_tag for delivery in deliveries]

    def give_back(self, *deliveries):
        """Remember what is returned."""
        self.given_back += [delivery.delivery_tag for delivery in deliveries]

    def can_settle(self, delivery):
        """Whether the connection is open."""
        return self.settleable(delivery)

    def consume_durably(self, consumer, prefetch):
        """Start."""
        self.consumer, self.deliver = consumer, consumer.on_delivery
        consumer.stop, consumer.restart, consumer.add = self.stop, self.restart, self.added.append
        self.restart(prefetch)

    def restart(self, prefetch):
        """Start, again."""
        self.running = True
        self.windows.append(prefetch)

    def stop(self):
        """Stop, at once."""
        self.running = False
        self.consumer._on_stopped()

    def on_io_thread(self, action):
        """Act at once."""
        action()


@pytest.fixture
def line():
    """A connection."""
    return Line()


@pytest.fixture
def letters(tmp_path):
    """The file of dead letters."""
    return DeadLetterFile(tmp_path / "state" / "dead-letters.jsonl", "relay")


@pytest.fixture
def collecting(line, letters):
    """Makes a collector that consumes."""
    made = []

    def make(take, memory_bytes=1_000_000, wait_s=30):
        collector = AlertCollector("test-collector", take, "x.alerts", memory_bytes, letters, wait_s)
        made.append(collector)
        collector.consume(line)
        return collector

    yield make
    for collector in made:
        collector.stop(30)


def alert(payload=None):
    """An alert."""
    return MsgAlert.create(payload, "news")


def tags(deliveries):
    """Their delivery tags."""
    return [delivery.delivery_tag for delivery in deliveries]


def entries(letters):
    """What is in the file of dead letters."""
    return [json.loads(line) for line in letters.path.read_text().splitlines()] if letters.path.exists() else []


# -- chunks ------------------------------------------------------------------------------------------------------


def test_chunks_are_held_until_their_message_is_handled(collecting, line, deliveries):
    """Who is killed between two of them gets all of them again; one write acknowledges them."""
    heard, writes = queue.SimpleQueue(), queue.SimpleQueue()
    line.ack = lambda *acknowledged: writes.put(tags(acknowledged))
    collecting(heard.put)
    parts, (other,) = deliveries(alert("x" * 300), 100), deliveries(alert())
    for part in (*parts[:-1], other):
        line.deliver(part)
    assert writes.get(timeout=30) == [other.delivery_tag], "the chunks are not"
    line.deliver(parts[-1])
    assert [heard.get(timeout=30).plain_payload for _ in range(2)] == [None, "x" * 300]
    assert writes.get(timeout=30) == tags(parts)


def test_chunks_of_a_message_whose_acknowledgement_is_put_off_wait_as_well(collecting, line, deliveries):
    """They are acknowledged with the last one."""
    held = queue.SimpleQueue()
    collector = collecting(lambda message: held.put(in_flight().hold()))
    parts = deliveries(alert("x" * 300), 100)
    for part in parts:
        line.deliver(part)
    one = held.get(timeout=30)
    assert collector.stop(30)
    assert not line.acked
    release([one])
    assert line.acked == tags(parts)


@pytest.mark.parametrize("memory_bytes", [100, 1_000_000])
def test_any_number_of_incomplete_messages_become_whole(collecting, line, deliveries, memory_bytes):
    """More of them than any bound of memory, chunks or messages; each waits for all others here."""
    heard = queue.SimpleQueue()
    collector = collecting(lambda message: heard.put(message.plain_payload), memory_bytes)
    sets = [deliveries(alert([number, "x" * 300]), 100) for number in range(1200)]
    for parts in zip(*sets, strict=True):
        for part in parts:
            line.deliver(part)
    assert [heard.get(timeout=30)[0] for _ in sets] == list(range(1200))
    assert collector.stop(30)
    assert sorted(line.acked) == sorted(delivery.delivery_tag for parts in sets for delivery in parts)
    assert collector._budget.bytes == 0
    assert collector._spill.size == 0
    assert collector._sets._in_memory == 0


def test_chunks_that_never_become_whole_are_dead_letters(collecting, line, letters, deliveries):
    """With the reason, and acknowledged when they are on disk; so are those that come late."""
    collecting(print, wait_s=0.05)
    parts = deliveries(alert("x" * 300), 100)
    for part in parts[:2]:
        line.deliver(part)
    assert eventually(lambda: sorted(line.acked) == sorted(tags(parts[:2])))
    (entry,) = entries(letters)
    assert entry["reason"].startswith(f"{len(parts) - 2} of its {len(parts)} chunks")
    assert (entry["routing_key"], entry["size"], entry["body"][:3]) == ("news", 200, '"xx')
    line.deliver(parts[-1])
    assert eventually(lambda: len(entries(letters)) == 2 and len(line.acked) == 3)


def test_time_in_which_no_chunk_can_come_does_not_count(collecting, line, letters, deliveries):
    """While a handler hangs, the consumer is paused, or the connection is lost."""
    go_on, heard = threading.Event(), queue.SimpleQueue()

    def take(message):
        heard.put(message.plain_payload)
        if message.plain_payload == "wait":
            go_on.wait(30)

    collector = collecting(take, wait_s=1.5)
    parts = deliveries(alert("x" * 300), 100)
    line.deliver(parts[0])
    line.is_listening = False
    threading.Event().wait(2.5)
    line.is_listening = True
    line.deliver(deliveries(alert("wait"))[0])
    assert heard.get(timeout=30) == "wait"
    threading.Event().wait(2.5)
    go_on.set()
    for part in parts[1:]:
        line.deliver(part)
    assert heard.get(timeout=30) == "x" * 300
    assert collector.stop(30)
    assert not entries(letters)


def test_a_chunk_behind_much_work_is_waited_for(collecting, line, letters, deliveries):
    """Handlers take longer than a missing chunk is waited for, and it is behind them in the queue."""
    heard = queue.SimpleQueue()

    def take(message):
        heard.put(message.plain_payload)
        threading.Event().wait(0.1)

    collector = collecting(take, wait_s=0.2)
    first, *others = deliveries(alert("x" * 300), 100)
    for part in (first, *(deliveries(alert(number))[0] for number in range(8)), *others):
        line.deliver(part)
    assert [heard.get(timeout=30) for _ in range(9)] == [*range(8), "x" * 300]
    assert collector.stop(30)
    assert not entries(letters)


def test_incomplete_messages_wait_for_a_disk_that_takes_no_dead_letters(collecting, line, letters, deliveries):
    """Their bodies stay where they are, so that memory stays bounded."""
    letters.path.parent.write_text("in the way")
    collector = collecting(print, wait_s=0.05, memory_bytes=100_000)
    sets = [deliveries(alert("x" * 1_000_000), 600_000) for _ in range(20)]
    for first, _ in sets:
        line.deliver(first)
    assert eventually(lambda: collector.dead_letters.waiting)
    assert not eventually(lambda: len(collector.dead_letters.waiting) > 3, 2)
    letters.path.parent.unlink()
    assert eventually(lambda: sorted(line.acked) == sorted(first.delivery_tag for first, _ in sets))
    assert len(entries(letters)) == 20


def test_chunks_of_a_lost_connection_are_those_that_come_again(collecting, line, letters, deliveries):
    """The broker delivers all of them on the next one: none is acknowledged on the wrong one, or given up."""
    heard = queue.SimpleQueue()
    collector = collecting(lambda message: heard.put(message.plain_payload), wait_s=30)
    parts = deliveries(alert("x" * 300), 100)
    for part in parts[:2]:
        line.deliver(part)
    assert eventually(lambda: len(collector._sets) == 1)
    line.is_open = False
    new = Line()
    collector.consume(new)
    again = [part._replace(delivery_tag=part.delivery_tag + 1000) for part in parts]
    for part in (again[-1], *again[:-1]):
        new.deliver(part)
    assert heard.get(timeout=30) == "x" * 300
    assert collector.stop(30)
    assert sorted(new.acked) == tags(again)
    assert not line.acked
    assert heard.empty()
    assert not entries(letters)


def test_a_message_that_grows_too_long_is_a_dead_letter(collecting, line, letters, deliveries, monkeypatch):
    """All of its chunks are acknowledged; of its body the beginning is kept."""
    limits = DEFAULT_LIMITS._replace(message_bytes=3_000_000)
    monkeypatch.setattr("dripline.runtime.chunk_sets.DEFAULT_LIMITS", limits)
    collector = collecting(print, memory_bytes=100_000)
    parts = deliveries(alert("x" * 5_000_000), 100_000)
    for part in parts:
        line.deliver(part)
    assert eventually(lambda: sorted(line.acked) == tags(parts))
    first, second, *_ = entries(letters)
    assert "more than" in first["reason"]
    assert (first["truncated"], len(first["body"]), len(second["body"])) == (True, 1 << 20, 100_000)
    assert collector._spill.size == 0


# -- memory ------------------------------------------------------------------------------------------------------


def test_the_consumer_is_stopped_while_too_much_is_held_and_started_when_all_is_released(
    collecting, line, deliveries
):
    """What is held counts, not only what waits. Then only what fits into half of the bound is sent ahead."""
    held = queue.SimpleQueue()
    collecting(lambda message: held.put(in_flight().hold()), memory_bytes=50_000)
    sent = [deliveries(alert("x" * 9000))[0] for _ in range(7)]
    for delivery in sent[:4]:
        line.deliver(delivery)
    assert line.running
    line.deliver(sent[4])
    assert not line.running
    items = [held.get(timeout=30) for _ in range(4)]
    release(items[:2])
    items = [*items[2:], held.get(timeout=30)]
    release(items[:2])
    assert not line.running
    release(items[2:])
    assert eventually(lambda: line.running)
    assert line.windows == [100, 2]
    for delivery in sent[5:]:
        line.deliver(delivery)
    release([held.get(timeout=30) for _ in range(2)])
    assert eventually(lambda: line.acked == tags(sent))


def test_what_was_under_way_waits_on_disk_and_stays_in_order(collecting, line, deliveries):
    """However much it is: nothing is returned, which would put it behind everything else."""
    go_on, heard = threading.Event(), []
    collector = collecting(lambda message: (go_on.wait(30), heard.append(message.plain_payload[0])), 50_000)
    sent = [deliveries(alert([number, "x" * 9000]))[0] for number in range(300)]
    for delivery in sent:
        line.deliver(delivery)
    assert 2_000_000 < collector._spill.size < 2_800_000
    go_on.set()
    assert eventually(lambda: line.acked == tags(sent))
    assert heard == list(range(300))
    assert not line.given_back
    assert (collector._spill.size, collector._budget.bytes) == (0, 0)
    assert line.running


def test_a_message_longer_than_the_bound_is_handled(collecting, line, deliveries):
    """Alone."""
    heard = queue.SimpleQueue()
    collecting(lambda message: heard.put(len(message.plain_payload)), memory_bytes=1000)
    for size in (5000, 50_000, 3):
        line.deliver(deliveries(alert("x" * size), 1_000_000)[0])
    assert [heard.get(timeout=30) for _ in range(3)] == [5000, 50_000, 3]
    assert eventually(lambda: len(line.acked) == 3 and line.running)


def test_what_has_no_room_on_disk_either_comes_again(collecting, line, deliveries, monkeypatch):
    """It is neither lost nor acknowledged, and from the first one on, so that all stay in order."""
    go_on, heard = threading.Event(), []
    collector = collecting(lambda message: (go_on.wait(30), heard.append(message.plain_payload[0])), 50_000)
    monkeypatch.setattr(collector._spill, "_limit", 100_000)
    sent = [deliveries(alert([number, "x" * 9000]))[0] for number in range(40)]
    for delivery in sent:
        line.deliver(delivery)
    assert not line.running
    go_on.set()
    assert eventually(lambda: line.running)
    assert 10 < len(heard) < 20
    for delivery in sent[len(heard) :]:
        line.deliver(delivery)
        assert eventually(lambda delivery=delivery: delivery.delivery_tag in line.acked)
    assert heard == list(range(40))
    assert line.acked == tags(sent)
    assert collector._budget.bytes == 0


def test_the_window_grows_while_it_is_what_limits(collecting, line, deliveries):
    """As for a logger, which acknowledges many rows at a time."""
    held = queue.SimpleQueue()
    collecting(lambda message: held.put(in_flight().hold()), memory_bytes=100_000_000)
    items = []
    for _ in range(800):
        line.deliver(deliveries(alert())[0])
        if len(items) + held.qsize() in (99, 199, 399):
            eventually(lambda: False, 0.1)
    items = [held.get(timeout=30) for _ in range(800)]
    assert eventually(lambda: line.added[:3] == [100, 200, 400])
    release(items)
    assert eventually(lambda: len(line.windows) == 2), "at the next quiet moment there is one consumer again"
    assert line.windows[-1] >= 800


def test_incomplete_messages_are_no_limit(collecting, line, deliveries):
    """More messages are let in beside their chunks; once they are complete, all starts again as usual."""
    collecting(print)
    parts = deliveries(alert("x" * 50_000), 100)
    for part in parts[:100]:
        line.deliver(part)
    assert eventually(lambda: line.added == [100])
    for part in parts[100:200]:
        line.deliver(part)
    assert eventually(lambda: line.added == [100, 200])
    for part in parts[200:]:
        line.deliver(part)
    assert eventually(lambda: line.acked == tags(parts))
    assert eventually(lambda: line.windows == [100, 100])


def test_the_window_does_not_grow_for_a_consumer_that_is_busy(collecting, line, deliveries):
    """More messages ahead would only take memory."""
    go_on = threading.Event()
    collecting(lambda message: go_on.wait(30))
    sent = [deliveries(alert())[0] for _ in range(100)]
    for delivery in sent:
        line.deliver(delivery)
    go_on.set()
    assert eventually(lambda: line.acked == tags(sent))
    assert (line.windows, line.added) == ([100], [])


def test_what_is_held_of_a_lost_connection_still_takes_memory(collecting, line, deliveries):
    """What comes on the next one waits on disk meanwhile."""
    held = queue.SimpleQueue()
    collector = collecting(lambda message: held.put(in_flight().hold()), memory_bytes=12_000)
    line.deliver(deliveries(alert("x" * 9500))[0])
    one = held.get(timeout=30)
    line.is_open = False
    new = Line()
    collector.consume(new)
    again = deliveries(alert("x" * 9500))
    new.deliver(again[0])
    assert not new.running
    assert collector._spill.size > 9000
    release([one])
    release([held.get(timeout=30)])
    assert eventually(lambda: new.running and new.acked == tags(again))


def test_what_waits_when_the_connection_is_lost_is_not_handled(collecting, line, deliveries):
    """It comes again on the next one."""
    go_on, heard = threading.Event(), []
    collector = collecting(lambda message: (heard.append(message.plain_payload), go_on.wait(30)))
    for number in range(5):
        line.deliver(deliveries(alert(number))[0])
    assert eventually(lambda: heard)
    line.is_open = False
    go_on.set()
    assert collector.stop(30)
    assert heard == [0]
    assert collector._budget.bytes == 0


# -- dead letters ------------------------------------------------------------------------------------------------


def test_what_can_never_be_handled_is_on_disk_before_it_is_acknowledged(collecting, line, letters, deliveries):
    """With its reason, key, id, size and body."""
    heard, early = queue.SimpleQueue(), []
    acknowledge = line.ack

    def ack(*acknowledged):
        acknowledge(*acknowledged)
        early.extend([tag for tag in line.acked if tag >= 10**9][len(entries(letters)) :])

    line.ack = ack
    collecting(heard.put)
    (good,) = deliveries(alert("good"))
    cut = CutBody(b"x" * 100)
    cut.size = 50_000_000
    bad = [
        good._replace(body=b"{'no': json"),
        good._replace(body=b"\xff\xfe"),
        good._replace(properties=SimpleNamespace(message_id="x/1/y", raw=b"", headers={})),
        good._replace(properties=SimpleNamespace(message_id="", raw=b"", headers=None)),
        good._replace(body=cut),
        good._replace(body=b"1" * ((32 << 20) + 1)),
    ]
    bad = [delivery._replace(delivery_tag=10**9 + number) for number, delivery in enumerate(bad)]
    for delivery in (*bad, good):
        line.deliver(delivery)
    assert heard.get(timeout=30).plain_payload == "good"
    assert eventually(lambda: len(line.acked) == 7)
    assert not early
    found = entries(letters)
    assert len(found) == letters.count == 6
    assert [entry["size"] for entry in found] == [11, 2, 6, 6, 50_000_000, (32 << 20) + 1]
    assert (found[0]["body"], found[1]["body_base64"]) == ("{'no': json", "//4=")
    assert all(entry["reason"] and entry["time"] and entry["routing_key"] == "news" for entry in found)


def test_while_the_disk_takes_no_dead_letters_nothing_of_them_is_acknowledged(
    collecting, line, letters, deliveries, caplog
):
    """Later they are written; the log says it once each time. Others are handled meanwhile."""
    heard = queue.SimpleQueue()
    collecting(heard.put)
    letters.path.parent.mkdir()
    letters.path.mkdir()
    (good,) = deliveries(alert("good"))
    bad = good._replace(body=b"{", delivery_tag=9000)
    for delivery in (bad, good):
        line.deliver(delivery)
    assert heard.get(timeout=30).plain_payload == "good"
    assert eventually(lambda: line.acked == [good.delivery_tag])
    assert eventually(lambda: "cannot write dead letters" in caplog.text)
    threading.Event().wait(1.2)
    letters.path.rmdir()
    assert eventually(lambda: line.acked == [good.delivery_tag, 9000])
    assert [entry["body"] for entry in entries(letters)] == ["{"]
    assert caplog.text.count("cannot write dead letters") == 1
    assert caplog.text.count("can write dead letters") == 1


def test_an_alert_whose_handler_fails_is_a_dead_letter(collecting, line, letters, deliveries):
    """It is not tried again and again, and it is not gone."""
    collecting(lambda message: note_failure(ValueError("no such valve")))
    line.deliver(deliveries(alert("open"))[0])
    assert eventually(lambda: len(line.acked) == 1)
    (entry,) = entries(letters)
    assert entry["reason"] == "its handler failed: ValueError: no such valve"
    assert entry["body"] == '"open"'


def test_other_kinds_of_messages_are_handed_on(collecting, line, deliveries):
    """Whoever takes them decides."""
    heard = queue.SimpleQueue()
    collecting(heard.put)
    line.deliver(deliveries(MsgReply.create(3, "news"))[0])
    assert isinstance(heard.get(timeout=30), MsgReply)


def test_many_dead_letters_are_logged_once_and_their_file_does_not_grow_for_ever(
    line, tmp_path, deliveries, caplog
):
    """At its limit it is renamed, in place of the one before."""
    letters = DeadLetterFile(tmp_path / "dead.jsonl", "relay", limit_bytes=10_000)
    collector = AlertCollector("test-collector", print, "x.alerts", 1_000_000, letters)
    collector.consume(line)
    (delivery,) = deliveries(alert())
    for number in range(500):
        line.deliver(delivery._replace(body=b"{" * 100, delivery_tag=number))
    assert eventually(lambda: len(line.acked) == 500)
    assert collector.stop(30)
    assert letters.count == 500
    assert caplog.text.count("is a dead letter") == 1
    sizes = [path.stat().st_size for path in tmp_path.glob("dead.jsonl*")]
    assert len(sizes) == 2
    assert max(sizes) < 60_000
