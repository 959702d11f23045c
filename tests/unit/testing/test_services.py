"""What stands in a test's way is told in a few words, where its author can do something about it."""

from __future__ import annotations

import pytest

from dripline.broker import EmbeddedBroker


def reasons(result: pytest.RunResult) -> str:
    """What a run printed below its list of tests."""
    return result.stdout.str().partition("[100%]")[2].rpartition("short test summary")[0]


def test_mistakes_of_a_configuration_are_all_told(sample) -> None:
    """One line each, without a traceback."""
    result = sample(
        """
def test_mistakes(dripline_service):
    dripline_service({"name": "x", "endpoints": [{"name": "a", "module": "KeyValueStor"}, {"nam": 3}]})
"""
    )
    result.assert_outcomes(failed=1)
    text = reasons(result)
    assert "service 'x' cannot run:\nendpoints.0.module: " in text
    assert "did you mean 'KeyValueStore'" in text
    assert "endpoints.1.nam: " in text
    assert "Error" not in text


def test_mistakes_of_a_file_have_their_place(sample, pytester) -> None:
    """File, line and column, as `dl-serve` tells them."""
    pytester.makefile(".yaml", heating="name: heating\nendpoints:\n- name: a\n  modul: Entity\n")
    result = sample("""
def test_mistakes(dripline_service):
    dripline_service("heating.yaml")
""")
    result.assert_outcomes(failed=1)
    assert "heating.yaml:4:3: endpoint 'a'" in reasons(result)


def test_a_file_that_is_not_there(sample, pytester) -> None:
    """The folders are named, and a file of a similar name."""
    pytester.makefile(".yaml", heating="name: heating\n")
    result = sample("""
def test_no_file(dripline_service):
    dripline_service("heatin.yaml")
""")
    result.assert_outcomes(failed=1)
    expected = f"heatin.yaml: there is no such file in {pytester.path}; did you mean 'heating.yaml'?"
    assert expected in reasons(result)


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        ("Furnace, name='f', limt=3", "Furnace cannot run: unknown argument 'limt'; did you mean 'limit'?"),
        ("Service, nam='f'", "Service cannot run: unknown argument 'nam'; did you mean 'name'?"),
        ("3", "3 cannot run: a service is started from a file, a dict, a class"),
        ("{'name': 'x', 'module': 'Furnac'}", "service 'x' cannot run: module: "),
    ],
)
def test_what_cannot_be_started(sample, call: str, reason: str) -> None:
    """A typing error in a test is one line, too."""
    result = sample(f"\ndef test_wrong(dripline_service):\n    dripline_service({call})\n")
    result.assert_outcomes(failed=1)
    assert reason in reasons(result)


def test_a_constructor_that_fails_is_shown_with_its_line(sample) -> None:
    """It is the author's own code, so the traceback leads there."""
    result = sample("""
def test_no_limit(dripline_service):
    dripline_service(Furnace, name="furnace", limit=0)
""")
    result.assert_outcomes(failed=1)
    assert "self.per_kelvin = 1 / limit" in reasons(result)
    assert "Furnace cannot run: ZeroDivisionError: division by zero (" in reasons(result)


def test_the_same_name_twice_is_told_at_once(sample) -> None:
    """Without waiting whether the first one goes away."""
    result = sample("""
def test_twice(dripline_service):
    dripline_service(Furnace, name="furnace")
    dripline_service(Furnace, name="furnace")
""")
    result.assert_outcomes(failed=1)
    assert "a service 'furnace_service' runs already in this test" in reasons(result)


def test_a_service_that_dies_early_is_told(sample) -> None:
    """Its own reason is the test's."""
    result = sample("""
class Weak(Service):
    def run(self):
        raise ThrowReply("resource_error", "no power")

def test_weak(dripline_service):
    dripline_service(Weak, name="weak")
""")
    result.assert_outcomes(failed=1)
    assert "Weak cannot run: no power" in reasons(result)


def test_a_service_that_dies_later_fails_the_test(sample) -> None:
    """Also when the test itself passed."""
    result = sample("""
class Weak(Service):
    def listen(self):
        Service.listen(self)
        raise RuntimeError("no power")

def test_weak(dripline_service):
    dripline_service(Weak, name="weak").cancel()
""")
    result.assert_outcomes(passed=1, errors=1)
    assert "service 'weak' ended by itself: RuntimeError: no power (" in reasons(result)


def test_alerts_that_do_not_come(sample) -> None:
    """Those that came are shown."""
    result = sample("""
def test_two(dripline_service, dripline_alerts):
    alerts = dripline_alerts("sensor_value.#", "other.#")
    dripline_service(Furnace, name="furnace", log_interval=1000)
    alerts.wait_for(1)
    alerts.wait_for(2, timeout_s=0.01)
""")
    result.assert_outcomes(failed=1)
    text = reasons(result)
    assert "2 alerts were awaited for 'sensor_value.#', 'other.#', 1 came within 0.01 s:" in text
    assert "sensor_value.furnace: {'value_raw': 293}" in text


def test_an_instrument_that_cannot_be(sample) -> None:
    """Its description's mistakes, without a traceback."""
    result = sample("""
def test_wrong(scpi_instrument):
    scpi_instrument({"valeus": {}})
""")
    result.assert_outcomes(failed=1)
    assert "valeus" in reasons(result)
    assert "ConfigurationError" not in reasons(result)


def test_a_thread_that_is_left_behind_fails_the_test(sample) -> None:
    """By its name; services, clients and instruments of the other fixtures do not count."""
    result = sample("""
import threading
from dripline.testing import leaks

@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(leaks, "PATIENCE_S", 0.05)

def test_left(dripline_no_leaks):
    threading.Thread(target=threading.Event().wait, args=(3,), name="forgotten").start()

def test_clean(dripline_service, dripline_alerts, scpi_instrument, dripline_no_leaks):
    dripline_service(Furnace, name="furnace")
    dripline_alerts("#")
    scpi_instrument({"values": {"VOLT": {"initial": 5}}})
""")
    result.assert_outcomes(passed=2, errors=1)
    assert "threads left behind: forgotten" in reasons(result)


def test_another_broker_can_be_used(sample, monkeypatch) -> None:
    """By option or environment; its exchanges are the test's own, and it cannot be stopped."""
    text = """
def test_a_mesh(dripline_service, dripline_client, dripline_mesh, dripline_broker):
    dripline_service(Furnace, name="furnace")
    assert dripline_client.get("furnace") == {"value_raw": 293}
    assert (dripline_broker.username, dripline_broker.virtual_host) == ("ada", "lab")
    assert dripline_mesh["alerts_exchange"] != "alerts"
    assert not dripline_broker.is_embedded
    dripline_broker.stop()
"""
    with EmbeddedBroker(port=0, username="ada", password="p@ss", virtual_host="lab") as broker:
        url = f"amqp://ada:p%40ss@{broker.host}:{broker.port}/lab"
        by_option = sample(text, f"--dripline-broker={url}", "-rs")
        monkeypatch.setenv("DRIPLINE_TEST_BROKER", url)
        by_variable = sample.again("-rs")
    for result in (by_option, by_variable):
        result.assert_outcomes(skipped=1)
        result.stdout.fnmatch_lines([f"dripline: tests use the broker at {broker.host}:{broker.port}/lab"])
        result.stdout.fnmatch_lines(["*is not the test's own: it cannot be stopped here"])
        assert "p%40ss" not in result.stdout.str()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("amqp://guest:s3cret@127.0.0.1:1", "127.0.0.1:1 (Connection refused)"),
        ("localhost:5672", "is no address of a broker; one looks like amqp://"),
        ("https://me:s3cret@host", "'https://…@host' is no address of a broker"),
        ("amqp://host:port", "is no address of a broker"),
    ],
)
def test_a_broker_that_cannot_be_used(sample, url: str, reason: str) -> None:
    """One line that tells the option, and no secret."""
    result = sample("\ndef test_a_mesh(dripline_client): ...\n", f"--dripline-broker={url}")
    result.assert_outcomes(errors=1)
    assert "--dripline-broker: " in reasons(result)
    assert reason in reasons(result)
    assert "s3cret" not in result.stdout.str()
