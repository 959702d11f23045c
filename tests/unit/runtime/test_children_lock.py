"""Synchronous work of a service is done by one thread at a time."""

import threading

from dripline.runtime.children import OwnedLock


def test_one_thread_at_a_time():
    """Who comes second waits."""
    lock, order, waits = OwnedLock(), [], threading.Event()

    def second():
        waits.set()
        with lock:
            order.append("second")

    thread = threading.Thread(target=second)
    with lock:
        thread.start()
        waits.wait(30)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_who_has_it_may_take_it_again():
    """And has it until the last one is given back."""
    lock = OwnedLock()
    assert not lock.held_here
    with lock:
        with lock:
            assert lock.held_here
        assert lock.held_here
    assert not lock.held_here


def test_only_the_holder_has_it():
    """Another thread is told that it does not."""
    lock, seen = OwnedLock(), []
    with lock:
        thread = threading.Thread(target=lambda: seen.append(lock.held_here))
        thread.start()
        thread.join()
    assert seen == [False]


def test_an_error_gives_it_back():
    """A handler that raises does not stop the service."""
    lock = OwnedLock()
    try:
        with lock:
            raise ValueError
    except ValueError:
        pass
    assert not lock.held_here
    with lock:
        assert lock.held_here


def test_who_does_not_wait_is_told():
    """While another thread has it; and has it otherwise."""
    lock, seen = OwnedLock(), []
    with lock:
        thread = threading.Thread(target=lambda: seen.append(lock.acquire(wait=False)))
        thread.start()
        thread.join()
    assert seen == [False]
    assert lock.acquire(wait=False)
    assert lock.held_here
    lock.release()
    assert not lock.held_here
