"""A value that one thread waits for and another one brings."""

import threading

import pytest

from dripline.errors import ConnectionLost
from dripline.transport.future import OneShotFuture, again


def test_a_value_goes_from_one_thread_to_another():
    """Who waits gets what the other one brings."""
    slot = OneShotFuture()
    threading.Thread(target=slot.set, args=(42,)).start()
    assert slot.wait(30) == 42


def test_an_error_is_raised_where_somebody_waits():
    """`fail` brings an error instead of a value."""
    slot = OneShotFuture()
    slot.fail(KeyError("lost"))
    with pytest.raises(KeyError, match="lost"):
        slot.wait(0)


def test_none_is_a_value():
    """A slot can be given nothing, and that counts as filled."""
    slot = OneShotFuture()
    assert not slot.filled
    slot.set(None)
    assert slot.filled
    assert slot.wait(0) is None


def test_the_first_one_counts():
    """What comes later is ignored."""
    slot = OneShotFuture()
    slot.set("first")
    slot.set("second")
    slot.fail(KeyError())
    assert slot.wait(0) == "first"


@pytest.mark.parametrize("timeout_s", [0, -1, 0.01])
def test_waiting_ends(timeout_s):
    """When nothing comes in time, that is a TimeoutError; also for no time at all."""
    with pytest.raises(TimeoutError, match="nothing came"):
        OneShotFuture().wait(timeout_s)


def test_one_can_wait_again_after_waiting_in_vain():
    """A value that comes late is still there for the next wait."""
    slot = OneShotFuture()
    with pytest.raises(TimeoutError):
        slot.wait(0)
    slot.set("late")
    assert slot.wait(0) == "late"


def test_there_is_no_longest_wait():
    """Infinity means as long as it takes."""
    slot = OneShotFuture()
    slot.set(1)
    assert slot.wait(float("inf")) == 1


def test_all_who_wait_get_it():
    """Several threads may wait for the same value."""
    slot, got = OneShotFuture(), []
    threads = [threading.Thread(target=lambda: got.append(slot.wait(30))) for _ in range(5)]
    for thread in threads:
        thread.start()
    slot.set("all")
    for thread in threads:
        thread.join()
    assert got == ["all"] * 5


def test_many_who_bring_do_not_disturb_each_other():
    """When a value and errors come at the same moment, one of them counts, for everybody and for good."""
    for _ in range(200):
        slot, start = OneShotFuture(), threading.Barrier(3)

        def bring(value, slot=slot, start=start):
            start.wait()
            slot.set(value)

        threads = [threading.Thread(target=bring, args=(value,)) for value in "abc"]
        for thread in threads:
            thread.start()
        first = slot.wait(30)
        for thread in threads:
            thread.join()
        assert slot.wait(0) == first


def test_a_look_never_waits():
    """It shows what arrived, be it a value or an error."""
    slot: OneShotFuture[int] = OneShotFuture()
    assert slot.peek() is None
    slot.set(3)
    assert slot.peek() == (3, None)
    failed: OneShotFuture[int] = OneShotFuture()
    failed.fail(ValueError("no"))
    value, error = failed.peek()
    assert (value, str(error)) == (None, "no")


def test_one_may_wait_without_taking():
    """Whether it is a value or an error."""
    for fill in (lambda slot: slot.set(1), lambda slot: slot.fail(ValueError("x"))):
        slot = OneShotFuture()
        assert not slot.await_filled(0)
        threading.Timer(0.02, fill, [slot]).start()
        assert slot.await_filled(30)
        assert slot.await_filled(0)


def test_an_error_can_be_raised_afresh():
    """Threads get instances of their own, of the same class and with the same words."""
    error = ConnectionLost("gone")
    copied = again(error)
    assert copied is not error
    assert (type(copied), str(copied)) == (ConnectionLost, "gone")
