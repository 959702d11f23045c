"""`dl serve` with instruments: what somebody reads who got something wrong."""

from __future__ import annotations

import pytest

ETHERNET = 'name: psu\nmodule: EthernetSCPIService\nsocket_info: localhost:1\nresponse_terminator: "\\n"\n'
SERIAL = "name: psu\nmodule: SerialSCPIService\nport: /dev/ttyNOWHERE\n"
VISA = "name: psu\nmodule: VISAService\nresource_name: TCPIP::localhost::hislip0,1::INSTR\n"


@pytest.mark.parametrize("configuration", [ETHERNET, SERIAL, VISA], ids=["tcp", "serial", "visa"])
def test_an_instrument_that_is_not_there_is_one_line(shell, free_port, configuration):
    """The service starts, and what the libraries below would print is left out."""
    running = shell.start("dl", "serve", shell.write("service.yaml", configuration), "-p", str(free_port))
    running.wait_until(lambda: " serves " in running.stderr)
    away = [line for line in running.stderr.splitlines() if "the device is away, going on trying" in line]
    assert len(away) == 1
    assert " psu: device at " in away[0]
    assert "Traceback" not in running.stderr
    assert " error " not in running.stderr
    assert running.end() == 0


@pytest.mark.parametrize(
    ("configuration", "key"),
    [
        (ETHERNET.replace("response_terminator", "#"), "response_terminator"),
        (ETHERNET + "socket_timeout: 0\n", "socket_timeout"),
        (SERIAL + "parity: X\n", "parity"),
        (VISA.replace("TCPIP::", ""), "resource_name"),
    ],
    ids=["terminator", "timeout", "parity", "resource"],
)
def test_a_mistake_is_one_line(shell, free_port, configuration, key):
    """With the service's name and the key."""
    done = shell.run("dl", "serve", shell.write("service.yaml", configuration), "-p", str(free_port))
    assert done.returncode != 0
    told = [line for line in done.stderr.splitlines() if key in line]
    assert len(told) == 1
    assert "psu" in told[0]
    assert "Traceback" not in done.stderr
