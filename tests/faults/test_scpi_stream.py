"""A power supply that is unplugged, plugged in and faulty under a stream of requests."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml
from contract.meshes import Mesh, client, fresh_mesh, serving
from reports import FULL

from dripline.core import Interface
from dripline.errors import ErrorReply
from dripline.implementations import EthernetSCPIService
from dripline.simulation import Instrument

REQUESTS = 10_000 if FULL else 1200
CLIENTS = 8
TIMEOUT_S = 30
UNPLUGGED_S = 0.3

SUPPLY = """
name: power_supply
identity: Example,PSU-8,0,1.0
values: {CH0: 0, CH1: 0, CH2: 0, CH3: 0, CH4: 0, CH5: 0, CH6: 0, CH7: 0}
faults:
  silent: 0.002
  truncated: 0.002
  late: 0.002
  garbage: 0.005
  disconnect: 0.005
  slow: 0.002
  delay_s: 0.2
"""

SERVICE = r"""
socket_timeout: 0.1
command_terminator: "\n"
response_terminator: "\n"
"""

CHANNEL = r"""
name: chN
module: FormatEntity
get_str: CHN?
set_str: CHN {};CHN?
extract_raw_regex: ^(?P<value_raw>\d+)(?:\.0*)?$
get_on_set: true
"""


class Customer(threading.Thread):
    """Sets its own channel to values that no other uses, and reads it.

    Attributes:
        counts: how its requests ended.
        wrong: what must not be.
        slowest_s: the longest time that a request took.
    """

    def __init__(self, number: int, interface: Interface, device: str) -> None:
        super().__init__(name=f"test-customer-{number}")
        self._number = number
        self._interface = interface
        self._device = device
        self._possible = {0}
        self.counts: Counter[str] = Counter()
        self.wrong: list[str] = []
        self.slowest_s = 0.0

    def run(self) -> None:
        """Make this customer's share of the requests."""
        for turn in range(REQUESTS // CLIENTS):
            start = time.monotonic()
            try:
                self._ask(turn)
            except ErrorReply as error:
                self._judge(error)
            except Exception as error:  # noqa: BLE001 - whatever it is, it must not be
                self.wrong.append(f"{turn}: {type(error).__name__}: {error}")
            self.slowest_s = max(self.slowest_s, time.monotonic() - start)

    def _ask(self, turn: int) -> None:
        wanted = turn * CLIENTS + self._number
        if turn % 2:
            value = int(self._interface.get(f"ch{self._number}")["value_raw"])
        else:
            self._possible.add(wanted)  # also when the reply is an error
            value = int(self._interface.set(f"ch{self._number}", wanted)["value_raw"])
            if value != wanted:
                self.wrong.append(f"{turn}: {value} instead of {wanted}")
        if value not in self._possible:
            self.wrong.append(f"{turn}: {value} is none of {self._possible}")
        self._possible = {value}
        self.counts["answers"] += 1

    def _judge(self, error: ErrorReply) -> None:
        self.counts[str(error.return_code)] += 1
        time.sleep(0.03)  # as one would, before one asks again
        if error.return_code not in (201, 202, 304) or self._device not in str(error):
            self.wrong.append(f"{error.return_code}: {error}")


def counted(customers: list[Customer]) -> Counter[str]:
    """How all requests so far ended."""
    return sum((Counter(customer.counts) for customer in customers), Counter())


def unplug_now_and_then(supply: Instrument, customers: list[Customer]) -> int:
    """Pull the plug three times, spread over the stream, each time when the device answers; tell how often."""
    times = answers = 0
    while times < 3 and any(customer.is_alive() for customer in customers):
        counts = counted(customers)
        if counts["answers"] > answers + CLIENTS and sum(counts.values()) >= (times + 1) * REQUESTS / 5:
            supply.unplug()
            time.sleep(UNPLUGGED_S)
            supply.plug_in()
            times, answers = times + 1, counted(customers)["answers"]
        time.sleep(0.01)
    return times


@pytest.fixture
def mesh(broker) -> Mesh:
    """Exchanges of the test's own."""
    with fresh_mesh(broker) as mesh:
        yield mesh


def test_every_request_gets_its_own_answer_or_an_error_that_names_the_device(
    mesh: Mesh, tmp_path: Path, caplog, record_property
) -> None:
    """With faults on, and the plug pulled three times; each loss is said once, and each return."""
    (tmp_path / "power_supply.yaml").write_text(SUPPLY)
    channels = [yaml.safe_load(CHANNEL.replace("N", str(number))) for number in range(CLIENTS)]
    settings = {**yaml.safe_load(SERVICE), "endpoints": channels}
    settings["name"] = mesh.name("PSU")
    caplog.set_level(logging.WARNING, "dripline.implementations")
    start = time.monotonic()
    with Instrument.from_file(tmp_path / "power_supply.yaml") as supply:
        service = EthernetSCPIService(socket_info=supply.address, **settings, **mesh.login)
        with serving(service), client(mesh, timeout_s=TIMEOUT_S) as interface:
            customers = [Customer(number, interface, settings["name"]) for number in range(CLIENTS)]
            for customer in customers:
                customer.start()
            unplugged = unplug_now_and_then(supply, customers)
            for customer in customers:
                customer.join()
            supply.faults.clear()
            assert _answers_in_the_end(interface)
    counts = counted(customers)
    slowest_s = max(customer.slowest_s for customer in customers)
    summary = f"{counts}, slowest {slowest_s:.2f} s, all {time.monotonic() - start:.1f} s"
    record_property("summary", summary)
    print(summary)
    assert [problem for customer in customers for problem in customer.wrong] == []
    assert sum(counts.values()) == REQUESTS // CLIENTS * CLIENTS
    assert slowest_s < TIMEOUT_S
    assert counts["answers"] > REQUESTS / 4
    assert unplugged == 3
    assert counts["201"] >= 3
    lost, back = (caplog.text.count(words) for words in ("the device is away", "is back after"))
    assert lost == back >= 3


def _answers_in_the_end(interface: Interface) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            return interface.get("ch0") is not None
        except ErrorReply:
            time.sleep(0.05)
    return False
