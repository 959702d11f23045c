"""Instruments on TCP, as any client sees them."""

import contextlib
import socket
import threading
import time

import pytest
from support.waiting import eventually

from dripline.errors import ConfigurationError
from dripline.simulation import Instrument
from dripline.simulation.instrument import MOST_RECEIVED

from .conftest import SUPPLY, Client


def test_a_plain_socket_is_a_client(instrument, client):
    """One writes a line and reads a line; the record has what was written."""
    assert client.ask("*IDN?") == "dripline,supply,0,simulated"
    client.write("VOLT 7")
    assert client.ask("VOLT?;POW?") == "7;14"
    assert instrument.received == ["*IDN?", "VOLT 7", "VOLT?;POW?"]
    assert instrument.values["VOLT"] == 7
    instrument.values["VOLT"] = 8
    assert client.ask("VOLT?") == "8"
    assert repr(instrument) == f"<Instrument 'supply' at 127.0.0.1:{instrument.address[1]}>"


def test_pyvisa_is_a_client(instrument):
    """Its Python backend, on a socket."""
    pyvisa = pytest.importorskip("pyvisa")
    host, port = instrument.address
    manager = pyvisa.ResourceManager("@py")
    try:
        resource = manager.open_resource(
            f"TCPIP::{host}::{port}::SOCKET", read_termination="\n", write_termination="\n"
        )
        resource.timeout = 10000
        assert resource.query("*IDN?") == "dripline,supply,0,simulated"
        resource.write("VOLT 7")
        assert resource.query_ascii_values("VOLT?;CURR?", separator=";") == [7, 2]
        resource.close()
    finally:
        manager.close()


def test_many_clients_get_their_own_answers(connect):
    """At the same time, each in order; nobody gets another's."""
    wrong, clients = [], [connect() for _ in range(8)]

    def talk(number, client):
        for turn in range(100):
            limit = ("MIN", "MAX", "DEF")[(number + turn) % 3]
            if client.ask(f"VOLT? {limit}") != {"MIN": "0", "MAX": "30", "DEF": "5"}[limit]:
                wrong.append((number, turn))

    threads = [threading.Thread(target=talk, args=pair) for pair in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_slow_answer_keeps_only_its_client_waiting(instrument, connect):
    """Another one is served meanwhile."""
    slow, quick = connect(), connect()
    assert quick.ask("*OPC?") == "1"
    instrument.faults.delay_s = 0.5
    begin = time.monotonic()
    slow.write("VOLT?")
    assert eventually(lambda: "VOLT?" in instrument.received)
    connect()
    assert eventually(lambda: len(instrument._server._clients) == 3)  # it is done with the question
    instrument.faults.delay_s = 0
    assert quick.ask("CURR?") == "2"
    assert slow.read() == "5"
    assert time.monotonic() - begin >= 0.5


def test_an_answer_can_be_missing_or_come_late(instrument, client):
    """On the wire as in the other tests."""
    instrument.faults.silent = True
    client.write("VOLT?")
    assert client.hears_nothing()
    instrument.faults.silent = False
    instrument.faults.late = True
    client.write("VOLT?")
    assert client.hears_nothing()
    instrument.faults.late = False
    assert [client.ask("CURR?"), client.read()] == ["2", "5"]


def test_a_connection_can_end_instead_of_an_answer(instrument, client, connect):
    """Once; the next connection is a good one."""
    instrument.faults.disconnect = True
    assert client.ask("VOLT?") == ""
    assert connect().ask("VOLT?") == "5"


def test_connections_can_be_refused(instrument, client, connect):
    """New ones only, until it is over."""
    assert client.ask("VOLT?") == "5"
    instrument.faults.refuse = True
    with contextlib.suppress(ConnectionResetError):  # as soon as while it connects
        assert connect().read() == ""
    assert client.ask("VOLT?") == "5"
    instrument.faults.refuse = False
    assert connect().ask("VOLT?") == "5"


def test_connections_can_be_cut(instrument, connect):
    """All there are; the instrument goes on with its values."""
    clients = [connect(), connect()]
    assert [client.ask("VOLT 6;VOLT?") for client in clients] == ["6", "6"]
    instrument.disconnect()
    assert [client.ask("VOLT?") for client in clients] == ["", ""]
    assert connect().ask("VOLT?") == "6"


def test_it_can_be_unplugged_and_plugged_in(instrument, client, connect):
    """Clients are cut and refused, and later find it at the same port; nobody else can take that."""
    address = instrument.address
    assert client.ask("VOLT 6;VOLT?") == "6"
    for _ in range(3):
        instrument.unplug()
        instrument.unplug()
        assert instrument.address == address
        assert client.read() == ""
        with pytest.raises(ConnectionRefusedError):
            connect()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(address)
        instrument.plug_in()
        instrument.plug_in()
        client = connect()
        assert client.ask("VOLT?") == "6"


def test_what_was_asked_is_answered_to_one_who_has_said_all(client):
    """As in `echo 'VOLT?' | nc host port`."""
    client.socket.sendall(b"VOLT?\nCURR?\nVOL")
    client.socket.shutdown(socket.SHUT_WR)
    assert [client.read(), client.read(), client.read()] == ["5", "2", ""]


def test_a_client_that_reads_late_gets_everything(client):
    """More than fits in any buffer."""
    sender = threading.Thread(target=client.socket.sendall, args=(b"*IDN?\n" * 100000,))
    sender.start()
    assert all(client.read() == "dripline,supply,0,simulated" for _ in range(100000))
    sender.join()


def test_clients_may_go_without_a_word(instrument, connect):
    """In the middle of a slow answer, or with answers unread."""
    instrument.faults.delay_s = 0.05
    for _ in range(5):
        gone = connect()
        gone.write("VOLT?")
        gone.close()
    instrument.faults.delay_s = 0
    for _ in range(5):
        gone = connect()
        gone.socket.sendall(b"*IDN?\n" * 5000)
        gone.close()
    assert connect().ask("VOLT?") == "5"
    assert eventually(lambda: len(instrument._server._clients) == 1)


def test_the_record_is_bounded(instrument, client):
    """The last ones are kept."""
    count = MOST_RECEIVED + 50
    client.socket.sendall(b"".join(b"VOLT %d\n" % (number % 30) for number in range(count)) + b"*OPC?\n")
    assert client.read() == "1"
    assert len(instrument.received) == MOST_RECEIVED
    assert instrument.received[-1] == "*OPC?"


def test_starting_is_quick_and_stopping_leaves_nothing(no_leaks):
    """Also twice, and with a client; it comes back at the same port."""
    instrument = Instrument(SUPPLY)
    instrument.stop()
    begin = time.perf_counter()
    instrument.start()
    assert time.perf_counter() - begin < 10  # a few milliseconds on an idle machine
    address = instrument.start().address
    client = Client(address)
    assert client.ask("VOLT?") == "5"
    instrument.stop()
    instrument.stop()
    assert client.read() == ""
    client.close()
    instrument.disconnect()
    instrument.unplug()
    with instrument:
        assert instrument.address == address
        again = Client(address)
        assert again.ask("VOLT?") == "5"
        again.close()


def test_an_instrument_that_is_unplugged_can_be_stopped(no_leaks):
    """And listens when it is started again."""
    instrument = Instrument(SUPPLY).start()
    instrument.unplug()
    instrument.stop()
    with instrument:
        client = Client(instrument.address)
        assert client.ask("VOLT?") == "5"
        client.close()


@pytest.mark.parametrize(("host", "reason"), [("127.0.0.1", "in use"), ("192.0.2.1", "assign")])
def test_where_it_cannot_listen_it_says_so(instrument, host, reason):
    """In one line, with what to do."""
    with pytest.raises(ConfigurationError, match=reason) as error:
        Instrument({"name": "second", "host": host, "port": instrument.address[1]}).start()
    assert "\n" not in str(error.value)
    assert f"second: cannot listen at {host}:{instrument.address[1]}: " in str(error.value)
    assert "choose another" in str(error.value)


def test_a_failure_of_ours_cuts_one_client_only(instrument, connect, monkeypatch, caplog):
    """It is told in the log, and the others are served."""
    bad, good = connect(), connect()
    assert good.ask("VOLT?") == "5"
    handle = instrument._device.handle

    def breaks(line):
        if line == "BREAK":
            raise RuntimeError("broken")
        return handle(line)

    monkeypatch.setattr(instrument._device, "handle", breaks)
    assert bad.ask("BREAK") == ""
    assert good.ask("VOLT?") == "5"
    assert "a command could not be carried out" in caplog.text


def test_with_faults_on_nobody_gets_anothers_answer(no_leaks):
    """Silent, cut off, late, hung up and unplugged again and again: an answer is one's own, or none."""
    description = {
        "seed": 1,
        "values": {f"LABel{number}": {"initial": ""} for number in range(6)},
        "faults": dict.fromkeys(("silent", "truncated", "late", "disconnect", "refuse"), 0.05),
    }
    wrong, done = [], threading.Event()

    def talk(number, address):
        client, mine = None, 0
        while mine < 100:
            try:
                client = client or Client(address, timeout_s=0.05)
                answer = client.ask(f"LAB{number} '{number}-{mine}#';LAB{number}?")
            except TimeoutError:
                continue
            except OSError:
                answer = ""
                time.sleep(0.001)  # it is unplugged
            if not answer:
                client = client and client.close()
                continue
            mine += 1
            # What was cut off stands before the next one, a late one comes again: all of this client.
            wrong.extend(part for part in answer.split("#") if part and not part.startswith(f"{number}"))
        if client:
            client.close()

    def unplug(instrument):
        while not done.wait(0.1):
            instrument.unplug()
            instrument.plug_in()

    with Instrument(description) as instrument:
        threads = [threading.Thread(target=talk, args=(number, instrument.address)) for number in range(6)]
        hand = threading.Thread(target=unplug, args=(instrument,))
        for thread in (hand, *threads):
            thread.start()
        for thread in threads:
            thread.join()
        done.set()
        hand.join()
        instrument.faults.clear()
        client = Client(instrument.address)
        assert client.ask("*OPC?") == "1"
        client.close()
    assert wrong == []


@pytest.mark.parametrize("host", ["a..b", "", "no-such-host.invalid", "192.0.2.1"])
def test_a_host_that_is_none_of_this_machine_is_told(host):
    """It is the host that has to be another one, not the port."""
    with pytest.raises(ConfigurationError, match=r"cannot listen at .*; choose another host, such as localhost"):
        Instrument({"host": host}).start()


def test_half_a_character_is_told():
    """Nobody could send it."""
    with pytest.raises(ConfigurationError, match="command_terminator: has half a character"):
        Instrument({"command_terminator": "\ud800"})
