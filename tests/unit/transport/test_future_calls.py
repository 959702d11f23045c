"""Questions to the broker that a thread waits for."""

import threading

import pytest

from dripline.errors import ConnectionLost, NameTaken
from dripline.transport.future import Calls


def test_the_answer_comes_back():
    """A call is started with what brings its answer."""
    assert Calls(lambda action: action()).ask(lambda done: done("answer"), 1) == "answer"


def test_a_call_that_cannot_be_started_raises_where_it_was_asked():
    """What goes wrong on the I/O thread is raised in the thread that waits."""

    def start(_done):
        raise ValueError("channel is closed")

    with pytest.raises(ValueError, match="channel is closed"):
        Calls(lambda action: action()).ask(start, 1)


def test_no_answer_is_a_timeout():
    """An I/O thread that has ended, or a broker that is silent, is not waited for without end."""
    with pytest.raises(TimeoutError):
        Calls(lambda action: None).ask(lambda done: done(1), 0.01)


def test_the_end_of_the_connection_answers_all():
    """Questions that wait get the error at once, each an instance of its own."""
    calls, asked, errors = Calls(lambda action: asked.release()), threading.Semaphore(0), []

    def ask():
        try:
            calls.ask(lambda done: None, 30)
        except NameTaken as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
        asked.acquire()
    calls.fail(NameTaken("taken"))
    for thread in threads:
        thread.join()
    assert [str(error) for error in errors] == ["taken", "taken"]
    assert errors[0] is not errors[1]


def test_questions_to_come_are_answered_as_well():
    """After the end nothing is started any more."""
    started = []
    calls = Calls(started.append)
    calls.fail(ConnectionLost("gone"))
    with pytest.raises(ConnectionLost, match="gone"):
        calls.ask(lambda done: None, 5)
    assert started == []
