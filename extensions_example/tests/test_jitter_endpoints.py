"""Test the jitter endpoints without a broker: an endpoint is an ordinary Python object."""

import pytest

from dripline.errors import ErrorReply
from dripline.extensions.jitter import JitterEntity, version
from dripline.testing import talk_to


def reading(endpoint: JitterEntity) -> float:
    """Return one raw reading, requested as a client on the mesh would request it."""
    return talk_to(endpoint).get()["value_raw"]


def test_a_reading_stays_within_the_fraction() -> None:
    """No reading differs from the stored value by more than the fraction."""
    endpoint = JitterEntity(name="t", initial_value=-10.0, jitter_fraction=0.2)
    assert all(-12 <= reading(endpoint) <= -8 for _ in range(200))


def test_readings_differ() -> None:
    """Two consecutive readings are different."""
    endpoint = JitterEntity(name="t", initial_value=10.0)
    assert reading(endpoint) != reading(endpoint)


def test_the_calibration_sees_the_reading_and_not_the_stored_value() -> None:
    """The calibrated value is computed from the raw value in the same reply."""
    endpoint = JitterEntity(name="t", initial_value=10.0, calibration="2*{}")
    result = talk_to(endpoint).get()
    assert result["value_cal"] == pytest.approx(2 * result["value_raw"])


def test_the_same_seed_gives_the_same_readings() -> None:
    """The seed can be set by the configuration or by a command."""
    first = JitterEntity(name="t", initial_value=10.0, seed=7)
    readings = [reading(first) for _ in range(3)]
    second = JitterEntity(name="t", initial_value=10.0)
    talk_to(second).cmd("update_seed", 7)
    assert [reading(second) for _ in range(3)] == readings


def test_a_stored_text_is_an_error_reply() -> None:
    """The error names the stored text, and the endpoint works again once a number is stored."""
    endpoint = JitterEntity(name="t", initial_value=10.0)
    talk_to(endpoint).set("warm")
    with pytest.raises(ErrorReply, match="t: the stored value 'warm' is not a number") as caught:
        talk_to(endpoint).get()
    assert caught.value.return_code == 304
    talk_to(endpoint).set(3.0)
    assert reading(endpoint) == pytest.approx(3.0, rel=0.1)


def test_the_version_is_the_distributions() -> None:
    """Messages contain the version of the installed distribution."""
    assert version.version == "1.0.0"
    assert version.package == "dripline-jitter"
