"""What a value is at a moment."""

import math
import statistics

import pytest


def _readings(device, clock, count, step_s=1.0):
    for _ in range(count):
        clock.now += step_s
        yield float(device.handle("X?"))


def test_noise_is_gaussian(device, clock):
    """Around the value, which Python sees without it."""
    quiet = device({"X": {"initial": 10, "noise": 0.5}})
    readings = list(_readings(quiet, clock, 500))
    assert statistics.mean(readings) == pytest.approx(10, abs=0.15)
    assert statistics.stdev(readings) == pytest.approx(0.5, rel=0.2)
    assert quiet.level("X") == 10


def test_a_seed_repeats_the_noise(device, clock):
    """For a test that must see the same twice."""
    values = {"X": {"noise": 1}}
    assert list(_readings(device(values), clock, 5)) == list(_readings(device(values), clock, 5))
    assert list(_readings(device(values), clock, 5)) != list(_readings(device(values, seed=2), clock, 5))


def test_drift_goes_with_time_and_ends_at_the_limit(device, clock):
    """A command ends it, and it begins again."""
    drifting = device({"X": {"initial": 1, "drift": 0.5, "max": 3}})
    assert list(_readings(drifting, clock, 5)) == [1.5, 2.0, 2.5, 3.0, 3.0]
    drifting.handle("X 2")
    assert list(_readings(drifting, clock, 2)) == [2.5, 3.0]


def test_a_random_walk_does_not_depend_on_how_often_it_is_read(device, clock):
    """It spreads with the root of the time."""
    few, many = [], []
    for seed in range(150):
        few += [*_readings(device({"X": {"random_walk": 1}}, seed=seed), clock, 1, 16)]
        many += [[*_readings(device({"X": {"random_walk": 1}}, seed=seed), clock, 16, 1)][-1]]
    assert statistics.stdev(few) == pytest.approx(4, rel=0.25)
    assert statistics.stdev(many) == pytest.approx(4, rel=0.25)


def test_a_random_walk_stays_within_the_limits(device, clock):
    """However long it goes."""
    walking = device({"X": {"random_walk": 5, "min": -1, "max": 1}})
    assert all(-1 <= reading <= 1 for reading in _readings(walking, clock, 200))


def test_a_value_settles_with_its_time_constant(device, clock):
    """After one time constant 63 % of the way are gone, however often it was read."""
    slow = device({"X": {"initial": 0, "settling_s": 10}})
    slow.handle("X 100")
    assert slow.handle("X?") == "0"
    assert list(_readings(slow, clock, 10))[-1] == pytest.approx(100 * (1 - math.exp(-1)), rel=1e-6)
    clock.now += 1000
    assert float(slow.handle("X?")) == pytest.approx(100)


def test_a_formula_settles_too(device, clock):
    """It starts settled, and sees what was set when it was set, not when it is read."""
    supply = device({"SET": 10, "X": {"formula": "SET * 2", "settling_s": 10}})
    assert supply.handle("X?") == "20"
    clock.now += 1000
    supply.handle("SET 20")
    assert float(supply.handle("X?")) == pytest.approx(20)
    clock.now += 10
    assert float(supply.handle("X?")) == pytest.approx(40 - 20 * math.exp(-1))


def test_a_formula_knows_the_time(device, clock):
    """Since the instrument was made."""
    waves = device({"X": {"formula": "2 * time_s"}})
    assert list(_readings(waves, clock, 2)) == [2, 4]


def test_formulas_follow_formulas(device):
    """In whatever order they are described."""
    assert device({"C": {"formula": "B + 1"}, "B": {"formula": "A * 2"}, "A": 3}).handle("C?") == "7"


def test_a_formula_ends_at_the_limits(device):
    """As a supply does that cannot give more."""
    assert device({"X": {"formula": "R * 10", "max": 3}, "R": 0.1}).handle("X?;R 2;X?") == "1;3"


def test_no_result_is_scpis_not_a_number(device):
    """As a real instrument says it; and a result that comes back is a number again."""
    ratio = device({"A": 1, "B": 0, "X": {"formula": "A / B", "noise": 0.1, "settling_s": 1}, "N": {
        "type": "integer", "formula": "A / B"}, "ON": {"type": "boolean", "formula": "A / B > 1"}})  # fmt: skip
    assert ratio.handle("X?") == "9.91e+37"
    assert float(ratio.handle("N?")) == pytest.approx(9.91e37)
    assert ratio.handle("ON?") == "0"
    assert ratio.handle("B 1;X?").startswith(("0.", "1."))


def test_a_formula_can_make_a_switch(device):
    """Answered 1 and 0 as others are."""
    alarm = device({"T": 20, "HOT": {"type": "boolean", "formula": "T > 30"}})
    assert alarm.handle("HOT?;T 40;HOT?") == "0;1"


def test_whole_numbers_stay_whole(device, clock):
    """With noise and drift, too."""
    counter = device({"X": {"type": "integer", "initial": 10, "noise": 2, "drift": 0.3}})
    assert all(reading == int(reading) for reading in _readings(counter, clock, 20))
