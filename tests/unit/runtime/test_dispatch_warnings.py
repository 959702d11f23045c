"""Warnings that handlers leave for their replies."""

import threading

from dripline.runtime.dispatch import reply_warnings as notes


def test_what_is_left_is_taken_once():
    """And then it is gone."""
    notes.leave("not calibrated")
    assert notes.take() == "not calibrated"
    assert notes.take() is None


def test_several_notes_become_one():
    """In the order in which they were left."""
    notes.leave("one")
    notes.leave("two")
    assert notes.take() == "one; two"


def test_notes_can_be_cleared_and_put_back():
    """`restore` puts back what was taken, in place of what came since."""
    notes.leave("mine")
    taken = notes.take()
    notes.leave("another's")
    notes.restore(taken)
    assert notes.take() == "mine"
    notes.leave("old")
    notes.restore(None)
    assert notes.take() is None


def test_each_thread_has_its_own():
    """A note of one handler never gets into the reply of another."""
    notes.leave("mine")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(notes.take()))
    thread.start()
    thread.join()
    assert seen == [None]
    assert notes.take() == "mine"
