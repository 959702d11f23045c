"""dripline.transport.io_loop: signs of life, and the end of a connection on which none came."""

import pytest

from dripline.amqp.content import HEARTBEAT_FRAME
from dripline.transport.io_loop import Heartbeat, Timer


class Clock:
    """A loop whose timers run when the test says so."""

    def __init__(self):
        self.now = 0.0
        self.bytes_received = 0
        self.sent = []
        self._timers = []

    def call_later(self, delay_s, callback):
        """Remember a timer."""
        timer = Timer(callback)
        self._timers.append((self.now + delay_s, timer))
        return timer

    def cancel(self, timer):
        """Forget one."""
        timer.callback = None

    def send(self, data):
        """Note when a heartbeat is sent."""
        assert data == HEARTBEAT_FRAME
        self.sent.append(self.now)

    def go_to(self, until):
        """Run what is due."""
        while due := [entry for entry in self._timers if entry[0] <= until]:
            entry = min(due, key=lambda entry: entry[0])
            self._timers.remove(entry)
            self.now = entry[0]
            if entry[1].callback is not None:
                entry[1].callback()
        self.now = until


class Watched:
    """A heartbeat of 10 s, and what it did."""

    def __init__(self):
        self.clock = Clock()
        self.sent = self.clock.sent
        self.given_up = []
        self.heartbeat = Heartbeat(
            10.0,
            self.clock,  # what it uses of a loop
            lambda reason: self.given_up.append((self.clock.now, reason)),
        )


@pytest.fixture
def watched():
    """A heartbeat of 10 s."""
    return Watched()


def test_it_is_sent_twice_in_each_interval(watched):
    """The peer may expect one in each."""
    for now in range(1, 31):
        watched.clock.bytes_received += 1
        watched.clock.go_to(now)
    assert watched.sent == [5, 10, 15, 20, 25, 30]
    assert watched.given_up == []


@pytest.mark.parametrize("last_words_at", [0.1, 1.3, 7.0, 9.9])
def test_silence_is_noticed_within_two_intervals(watched, last_words_at):
    """And not before one and a half, whenever the last byte came."""
    watched.clock.go_to(last_words_at)
    watched.clock.bytes_received += 1
    watched.clock.go_to(60)
    ((when, reason),) = watched.given_up
    assert 15 <= when - last_words_at < 20
    assert reason == "nothing came from it for 17.5 s, not even heartbeats"


def test_a_peer_that_sends_once_in_each_interval_is_well(watched):
    """That is all that the protocol asks of it."""
    for number in range(20):
        watched.clock.go_to(number * 10.0)
        watched.clock.bytes_received += 8
    assert watched.given_up == []


def test_a_process_that_stood_still_blames_nobody(watched):
    """What came meanwhile is read after the timers: only looks count, not the time between them."""
    loop = watched.clock
    loop._timers = [(loop.now + 1000, timer) for _, timer in loop._timers]
    watched.clock.go_to(1000)
    assert watched.given_up == []


def test_nothing_happens_after_it_was_stopped(watched):
    """A connection that is being closed has other ways to end."""
    watched.heartbeat.stop()
    watched.clock.go_to(100)
    assert (watched.sent, watched.given_up) == ([], [])
