"""Synchronous work of a service is done by one thread at a time."""

import threading

from dripline.runtime.owned_lock import Turn


def test_one_thread_at_a_time():
    """Who comes second waits."""
    turn, order, waits = Turn(), [], threading.Event()

    def second():
        waits.set()
        with turn:
            order.append("second")

    thread = threading.Thread(target=second)
    with turn:
        thread.start()
        waits.wait(30)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_who_has_it_may_take_it_again():
    """And has it until the last one is given back."""
    turn = Turn()
    assert not turn.held_here
    with turn:
        with turn:
            assert turn.held_here
        assert turn.held_here
    assert not turn.held_here


def test_only_the_holder_has_it():
    """Another thread is told that it does not."""
    turn, seen = Turn(), []
    with turn:
        thread = threading.Thread(target=lambda: seen.append(turn.held_here))
        thread.start()
        thread.join()
    assert seen == [False]


def test_an_error_gives_it_back():
    """A handler that raises does not stop the service."""
    turn = Turn()
    try:
        with turn:
            raise ValueError
    except ValueError:
        pass
    assert not turn.held_here
    with turn:
        assert turn.held_here


def test_who_does_not_wait_is_told():
    """While another thread has it; and has it otherwise."""
    turn, seen = Turn(), []
    with turn:
        thread = threading.Thread(target=lambda: seen.append(turn.enter(wait=False)))
        thread.start()
        thread.join()
    assert seen == [False]
    assert turn.enter(wait=False)
    assert turn.held_here
    turn.leave()
    assert not turn.held_here
