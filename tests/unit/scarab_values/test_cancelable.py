"""Being told to stop."""

import gc
import signal
import subprocess
import sys
import threading

import pytest

import scarab


@pytest.fixture(autouse=True)
def empty_register():
    """A register that ends with the test, and signals as they were."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    scarab.SignalHandler.reset()
    assert {number: signal.getsignal(number) for number in before} == before


class Pump(scarab.Cancelable):
    """Something to stop."""

    def __init__(self):
        self.codes = []

    def do_cancellation(self, code):
        """Note the code."""
        self.codes.append(code)


def test_something_is_told_to_stop_and_to_go_on():
    """With a code, also when its base class's `__init__` was never called."""
    pump = Pump()
    assert not pump.is_canceled()
    assert pump.cancel_code == 0
    pump.cancel(3)
    assert pump.is_canceled()
    assert (pump.cancel_code, pump.codes) == (3, [3])
    pump.reset_cancel()
    assert not pump.is_canceled()


def test_only_the_first_cancel_counts():
    """Until it is reset, which a subclass notices too."""

    class Valve(Pump):
        def do_reset_cancellation(self):
            self.codes.append("reset")

    valve = Valve()
    valve.cancel(1)
    valve.cancel(2)
    assert (valve.cancel_code, valve.codes) == (1, [1])
    valve.reset_cancel()
    valve.cancel(2)
    assert (valve.cancel_code, valve.codes) == (2, [1, "reset", 2])


def test_sleeping_ends_when_told_to_stop():
    """At once, and it says why it ended."""
    pump = Pump()
    assert pump.wait(wait_ms=1) is False
    threading.Timer(0.01, pump.cancel).start()
    assert pump.wait(wait_ms=60_000) is True


def test_everything_registered_is_told():
    """And what was taken off is not."""
    first, second = Pump(), Pump()
    with scarab.SignalHandler() as handler:
        handler.add_cancelable(first)
        handler.add_cancelable(second)
        handler.remove_cancelable(second)
        handler.remove_cancelable(second)
        handler.cancel_all(5)
    assert first.codes == [5]
    assert second.codes == []


def test_the_register_keeps_nothing_alive():
    """What nobody needs any more is not told."""
    handler = scarab.SignalHandler
    handler.add_cancelable(Pump())
    gc.collect()
    assert list(handler._cancelables) == []


def test_a_signal_tells_everything_and_gives_the_signals_back():
    """The second signal does what it did before."""
    before = signal.getsignal(signal.SIGTERM)
    pump = Pump()
    handler = scarab.SignalHandler()
    handler.add_cancelable(pump)
    signal.raise_signal(signal.SIGTERM)
    assert pump.wait(wait_ms=60_000)
    assert pump.codes == [0]
    assert signal.getsignal(signal.SIGTERM) is before


def test_handlers_made_one_after_the_other_do_not_pile_up():
    """As a script makes one for each reply it waits for: the first signal is ours, the second one the script's."""
    before = signal.getsignal(signal.SIGTERM)
    for _ in range(3):
        handler = scarab.SignalHandler()
    pump = Pump()
    handler.add_cancelable(pump)
    signal.raise_signal(signal.SIGTERM)
    assert pump.wait(wait_ms=60_000)
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_handler_may_be_made_to_handle_signals_later():
    """As scripts say it: `SignalHandler(False)`, then the two methods."""
    before = signal.getsignal(signal.SIGTERM)
    pump = Pump()
    handler = scarab.SignalHandler(False)
    handler.add_cancelable(pump)
    assert signal.getsignal(signal.SIGTERM) is before
    handler.start_waiting_thread()
    assert signal.getsignal(signal.SIGTERM) is not before
    handler.join_waiting_thread()
    assert signal.getsignal(signal.SIGTERM) is before
    handler.cancel_all(4)
    assert pump.codes == [4]
    with scarab.SignalHandler(True):
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_handler_that_waits_keeps_no_other_from_giving_back():
    """Only those that handle signals count."""
    before = signal.getsignal(signal.SIGTERM)
    waiting = scarab.SignalHandler(False)
    handling = scarab.SignalHandler(start_waiting_thread=True)
    handling.restore()
    assert signal.getsignal(signal.SIGTERM) is before
    waiting.restore()


def test_a_forgotten_handler_gives_the_signals_back():
    """Only when it was the last one."""
    before = signal.getsignal(signal.SIGTERM)
    outer = scarab.SignalHandler()
    inner = scarab.SignalHandler()
    assert signal.getsignal(signal.SIGTERM) is not before
    del inner
    assert signal.getsignal(signal.SIGTERM) is not before
    del outer
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_handler_that_a_script_put_over_ours_stays():
    """Giving back is for what is still ours."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        with scarab.SignalHandler():
            signal.signal(signal.SIGTERM, mine := lambda *_: None)
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_thread_leaves_the_signals_alone():
    """Only the main thread may take signals over."""
    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=scarab.SignalHandler)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is before


def test_importing_leaves_the_signals_alone():
    """A script's own handlers stay."""
    code = (
        "import signal; a = signal.getsignal(2), signal.getsignal(15); import scarab; "
        "assert a == (signal.getsignal(2), signal.getsignal(15))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_is_registered_can_be_logged(caplog):
    """By class."""
    pump = Pump()
    scarab.SignalHandler.add_cancelable(pump)
    with caplog.at_level("INFO"):
        scarab.SignalHandler.print_cancelables()
    assert "Pump" in caplog.text
