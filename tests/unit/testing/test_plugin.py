"""The plugin's fixtures, each in a test as an author of extensions writes it."""

from __future__ import annotations

import subprocess
import sys

import pytest

FIXTURES = ["broker", "mesh", "client", "service", "alerts", "no_leaks"]


def test_a_test_without_broker_is_three_lines(sample) -> None:
    """`talk_to` needs no fixture."""
    sample(
        """
def test_a_furnace_is_calibrated():
    furnace = talk_to(Furnace(name="furnace", calibration="{} - 273"))
    assert furnace.get()["value_cal"] == 20
"""
    ).assert_outcomes(passed=1)


def test_a_service_is_made_of_an_endpoint(sample) -> None:
    """It can be reached at once, by the client and by itself."""
    sample(
        """
def test_a_furnace_answers(dripline_service, dripline_client):
    service = dripline_service(Furnace, name="furnace", limit=500)
    dripline_client.set("furnace", 400)
    assert dripline_client.get("furnace") == {"value_raw": 400}
    assert service.sync_children["furnace"].limit == 500
    assert service.get("furnace", "limit") == {"values": [500]}

def test_an_endpoint_that_is_there(dripline_service, dripline_client):
    dripline_service(Furnace(name="furnace"))
    assert dripline_client.get("furnace") == {"value_raw": 293}
"""
    ).assert_outcomes(passed=2)


def test_a_service_is_made_of_a_class_or_an_object(sample) -> None:
    """A service's own `run` is used, as `dl-serve` does it."""
    sample(
        """
class Supply(Service):
    ran = False
    def run(self):
        self.ran = True
        Service.run(self)

def test_a_class(dripline_service, dripline_client):
    supply = dripline_service(Supply, name="supply", endpoints=[{"name": "a", "module": "Endpoint"}])
    dripline_client.cmd("a", "ping")
    assert supply.ran

def test_an_object(dripline_service, dripline_client, dripline_broker):
    dripline_service(Supply("supply", **dripline_broker.login))
    dripline_client.cmd("supply", "ping")
"""
    ).assert_outcomes(passed=2)


def test_a_service_is_made_of_a_file_or_a_dict(sample, pytester) -> None:
    """What stands in the file is checked and made as by `dl-serve`; keywords count instead of it."""
    pytester.makefile(
        ".yaml",
        heating="name: heating\ndripline_mesh: {broker: far-away, max_payload_size: 500}\n"
        "username: nobody\nendpoints:\n- {name: hot, module: Oven, module_path: oven.py, initial_value: 9}\n",
    )
    pytester.makepyfile(
        oven="from dripline.implementations import KeyValueStore\n\nclass Oven(KeyValueStore):\n    pass\n"
    )
    sample(
        """
def test_a_file(dripline_service, dripline_client):
    service = dripline_service("heating.yaml")
    assert dripline_client.get("hot")["value_raw"] == 9
    assert service.enable_scheduling

def test_overrides(dripline_service, dripline_client):
    dripline_service("heating.yaml", name="other", **{"endpoints.0.initial_value": 3})
    assert dripline_client.get("hot")["value_raw"] == 3
    dripline_client.cmd("other", "ping")

def test_a_dict(dripline_service, dripline_client):
    dripline_service({"name": "s", "enable_scheduling": False, "endpoints": [{"name": "a", "module": "Endpoint"}]})
    dripline_client.cmd("a", "ping")
"""
    ).assert_outcomes(passed=3)


def test_options_of_the_broker(sample) -> None:
    """A fixture gives the embedded broker other rules, or another login, and the test's clients use it."""
    sample(
        """
import pytest
from dripline.broker import rabbitmq

@pytest.fixture
def dripline_broker_options():
    return {"compatibility": rabbitmq("4.3"), "username": "lab", "password": "secret", "virtual_host": "mesh"}

def test_a_furnace_answers(dripline_service, dripline_client, dripline_broker):
    dripline_service(Furnace, name="furnace")
    assert dripline_client.get("furnace")["value_raw"] == 293
    rules = dripline_broker.own().call(lambda state: state.settings.compatibility)
    assert (rules.version, rules.delivery_limit) == ("4.3.0", 20)
    assert (dripline_broker.username, dripline_broker.virtual_host) == ("lab", "mesh")
"""
    ).assert_outcomes(passed=1)


def test_alerts_are_recorded_from_the_call_on(sample) -> None:
    """The binding is there when the factory returns, so nothing is missed; other keys are not heard."""
    sample(
        """
def test_a_reading_is_logged(dripline_service, dripline_alerts):
    readings, others = dripline_alerts("sensor_value.#"), dripline_alerts("heartbeat.#")
    furnace = dripline_service(Furnace, name="furnace", log_interval=1000).sync_children["furnace"]
    furnace.log_a_value({"value_raw": 1})
    assert len(readings.wait_for(2)) == 2
    assert {"value_raw": 1} in readings.payloads and {"value_raw": 293} in readings.payloads
    assert set(readings.routing_keys) == {"sensor_value.furnace"}
    assert [alert.is_alert() for alert in readings] == [True, True]
    assert not others
    readings.clear()
    assert not readings
"""
    ).assert_outcomes(passed=1)


def test_an_instrument_is_simulated(sample, pytester) -> None:
    """From a description or a file; each at a port of its own."""
    pytester.makefile(".yaml", supply="port: 5025\nvalues: {VOLT: {initial: 5}}\n")
    sample(
        """
import socket

def ask(instrument, line):
    with socket.create_connection(instrument.address, 5) as connection, connection.makefile("rw") as stream:
        stream.write(line + "\\n")
        stream.flush()
        return stream.readline().strip()

def test_instruments(scpi_instrument):
    one, other = scpi_instrument({"values": {"VOLT": {"initial": 3}}}), scpi_instrument("supply.yaml")
    assert float(ask(one, "VOLT?")) == 3
    assert float(ask(other, "VOLT?")) == 5
    assert one.received == ["VOLT?"]
"""
    ).assert_outcomes(passed=1)


def test_a_mesh_can_be_changed_for_all(sample) -> None:
    """A fixture of the same name is what the others build on."""
    sample(
        """
@pytest.fixture
def dripline_mesh(dripline_mesh):
    return {**dripline_mesh, "heartbeat_routing_key": "pulse"}

def test_the_pulse(dripline_service, dripline_alerts):
    pulse = dripline_alerts("pulse.#")
    dripline_service({"name": "s", "heartbeat_interval_s": 0.01})
    dripline_service(Service, name="t", heartbeat_interval_s=0.01)
    pulse.wait_for(1)
    while set(pulse.routing_keys) != {"pulse.s", "pulse.t"}:
        pulse.wait_for(len(pulse) + 1)
"""
    ).assert_outcomes(passed=1)


def test_a_broker_can_be_stopped_and_started(sample) -> None:
    """So that a service's recovery is tested; everything is declared again."""
    sample(
        """
def test_recovery(dripline_broker, dripline_service, dripline_client, dripline_alerts):
    from dripline.core import AlertConsumer
    ready = dripline_alerts("#")
    service = dripline_service(Service, name="s")
    dripline_broker.stop()
    dripline_broker.start()
    from dripline.errors import RequestError, BrokerError
    import time
    deadline = time.monotonic() + 30
    while True:
        try:
            assert dripline_client.cmd("s", "ping", timeout_s=5) is None
            return
        except (RequestError, BrokerError):
            assert time.monotonic() < deadline
            time.sleep(0.02)
"""
    ).assert_outcomes(passed=1)


def test_nobodys_settings_count(sample, pytester, monkeypatch) -> None:
    """The mesh file and the login of the person who runs the tests do not count, even when they are wrong."""
    (pytester.path / ".dripline_mesh.yaml").write_text("no_such_setting: 3\nbroker: far-away\n")
    monkeypatch.setenv("HOME", str(pytester.path))
    monkeypatch.setenv("DRIPLINE_USER", "somebody")
    monkeypatch.setenv("DRIPLINE_PASSWORD", "s3cret")
    sample(
        """
def test_alone(dripline_service, dripline_broker):
    from dripline.core import Interface
    dripline_service(Furnace, name="furnace")
    dripline_service({"name": "other", "endpoints": [{"name": "a", "module": "KeyValueStore"}]})
    with Interface() as unaware:
        assert unaware.get("furnace") == {"value_raw": 293}
"""
    ).assert_outcomes(passed=1)


def test_the_fixtures_tell_how_they_are_used(sample) -> None:
    """`pytest --fixtures -v` shows each with an example."""
    text = sample("", "--fixtures", "-v").stdout.str()
    for name in [*(f"dripline_{short}" for short in FIXTURES), "scpi_instrument"]:
        section = text.split(f"\n{name} -- ")[1].split(" -- ")[0]
        assert "::" in section, name


def test_the_plugin_costs_nothing() -> None:
    """Every pytest run of whoever has dripline imports it: it brings no pika, no YAML, no asyncio."""
    code = (
        "import pytest, sys; before = set(sys.modules); import dripline.testing.plugin;"
        "print(*(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    brought = set(done.stdout.split())
    assert "dripline.testing.plugin" in brought
    assert {name for name in brought if name.startswith("dripline")} <= {
        "dripline",
        "dripline.package_setup",
        "dripline.testing",
        "dripline.testing.plugin",
        "dripline.wire",
    }
    assert not brought & {"asyncio", "click", "pika", "scarab", "yaml"}


@pytest.mark.parametrize("name", ["Broker", "RecordedAlerts", "Services", "Talk", "broker_for_tests"])
def test_what_the_package_exports_is_there(name: str) -> None:
    """Each name is imported when it is asked for."""
    import dripline.testing

    assert name in dir(dripline.testing)
    assert getattr(dripline.testing, name).__name__ == name


def test_other_names_are_refused() -> None:
    """As by any module."""
    import dripline.testing

    with pytest.raises(AttributeError, match="no attribute 'talk_too'"):
        _ = dripline.testing.talk_too
