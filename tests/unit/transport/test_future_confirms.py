"""Publisher confirms are counted in a window."""

import math
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.errors import ConnectionLost
from dripline.transport.future import Confirms

NOTHING = bool  # a write that does nothing


def sent(confirms, number):
    """Send so many messages."""
    return [confirms.send(NOTHING, 1) for _ in range(number)]


def test_a_confirm_settles_its_message():
    """Messages are numbered from 1 in the order of their writes, as the broker does."""
    confirms = Confirms()
    first, second = sent(confirms, 2)
    confirms.settle(2, False, True)
    assert not first.filled
    assert second.wait(0) is True
    assert len(confirms) == 1


def test_a_refusal_is_no_confirm():
    """What the broker refused has False in its slot."""
    confirms = Confirms()
    (slot,) = sent(confirms, 1)
    confirms.settle(1, False, False)
    assert slot.wait(0) is False


def test_it_may_wait_for_ever():
    """Locks and conditions refuse infinity."""
    slot = Confirms().send(NOTHING, math.inf)
    assert not slot.filled


def test_a_confirm_may_settle_several():
    """``multiple`` settles everything up to the number."""
    confirms = Confirms()
    slots = sent(confirms, 5)
    confirms.settle(3, True, True)
    assert [slot.filled for slot in slots] == [True, True, True, False, False]


def test_zero_settles_all():
    """Number 0 with ``multiple`` means all there are."""
    confirms = Confirms()
    slots = sent(confirms, 3)
    confirms.settle(0, True, True)
    assert all(slot.filled for slot in slots)


@given(st.integers(1, 30), st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.booleans()), max_size=20))
def test_any_order_of_confirms_is_understood(number, settlements):
    """Whatever the broker settles, in any order and twice, each message is settled by the first that names it."""
    confirms = Confirms()
    slots = sent(confirms, number)
    expected = {}
    for tag, multiple, acknowledged in settlements:
        confirms.settle(tag, multiple, acknowledged)
        named = range(1, (tag or number) + 1) if multiple else (tag,)
        for each in named:
            if 1 <= each <= number:
                expected.setdefault(each, acknowledged)
    assert {n: slot.wait(0) for n, slot in enumerate(slots, 1) if slot.filled} == expected
    assert len(confirms) == number - len(expected)


def test_a_full_window_makes_senders_wait_until_there_is_room():
    """No more messages are under way than the window holds."""
    confirms = Confirms(window=2)
    sent(confirms, 2)
    threading.Timer(0.05, confirms.settle, (1, False, True)).start()
    confirms.send(NOTHING, 30)
    assert len(confirms) == 2


def test_many_messages_are_numbered_in_one_write():
    """They go together if the window has any room, and none of them counts if they could not be written."""
    confirms = Confirms(window=2)

    def broken():
        raise ConnectionLost("gone")

    with pytest.raises(ConnectionLost):
        confirms.send_all(broken, 3, 0)
    assert len(confirms) == 0
    slots = confirms.send_all(NOTHING, 3, 0)
    with pytest.raises(TimeoutError):
        confirms.send_all(NOTHING, 1, 0)
    confirms.settle(2, True, True)
    assert [slot.filled for slot in slots] == [True, True, False]
    confirms.settle(3, False, False)
    assert slots[2].wait(0) is False


def test_a_window_that_stays_full_is_a_timeout():
    """A broker that confirms nothing is not waited for without end."""
    confirms = Confirms(window=1)
    sent(confirms, 1)
    with pytest.raises(TimeoutError, match="confirmed nothing"):
        confirms.send(NOTHING, 0.01)


def test_who_cannot_write_does_not_hold_up_the_others_for_longer_than_they_have():
    """While one thread is stuck in its write, the others wait their own time only."""
    confirms, stuck, free = Confirms(), threading.Event(), threading.Event()

    def stuck_write():
        stuck.set()
        free.wait(30)

    thread = threading.Thread(target=confirms.send, args=(stuck_write, 30))
    thread.start()
    stuck.wait(30)
    with pytest.raises(TimeoutError, match="took no data"):
        confirms.send(NOTHING, 0.01)
    free.set()
    thread.join()


def test_all_waits_of_a_send_share_one_limit():
    """Waiting for the window leaves less for waiting for others who write."""
    confirms, stuck, free = Confirms(window=1), threading.Event(), threading.Event()

    def stuck_write():
        stuck.set()
        free.wait(30)

    thread = threading.Thread(target=confirms.send, args=(stuck_write, 30))
    thread.start()
    stuck.wait(30)
    threading.Timer(4, confirms.settle, (0, True, True)).start()  # the writer is stuck still
    begin = time.monotonic()
    with pytest.raises(TimeoutError):
        confirms.send(NOTHING, 5)
    assert time.monotonic() - begin < 8
    free.set()
    thread.join()


def test_what_could_not_be_written_is_not_counted():
    """The broker never saw it, so it has no number."""
    confirms = Confirms()

    def broken():
        raise ConnectionLost("gone")

    with pytest.raises(ConnectionLost):
        confirms.send(broken, 1)
    (slot,) = sent(confirms, 1)
    confirms.settle(1, False, True)
    assert slot.wait(0) is True


def test_the_end_of_the_connection_is_told_to_all_who_wait():
    """Each slot gets the error, afresh; who waits for room is let through to find out himself."""
    confirms = Confirms(window=2)
    slots = sent(confirms, 2)
    threading.Timer(0.05, confirms.fail, (ConnectionLost("gone"),)).start()
    errors = []
    for slot in slots:
        with pytest.raises(ConnectionLost, match="gone") as caught:
            slot.wait(30)
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert confirms.wait_empty(0)


def test_one_can_wait_until_all_is_confirmed():
    """`wait_empty` tells whether everything was confirmed in time."""
    confirms = Confirms()
    assert confirms.wait_empty(0)
    sent(confirms, 2)
    assert not confirms.wait_empty(0.01)
    threading.Timer(0.05, confirms.settle, (2, True, True)).start()
    assert confirms.wait_empty(30)


def test_threads_get_the_numbers_in_the_order_of_their_writes():
    """Numbering and writing are one step: however threads race, message n is the n-th that was written."""
    confirms, written, slots = Confirms(), [], {}

    def work(name):
        for count in range(200):
            mark = (name, count)
            slots[mark] = confirms.send(lambda mark=mark: written.append(mark), 30)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, mark in enumerate(written, 1):
        assert not slots[mark].filled
        confirms.settle(number, False, True)
        assert slots[mark].filled
