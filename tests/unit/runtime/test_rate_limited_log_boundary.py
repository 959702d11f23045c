"""The boundary around a laboratory's code."""

from __future__ import annotations

import io
import logging
import threading
from datetime import datetime, timedelta

import pytest
from support.outrages import OUTRAGES
from support.waiting import eventually

from dripline.core.scheduler import TaskScheduler
from dripline.programs.logs import LogFormatter
from dripline.runtime.heartbeat import Heartbeat
from dripline.runtime.outage import Outage
from dripline.runtime.rate_limited_log import Boundary, RateLimitedLogger, Taker
from dripline.runtime.request_router import HandlerTimeout
from dripline.wire.enums import op_t
from dripline.wire.message import MsgRequest

logger = logging.getLogger(__name__)


def on_a_thread(work) -> None:
    """Run something on another thread than the main one."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)


@pytest.mark.parametrize("outrage", OUTRAGES)
def test_it_ends_what_is_raised_on_a_thread(outrage, caplog):
    """It is logged once, with what raised it, however often it comes."""
    limited_log, errors = RateLimitedLogger(logger), []

    def work() -> None:
        for _ in range(3):
            with Boundary(limited_log, "the pump of %s fails", "hall 1") as boundary:
                raise outrage()
            errors.append(boundary.error)

    on_a_thread(work)
    assert [type(error) for error in errors] == [outrage] * 3
    assert caplog.text.count("the pump of hall 1 fails") == 1
    assert outrage.__name__ in caplog.text


def test_what_is_for_the_program_passes():
    """Ctrl-C, and signals, which Python raises in the main thread."""
    with pytest.raises(KeyboardInterrupt), Boundary(RateLimitedLogger(logger), "x"):
        raise KeyboardInterrupt


def test_other_errors_end_in_the_main_thread_too(caplog):
    """Only what is for the program is let through there."""
    with Boundary(RateLimitedLogger(logger), "x"):
        raise SystemExit(3)
    assert "x: 3" in caplog.text


@pytest.mark.parametrize("outrage", OUTRAGES)
@pytest.mark.parametrize("failing", ["exception", "handler"])
def test_it_ends_what_logging_it_raises(outrage, failing, monkeypatch):
    """As `dl serve` logs: an exception without a text, and a logging handler of a laboratory that raises."""
    own, passed = logging.getLogger("of the test"), []
    stream = logging.StreamHandler(io.StringIO())
    stream.setFormatter(LogFormatter("", colour=False))
    if failing == "handler":
        monkeypatch.setattr(stream, "emit", lambda _record: (_ for _ in ()).throw(outrage()))
    monkeypatch.setattr(own, "handlers", [stream])
    monkeypatch.setattr(own, "propagate", False)

    def work() -> None:
        for number in range(3):
            with Boundary(RateLimitedLogger(own), "x"):
                raise outrage()
            passed.append(number)

    on_a_thread(work)
    assert passed == [0, 1, 2]
    assert failing == "handler" or f"{outrage.__name__}" in stream.stream.getvalue()


def test_kinds_are_logged_apart(caplog):
    """What differs in its kind has a line of its own."""
    limited_log = RateLimitedLogger(logger)
    for kind in ("a", "b", "a"):
        with Boundary(limited_log, "call of %s", kind, kind=kind):
            raise ValueError
    assert (caplog.text.count("call of a"), caplog.text.count("call of b")) == (1, 1)


@pytest.mark.parametrize("outrage", OUTRAGES)
def test_threads_of_the_runtime_go_on(outrage):
    """The scheduler, the heartbeat and the time limit of handlers."""
    calls = {name: threading.Semaphore(0) for name in ("scheduler", "heartbeat", "timeout")}

    def raising(name: str):
        def raise_it(*_arguments: object) -> None:
            calls[name].release()
            raise outrage()

        return raise_it

    from datetime import datetime, timedelta

    scheduler = TaskScheduler()
    scheduler.start()
    scheduler.add(raising("scheduler"), datetime.now(), timedelta(seconds=0.01))
    heartbeat = Heartbeat(raising("heartbeat"), 0.01)
    heartbeat.start()
    timeout = HandlerTimeout(0.01, raising("timeout"))
    for name in ("scheduler", "heartbeat"):
        assert all(calls[name].acquire(timeout=30) for _ in range(3)), name
    for _ in range(2):
        with timeout.over(MsgRequest.create(None, op_t.get, "x")):
            assert calls["timeout"].acquire(timeout=30)
    scheduler.stop()
    heartbeat.stop()
    timeout.stop()


@pytest.mark.parametrize("outrage", OUTRAGES)
def test_a_scheduled_object_that_gives_no_attributes_is_called(outrage):
    """Its name is for a log line only."""

    class Nameless:
        calls = 0

        def __call__(self) -> None:
            Nameless.calls += 1

        def __getattr__(self, name: str) -> None:
            raise outrage()

    scheduler = TaskScheduler()
    scheduler.add(Nameless(), datetime.now(), timedelta(seconds=0.01))
    scheduler.start()
    assert eventually(lambda: Nameless.calls > 2)
    scheduler.stop()


def test_an_expected_error_has_a_line_without_traceback(caplog):
    """And a text of its own, if it is given one."""
    limited_log = RateLimitedLogger(logger)
    with Boundary(limited_log, "cannot read %s", "it", expected=(ValueError,), expected_text="refused %s"):
        raise ValueError("no")
    (record,) = caplog.records
    assert (record.getMessage(), record.exc_info, record.levelno) == ("refused it: no", None, logging.WARNING)


def test_an_outage_is_logged_at_its_beginning_and_its_end(caplog):
    """What fails in between is for debugging."""
    caplog.set_level(logging.DEBUG)
    outage = Outage(logger)
    outage.end("it works again")
    for _ in range(3):
        with Boundary(outage, "it fails"):
            raise ValueError("no")
    outage.end("it works again")
    outage.end("it works again")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("WARNING", "it fails: no"),
        ("DEBUG", "it fails: no"),
        ("DEBUG", "it fails: no"),
        ("WARNING", "it works again"),
    ]


@pytest.mark.parametrize("outrage", OUTRAGES)
def test_what_fails_to_react_to_a_failure_ends_nothing_either(outrage):
    """A message that could not be taken is reported, and so is what the report raises."""
    messages, reported = [], []

    def fail(message: MsgRequest) -> None:
        messages.append(message)
        raise outrage()

    def report(message: MsgRequest, error: BaseException) -> None:
        reported.append((message, type(error)))
        raise outrage()

    take = Taker(fail, lambda _: Boundary(RateLimitedLogger(logger), "x"), report)
    request = MsgRequest.create(None, op_t.get, "x")
    on_a_thread(lambda: [take(request) for _ in range(2)])
    assert messages == [request] * 2
    assert reported == [(request, outrage)] * 2
