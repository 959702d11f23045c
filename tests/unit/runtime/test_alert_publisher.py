"""Alerts on their way to a broker, whose part the test plays."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from support.waiting import eventually

from dripline.errors import BrokerError, ClosedByBroker, ConnectionLost, DriplineError
from dripline.runtime import alert_backlog
from dripline.runtime.alert_publisher import AlertPublisher
from dripline.runtime.spool import Position, Spool
from dripline.runtime.store_and_forward import BufferPolicy
from dripline.transport.future import OneShotFuture
from dripline.wire.codec import Envelope


class Broker:
    """Takes alerts, confirms them at once or later, goes and comes back."""

    def __init__(self) -> None:
        self.lock = threading.RLock()  # alerts are published on another thread
        self.there = True
        self.confirming = True
        self.got: list[str] = []
        self.open: list[tuple[str, OneShotFuture[bool]]] = []
        self.poison: set[str] = set()  # end the connection
        self.unsendable: set[str] = set()  # do not fit into a frame
        self.error: BrokerError = ConnectionLost("gone")
        self.ends = 0
        self.ends_left = 10**6  # so often, then nothing is poison any more

    def publish(self, envelopes: Sequence[Envelope]) -> list[OneShotFuture[bool]]:
        """Take alerts."""
        with self.lock:
            if not self.there:
                raise ConnectionLost("gone")
            if self.unsendable.intersection(envelope.routing_key for envelope in envelopes):
                raise DriplineError("too long")
            slots: list[OneShotFuture[bool]] = []
            for envelope in envelopes:
                slots.append(OneShotFuture())
                self.open.append((envelope.routing_key, slots[-1]))
            if self.poison.intersection(envelope.routing_key for envelope in envelopes):
                self.end()
            elif self.confirming:
                self.confirm()
            return slots

    def end(self) -> None:
        """End the connection; the next one is there at once."""
        self.ends += 1
        self.poison = self.poison if self.ends < self.ends_left else set()
        for _, slot in self.open:
            slot.fail(self.error)
        self.open = []

    def deliver_unconfirmed(self) -> None:
        """Take what was published, without a word."""
        with self.lock:
            self.got += [name for name, _ in self.open]

    def confirm(self, acknowledged: bool = True) -> None:
        """Confirm what it was given."""
        with self.lock:
            for name, slot in self.open:
                if acknowledged:
                    self.got.append(name)
                slot.set(acknowledged)
            self.open = []

    def go(self) -> None:
        """Be gone, with what was not confirmed."""
        with self.lock:
            self.there = False
            for _, slot in self.open:
                slot.fail(ConnectionLost("gone"))
            self.open = []


def parcel(number: int) -> list[Envelope]:
    """An alert with a number."""
    return [Envelope(str(number), b"\x00properties", bytes(range(256)))]


def numbers(*parts: Iterable[int]) -> list[str]:
    """Names of alerts."""
    return [str(number) for part in parts for number in part]


@pytest.fixture
def broker() -> Broker:
    """A broker."""
    return Broker()


@pytest.fixture
def make(broker: Broker):
    """Makes publishers, and ends them."""
    made = []

    def make(**rule: object) -> AlertPublisher:
        made.append(AlertPublisher(broker.publish, lambda: broker.there, BufferPolicy(**rule), "s"))
        return made[-1]

    yield make
    for publisher in made:
        publisher.close(0)


def offer(publisher: AlertPublisher, part: range) -> None:
    """Send some."""
    for number in part:
        publisher.offer(parcel(number))


def back(broker: Broker, publisher: AlertPublisher) -> None:
    """Let the broker come back."""
    broker.there = True
    publisher.wake()


def test_what_is_sent_while_the_broker_is_there_goes_at_once(broker, make):
    """Nothing waits."""
    publisher = make()
    offer(publisher, range(5))
    assert eventually(lambda: broker.got == numbers(range(5)))
    assert len(publisher) == 0


def test_what_comes_while_it_is_away_follows_in_order(broker, make):
    """The old before the new."""
    publisher = make()
    broker.go()
    offer(publisher, range(50))
    assert len(publisher) == 50
    back(broker, publisher)
    offer(publisher, range(50, 60))
    assert eventually(lambda: broker.got == numbers(range(60)))


def test_what_was_not_confirmed_is_sent_again(broker, make):
    """A broker that dies has what it confirmed, and nothing else; the message id tells a duplicate."""
    publisher = make()
    broker.confirming = False
    offer(publisher, range(10))
    broker.go()
    offer(publisher, range(10, 12))
    broker.confirming = True
    back(broker, publisher)
    assert eventually(lambda: broker.got == numbers(range(12)))


def test_what_is_unconfirmed_when_nothing_follows_is_sent_again_too(broker, make):
    """The last alert before a long silence is worth as much."""
    publisher = make()
    broker.confirming = False
    offer(publisher, range(3))
    broker.go()
    broker.confirming = True
    back(broker, publisher)
    assert eventually(lambda: broker.got == numbers(range(3)))


def test_what_the_broker_refuses_is_offered_again(broker, make):
    """A nack is no delivery."""
    publisher = make()
    broker.confirming = False
    offer(publisher, range(2))
    broker.confirm(acknowledged=False)
    broker.confirming = True
    publisher.wake()
    assert eventually(lambda: broker.got == numbers(range(2)))


def test_many_wait_on_disk(broker, make, tmp_path: Path):
    """Memory holds so many, the folder the rest; they come back in order."""
    publisher = make(in_memory=10, folder=tmp_path / "spool")
    broker.go()
    offer(publisher, range(100))
    assert eventually(lambda: list((tmp_path / "spool").glob("*.rows")))
    back(broker, publisher)
    assert eventually(lambda: broker.got == numbers(range(100)))
    assert eventually(lambda: len(publisher) == 0)


def test_another_loss_while_it_catches_up_loses_nothing(broker, make, tmp_path: Path):
    """Some are sent twice then, none is missing, and the first time each appears is in order."""
    publisher = make(in_memory=10, folder=tmp_path / "spool")
    broker.go()
    offer(publisher, range(1000))
    for _ in range(5):
        seen = len(broker.got)
        back(broker, publisher)
        eventually(lambda seen=seen: len(broker.got) > seen, 1)
        broker.confirming = False
        time.sleep(0.005)
        broker.go()
        broker.confirming = True
    back(broker, publisher)
    assert eventually(lambda: len(publisher) == 0)
    assert eventually(lambda: list(dict.fromkeys(broker.got)) == numbers(range(1000)))


def test_what_is_left_at_the_end_is_sent_at_the_next_start(broker, make, tmp_path: Path, caplog):
    """By another process; it stands before what is new."""
    publisher = make(folder=tmp_path / "spool")
    broker.go()
    offer(publisher, range(5))
    publisher.close(0)
    assert "5 alerts are kept in" in caplog.text
    broker.there = True
    again = make(folder=tmp_path / "spool")
    offer(again, range(5, 8))
    assert eventually(lambda: broker.got == numbers(range(8)))


@pytest.mark.parametrize(("drop_oldest", "kept"), [(True, range(90, 100)), (False, range(10))])
def test_when_there_is_no_room_some_go_and_that_is_told(broker, make, caplog, drop_oldest, kept):
    """The oldest or the newest, as one wishes; how many, when it is over."""
    publisher = make(in_memory=10, drop_oldest=drop_oldest)
    broker.go()
    offer(publisher, range(100))
    assert publisher.dropped == 90
    back(broker, publisher)
    assert eventually(lambda: broker.got == numbers(kept))
    assert eventually(lambda: "90 alerts had no room and are lost" in caplog.text)
    assert caplog.text.count("no room for more alerts") == 1


def test_the_disk_is_bounded_too(broker, make, tmp_path: Path):
    """The oldest on disk go first, and exactly those that are missing are counted."""
    publisher = make(in_memory=10, folder=tmp_path / "spool", on_disk_bytes=20_000)
    broker.go()
    offer(publisher, range(200))
    assert eventually(lambda: publisher.dropped > 0)
    back(broker, publisher)
    assert eventually(lambda: len(publisher) == 0)
    assert eventually(lambda: len(broker.got) == 200 - publisher.dropped)
    assert broker.got == numbers(range(200))[-len(broker.got) :]


def test_a_folder_that_cannot_be_used_leaves_memory(broker, make, tmp_path: Path, caplog):
    """Which is reported once."""
    (tmp_path / "file").write_text("")
    publisher = make(in_memory=2, folder=tmp_path / "file" / "spool")
    broker.go()
    offer(publisher, range(5))
    assert eventually(lambda: len(publisher) == 2)
    assert caplog.text.count("alerts cannot wait on disk") == 1


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A disk that takes nothing; how many alerts were to be written each time."""
    tried = []

    def append(_spool: Spool, lines: list[bytes]) -> list[Position]:
        tried.append(len(lines))
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Spool, "append", append)
    return tried


def test_a_full_disk_is_not_tried_again_with_each_alert(broker, make, tmp_path: Path, full_disk, caplog):
    """All that waits in memory would be made ready for it each time, and each time it would be told."""
    publisher = make(in_memory=10, folder=tmp_path / "spool")
    broker.go()
    offer(publisher, range(100))
    assert eventually(lambda: publisher.dropped == 90)
    offer(publisher, range(100, 110))
    assert publisher.dropped == 100
    assert len(full_disk) == 1
    assert caplog.text.count("alerts cannot wait on disk") == 1
    back(broker, publisher)
    assert eventually(lambda: broker.got == numbers(range(100, 110)))


def test_a_full_folder_is_not_tried_again_before_something_was_sent(broker, make, tmp_path: Path, monkeypatch):
    """If the newest are dropped: then the folder has room again. What was accepted is never dropped."""
    tried = []
    append = Spool.append

    def counted(spool: Spool, lines: list[bytes]) -> list[Position]:
        tried.append(len(lines))
        return append(spool, lines)

    monkeypatch.setattr(Spool, "append", counted)
    publisher = make(in_memory=10, folder=tmp_path / "spool", on_disk_bytes=6_000, drop_oldest=False)
    broker.go()
    kept = [number for number in range(100) if publisher.offer(parcel(number)) == ""]
    assert eventually(lambda: tried and publisher._backlog._disk_full)
    so_far = len(tried)
    kept += [number for number in range(100, 200) if publisher.offer(parcel(number)) == ""]
    assert (len(publisher), publisher.dropped) == (len(kept), 200 - len(kept))
    assert publisher.dropped
    assert len(tried) == so_far
    back(broker, publisher)
    assert eventually(lambda: broker.got == numbers(kept))
    so_far = len(tried)
    broker.go()
    offer(publisher, range(200, 211))
    assert eventually(lambda: len(tried) == so_far + 1)
    back(broker, publisher)
    assert eventually(lambda: broker.got[len(kept) :] == numbers(range(200, 211)))


def test_a_disk_that_does_not_keep_what_was_sent_ends_nothing(broker, make, tmp_path: Path, monkeypatch, caplog):
    """Those on disk are sent, and all that follow."""

    def advance(spool: Spool, position: object, count: int) -> None:
        real(spool, position, count)
        raise OSError(28, "No space left on device")

    real = Spool.advance
    monkeypatch.setattr(Spool, "advance", advance)
    publisher = make(in_memory=10, folder=tmp_path / "spool")
    broker.go()
    offer(publisher, range(500))
    back(broker, publisher)
    assert eventually(lambda: broker.got == numbers(range(500)))
    assert caplog.text.count("cannot be kept") == 1


def test_an_alert_on_disk_that_is_damaged_is_left_out(broker, make, tmp_path: Path, caplog):
    """And told; the others are sent."""
    folder = tmp_path / "spool"
    publisher = make(folder=folder)
    broker.go()
    offer(publisher, range(3))
    publisher.close(0)
    (file,) = folder.glob("*.rows")
    first, second, third = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(first + b"\0" * (len(second) - 1) + b"\n" + third)
    broker.there = True
    make(folder=folder).wake()
    assert eventually(lambda: broker.got == ["0", "2"])
    assert "was put aside: damaged on disk" in caplog.text


def test_what_is_in_flight_stands_before_what_is_put_on_disk(broker, make, tmp_path: Path):
    """A broker that takes nothing any more has not confirmed it, and may never."""
    taking = [True]
    publisher = AlertPublisher(
        broker.publish, lambda: taking[0], BufferPolicy(in_memory=10, folder=tmp_path / "spool"), "s"
    )
    broker.confirming = False
    offer(publisher, range(5))
    taking[0] = False
    offer(publisher, range(5, 100))
    broker.go()
    broker.there = broker.confirming = taking[0] = True
    publisher.wake()
    assert eventually(lambda: broker.got == numbers(range(100)))
    publisher.close(0)


@pytest.mark.parametrize("error", [ClosedByBroker("501"), BrokerError("406"), ConnectionLost("end of stream")])
def test_an_alert_that_ends_the_connection_each_time_is_put_aside(broker, make, tmp_path: Path, error) -> None:
    """With or without an error code; all others are sent, in their order."""
    publisher = make(folder=tmp_path / "spool")
    broker.poison, broker.error = {"70", "71"}, error
    offer(publisher, range(200))
    assert eventually(lambda: broker.got == numbers(range(70), range(72, 200)), 60)
    assert eventually(lambda: len(publisher) == 0)
    assert publisher.damaged == 2
    assert publisher.dropped == 0
    aside = (tmp_path / "spool" / "damaged.jsonl").read_text().splitlines()
    assert [str(error) in line for line in aside] == [True, True]


def test_a_connection_that_is_cut_again_and_again_condemns_nobody(broker, make) -> None:
    """Nine times before anything is confirmed; then it holds."""
    publisher = make()
    broker.poison, broker.error, broker.ends_left = {"0"}, ConnectionLost("cut"), 9
    offer(publisher, range(50))
    assert eventually(lambda: broker.got == numbers(range(50)))
    assert publisher.damaged == 0


def test_a_broker_that_refuses_everything_loses_nearly_nothing(broker, make) -> None:
    """If each alert ends the connection, permissions may be to blame: most of them wait."""
    publisher = make()
    broker.poison, broker.error = set(numbers(range(50))), BrokerError("403")
    offer(publisher, range(50))
    assert eventually(lambda: publisher.damaged >= 3)
    ends = broker.ends
    assert eventually(lambda: broker.ends > ends + 20)
    aside = publisher.damaged
    assert aside < 15
    broker.poison = set()
    assert eventually(lambda: len(broker.got) == 50 - publisher.damaged)
    assert publisher.damaged <= aside + 2


def test_an_alert_that_cannot_be_framed_is_put_aside(broker, make) -> None:
    """Its properties are longer than a frame of this connection; those sent with it are not affected."""
    publisher = make()
    broker.there = False
    offer(publisher, range(20))
    broker.unsendable = {"7"}
    back(broker, publisher)
    assert eventually(lambda: broker.got == numbers(range(7), range(8, 20)))
    assert publisher.damaged == 1


def test_offering_waits_for_nobody(broker, make, tmp_path: Path, monkeypatch) -> None:
    """Neither a publish that hangs nor a disk that hangs holds up a caller."""
    hanging = threading.Event()
    monkeypatch.setattr(Spool, "append", lambda _self, _lines: hanging.wait(60))
    publisher = make(in_memory=10, folder=tmp_path / "spool")
    broker.there = False
    slowest = 0.0
    for number in range(500):
        begin = time.monotonic()
        assert publisher.offer(parcel(number)) == ""
        slowest = max(slowest, time.monotonic() - begin)
    hanging.set()
    assert slowest < 20.0, "well under 1 ms on a machine that is not busy"


def test_memory_is_bounded_in_bytes_too(broker, make, monkeypatch) -> None:
    """Whatever their number allows; what is dropped is counted."""
    monkeypatch.setattr(alert_backlog, "MEMORY_BYTES", 100_000)
    publisher = make()
    broker.there = False
    for number in range(100):
        publisher.offer([Envelope(str(number), b"\0\0", bytes(10_000))])
    assert len(publisher) == 100 - publisher.dropped <= 10
    back(broker, publisher)
    assert eventually(lambda: broker.got == numbers(range(publisher.dropped, 100)))


def test_new_alerts_go_behind_those_on_disk(broker, make, tmp_path: Path) -> None:
    """So that memory holds little of them while an old backlog is sent."""
    publisher = make(in_memory=1000, folder=tmp_path / "spool")
    broker.there = False
    for part in (range(1500), range(1500, 3000)):  # more than can be under way at a time
        offer(publisher, part)
        assert eventually(lambda: len(publisher._backlog._fresh) <= 1000 and not publisher._backlog._held)
    broker.confirming = False
    back(broker, publisher)
    offer(publisher, range(3000, 4000))
    assert eventually(lambda: not publisher._backlog._fresh)
    broker.confirming = True
    broker.confirm()
    assert eventually(lambda: broker.got == numbers(range(4000)))


def test_what_may_have_arrived_is_never_dropped(broker, make, tmp_path: Path) -> None:
    """When there is no room: only what was certainly not delivered is dropped, so that the count is exact."""
    publisher = make(in_memory=10, folder=tmp_path / "spool", on_disk_bytes=8_000)
    broker.confirming = False
    offer(publisher, range(8))
    assert eventually(lambda: len(broker.open) == 8)
    broker.deliver_unconfirmed()
    broker.go()
    offer(publisher, range(8, 300))
    assert eventually(lambda: publisher.dropped > 0)
    broker.confirming = True
    back(broker, publisher)
    assert eventually(lambda: len(publisher) == 0)
    assert eventually(lambda: len(set(broker.got)) == 300 - publisher.dropped)
    assert set(numbers(range(8))) <= set(broker.got)
    assert eventually(lambda: publisher._backlog.is_idle), "what was dropped takes no room any more"


def test_an_alert_that_does_not_wait_is_sent_past_all_others_or_not_at_all(broker, make) -> None:
    """A heartbeat: it is neither kept nor counted when there is no connection."""
    publisher = make()
    broker.there = False
    assert publisher.offer(parcel(1), keep=False) != ""
    offer(publisher, range(2, 4))
    back(broker, publisher)
    assert eventually(lambda: broker.got == numbers(range(2, 4)))
    assert publisher.offer(parcel(5), keep=False) == ""
    assert eventually(lambda: broker.got == ["2", "3", "5"])
    assert (publisher.dropped, publisher.damaged) == (0, 0)


def test_a_publisher_that_was_closed_takes_nothing(broker, make) -> None:
    """Its caller learns it."""
    publisher = make()
    publisher.close(0)
    assert publisher.offer(parcel(1)) == "s was stopped"
