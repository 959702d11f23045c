"""What can be made to go wrong."""

import pytest

from dripline.simulation import Faults
from dripline.simulation.faults import is_about_faults


def test_nothing_goes_wrong_at_first():
    """An instrument is a good one until somebody says otherwise."""
    faults = Faults()
    assert not any(
        faults.happens(name) for name in ("silent", "garbage", "truncated", "late", "disconnect", "refuse")
    )
    assert faults.delay_now_s() == 0


def test_a_probability_is_met(no_leaks):
    """And a seed repeats it."""
    faults, again = Faults(seed=3), Faults(seed=3)
    faults.silent = again.silent = 0.25
    happened = [faults.happens("silent") for _ in range(1000)]
    assert 180 < sum(happened) < 320
    assert happened == [again.happens("silent") for _ in range(1000)]


def test_disconnecting_is_for_once():
    """Else no client would ever get an answer again; a probability stays."""
    faults = Faults()
    faults.disconnect = True
    assert [faults.happens("disconnect") for _ in range(3)] == [True, False, False]
    faults.disconnect = 1.0
    assert [faults.happens("disconnect") for _ in range(3)] == [True, True, True]


def test_the_delay_is_for_all_or_for_some():
    """`slow` says for which."""
    faults = Faults(seed=1)
    faults.delay_s = 2
    assert faults.delay_now_s() == 2
    faults.slow = 0.5
    assert {faults.delay_now_s() for _ in range(50)} == {0, 2}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("silent", 2),
        ("silent", -0.1),
        ("silent", "yes"),
        ("delay_s", -1),
        ("delay_s", True),
        ("delay_s", float("nan")),
    ],
)
def test_what_is_no_probability_is_refused(name, value):
    """At once, and not when it should happen."""
    with pytest.raises(ValueError, match=name):
        setattr(Faults(), name, value)


def test_a_typing_error_is_none_that_passes():
    """There is no fault of another name."""
    with pytest.raises(AttributeError):
        Faults().silence = True


def test_all_end_at_once():
    """For the end of a test."""
    faults = Faults()
    faults.late, faults.delay_s, faults.slow = True, 3, 0.1
    faults.clear()
    assert (faults.late, faults.delay_s, faults.slow) == (False, 0, True)


def test_garbage_has_no_terminator_in_it():
    """It is one answer, and not several."""
    faults = Faults(seed=1)
    noise = faults.noise_instead(b"1" * 5000, b"\n")
    assert len(noise) == 5000
    assert not set(noise) & set(b"\r\n")
    assert max(noise) > 127


def test_faults_are_switched_by_command_where_that_is_allowed(device):
    """Its answers tell how they stand."""
    lab = device(remote_faults=True)
    assert lab.handle("SIM:FAUL silent,1;FAUL? silent;:SIMulate:FAULt garbage 0.5;FAUL? garbage") == "1;0.5"
    assert (lab.faults.silent, lab.faults.garbage) == (True, 0.5)
    lab.handle("SIM:FAUL silent,off;:SIM:FAUL delay_s,1.5")
    assert (lab.faults.silent, lab.faults.delay_s) == (False, 1.5)
    lab.handle("SIM:FAUL:CLE")
    assert (lab.faults.garbage, lab.faults.delay_s) == (False, 0)


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("SIM:FAUL silent", "-109"),
        ("SIM:FAUL silence,1", "-224"),
        ("SIM:FAUL silent,2", "-222"),
        ("SIM:FAUL? silence", "-224"),
        ("SIM:FAUL silent,maybe", "-104"),
    ],
)
def test_a_wrong_fault_is_an_error(device, line, number):
    """As with every other command."""
    lab = device(remote_faults=True)
    assert lab.handle(f"{line};:SYST:ERR?").startswith(number)


def test_faults_cannot_be_switched_by_command_otherwise(device):
    """A real instrument has no such command."""
    assert device().handle("SIM:FAUL silent,1;:SYST:ERR?").startswith("-113")


def test_commands_about_faults_are_known():
    """They are heard through all faults."""
    assert is_about_faults(":simulate:fault silent,0")
    assert is_about_faults("SIM:FAUL? late")
    assert not is_about_faults("SIMULTANEOUS?")
    assert not is_about_faults("")
