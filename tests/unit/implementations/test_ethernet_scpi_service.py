"""A device at a TCP port, and packages that override how it is talked to."""

from __future__ import annotations

import socket
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.waiting import eventually

from dripline.core import Entity, ThrowReply, calibrate
from dripline.implementations import EthernetSCPIService, FormatEntity
from dripline.implementations.ethernet_scpi_service import _host_and_port

from .scripted_device import hang_up, nothing, says

pytestmark = pytest.mark.usefixtures("no_leaks")


@pytest.mark.parametrize(
    "given",
    [
        ("10.0.0.7", 5025),
        ["10.0.0.7", 5025],
        ["10.0.0.7", "5025"],
        "('10.0.0.7', 5025)",
        '("10.0.0.7",5025)',
        "['10.0.0.7', 5025]",
        "10.0.0.7, 5025",
        "10.0.0.7:5025",
    ],
)
def test_host_and_port_in_any_spelling(given):
    """A pair, a pair in a text, or with a colon."""
    assert _host_and_port(given) == ("10.0.0.7", 5025)


def test_an_address_of_ipv6():
    """In brackets before the port, or in a pair."""
    assert _host_and_port("[::1]:5025") == _host_and_port("('::1', 5025)") == ("::1", 5025)


@pytest.mark.parametrize(
    "given",
    ["", "host", "host:", ":1", "host:0", "host:65536", "host:-1", 5, None, [], ["a", 1, 2], [1, 2], "a:b:c"],
)
def test_what_is_no_address_is_refused(given):
    """The text says what one looks like."""
    with pytest.raises(ValueError, match="is host and port"):
        _host_and_port(given)


@given(st.text(max_size=40))
def test_an_address_is_read_and_never_evaluated(text):
    """Any text is an address or refused."""
    try:
        host, port = _host_and_port(text)
    except ValueError:
        return
    assert host in text
    assert 0 < port < 65536


def test_packages_find_what_they_use(serve, device):
    """Socket, lock and settings."""
    service = serve()
    assert service.socket_info == ("127.0.0.1", device.port)
    assert service.socket.getpeername() == service.socket_info
    assert service.socket.gettimeout() == service.socket_timeout == 30
    assert (service.command_terminator, service.response_terminator) == ("\n", "\n")
    assert (service.reply_echo_cmd, service.cmd_at_reconnect, service.reconnect_test) == (False, ["*OPC?"], "1")
    with service.alock:
        service.alock.acquire()
        service.alock.release()


class Framed(EthernetSCPIService):
    """Frames commands in its own way, with the socket, and reads by counts."""

    def __init__(self, **kwargs):
        self.lead = kwargs.pop("lead", "<")
        EthernetSCPIService.__init__(self, **{"reconnect_test": "<*OPC?", **kwargs})

    def _send_commands(self, commands):
        answers = []
        for command in commands:
            self.socket.send((self.lead + command + self.command_terminator).encode())
            data = b""
            while not data.endswith(b"\n"):
                part = self.socket.recv(3)
                if part == b"":
                    raise ThrowReply("resource_error_no_response", "Empty socket.recv packet")
                data += part
            answers.append(self.lead + data.decode().strip())
        return answers


def test_an_overridden_send_commands(serve, device):
    """It reads the socket itself; what it raises makes the connection new, and it is asked again."""
    device.when("<*OPC?", *[says(b"*OPC?\n")] * 9)
    service = serve(Framed)
    device.when("<A?", hang_up)
    assert service.send_to_device(["B?", "A?"]) == "<<B;<<A"
    assert device.asked == ["<*OPC?", "<B?", "<A?", "<*OPC?", "<B?", "<A?"]


def test_an_overridden_send_commands_that_times_out(serve, device):
    """The socket's own timeout becomes the error of a silent device."""
    device.when("<*OPC?", *[says(b"*OPC?\n")] * 9)
    service = serve(Framed, socket_timeout=0.6)
    device.when("<A?", nothing, nothing)
    with pytest.raises(ThrowReply, match="no answer in time") as raised:
        service.send_to_device("A?")
    assert raised.value.return_code.value == 202
    service.socket_timeout = 30
    service._reconnect()
    assert service.send_to_device("B?") == "<<B"


class Stripped(EthernetSCPIService):
    """Makes something of the base's answers."""

    def _send_commands(self, commands):
        return [f"<{answer}>" for answer in EthernetSCPIService._send_commands(self, commands)]


class Parted(EthernetSCPIService):
    """Has the base ask for the parts of a command."""

    def _send_commands(self, commands):
        return [",".join(EthernetSCPIService._send_commands(self, command.split(","))) for command in commands]


def test_an_override_that_lets_the_base_ask(serve, device):
    """Asked once more, all is its own: no answers of the base, none that belong to other commands."""
    service = serve(Stripped, reconnect_test="<1>")
    device.when("B?", hang_up)
    assert service.send_to_device(["A?", "B?"]) == "<A>;<B>"
    service = serve(Parted)
    device.when("B?", hang_up)
    assert service.send_to_device(["A?,B?", "C?"]) == "A,B;C"


class Namesake(EthernetSCPIService):
    """Has names of its own for what the base has too."""

    def __init__(self, **kwargs):
        self._line = self._medium = self._who = self._tcp = None
        EthernetSCPIService.__init__(self, **kwargs)
        self._line = self._medium = self._presence = self._in_step = self._who = None
        self._configure()

    def _configure(self):
        self._begin = self._recover = self._answers = self.send_to_device(["A?"])


def test_names_of_a_laboratory_are_its_own(serve):
    """Nothing of ours is in their way."""
    assert serve(Namesake).send_to_device("B?") == "B"


class Listening(EthernetSCPIService):
    """Listens in its own way, with the base's way to send."""

    def _listen(self, blank_command=False):
        data = ""
        try:
            while not data.endswith(self.response_terminator):
                data += self.socket.recv(1024).decode()
        except TimeoutError:
            if not blank_command:
                raise ThrowReply("resource_error_no_response", "Unexpected socket.timeout") from None
        return data[: data.rfind(self.response_terminator)].upper()


def test_an_overridden_listen(serve, device):
    """The base sends, the package listens."""
    service = serve(Listening)
    assert service.send_to_device(["ab?", "cd?"]) == "AB;CD"
    service = serve(Listening, socket_timeout=0.6)
    device.when("x?", nothing, nothing)
    with pytest.raises(ThrowReply, match=r"Unexpected socket\.timeout"):
        service.send_to_device("x?")


class Using(EthernetSCPIService):
    """Sends in its own way, and listens in the base's."""

    def _send_commands(self, commands):
        answers = []
        for command in commands:
            command += self.command_terminator
            self.socket.send(command.encode())
            data = self._listen(command == self.command_terminator)
            if self.reply_echo_cmd:
                assert data.startswith(command)
                data = data[len(command) :]
            answers.append(data)
        return answers


def test_the_base_s_listen_is_of_use_to_an_override(serve, device):
    """It waits for one answer, and knows its terminator."""
    service = serve(Using)
    device.when("A?", says(b"half"), says(b"A", b"A\n"))
    service.socket_timeout = 1.0
    assert service.send_to_device("A?") == "AA"


class Greeting(EthernetSCPIService):
    """Connects in its own way, with a socket of its own."""

    def _reconnect(self):
        self.socket.close()
        self.socket = socket.socket()
        self.socket.settimeout(self.socket_timeout)
        try:
            self.socket.connect(self.socket_info)
        except OSError:
            raise ThrowReply("resource_error_connection", "Unable to establish ethernet socket") from None
        if self._send_commands(["HELLO?"]) != ["HELLO"]:
            raise ThrowReply("resource_error_connection", "no greeting")


def test_an_overridden_reconnect(serve, device):
    """It is called for the first connection and after each loss."""
    service = serve(Greeting)
    device.when("A?", hang_up)
    assert service.send_to_device("A?") == "A"
    assert device.asked == ["HELLO?", "A?", "HELLO?", "A?"]
    device.unplug()
    with pytest.raises(ThrowReply, match="Unable to establish"):
        service.send_to_device("A?")


class Preparing(EthernetSCPIService):
    """Prepares its device on each new connection, by the same way as all else is sent."""

    def _reconnect(self):
        EthernetSCPIService._reconnect(self)
        self.send_to_device(["CONF;*OPC?"])


def test_a_reconnecting_that_sends(serve, device):
    """It is a part of reconnecting: when it fails, that failed, and is not begun anew within itself."""
    service = serve(Preparing)
    device.when("A?", hang_up)
    assert service.send_to_device("A?") == "A"
    assert device.asked == ["*OPC?", "CONF;*OPC?", "A?", "*OPC?", "CONF;*OPC?", "A?"]
    device.when("A?", hang_up)
    device.when("CONF;*OPC?", hang_up, hang_up, hang_up, hang_up)
    with pytest.raises(ThrowReply):
        service.send_to_device("A?")
    assert device.asked[6:] == ["A?", "*OPC?", "CONF;*OPC?"]
    device.script.clear()
    assert eventually(lambda: _answers(service), 60)


def _answers(service) -> bool:
    try:
        return service.send_to_device("A?") == "A"
    except ThrowReply:
        return False


class Configured(EthernetSCPIService):
    """Configures its device in its constructor, for each of its endpoints."""

    def __init__(self, scan_interval=0, **kwargs):
        EthernetSCPIService.__init__(self, **kwargs)
        self.scan_interval = scan_interval
        for child in self.sync_children.values():
            self.send_to_device([f"{child.conf_str};*OPC?", "SYST:ERR?"])


class Channel(Entity):
    """An endpoint that knows its service."""

    def __init__(self, conf_str, **kwargs):
        Entity.__init__(self, **kwargs)
        self.conf_str = conf_str

    @calibrate()
    def on_get(self):
        """The first word of the answer."""
        return self.service.send_to_device(["DATA?"]).split()[0]


def test_a_service_that_configures_its_device_in_its_constructor(serve, device):
    """Children are there, and the device is open."""
    service = serve(Configured, add_endpoints_now=False, scan_interval=30)
    service.add_child(Channel("CONF:A", name="a"))
    for child in service.sync_children.values():
        assert service.send_to_device([f"{child.conf_str};*OPC?", "SYST:ERR?"]) == "1;ERR"
    assert service.sync_children["a"].on_get() == {"value_raw": "DATA"}


class Stubborn(FormatEntity):
    """Has its service reconnect when the answer is no good."""

    @calibrate()
    def on_get(self):
        """Reconnect when the answer is no good."""
        result = self.service.send_to_device([self._get_str])
        if "?" in result:
            self.service._reconnect()
            result = self.service.send_to_device([self._get_str])
        return result


def test_an_entity_that_has_its_service_reconnect(serve, device):
    """`_reconnect` can be called by itself."""
    service = serve()
    service.add_child(Stubborn(name="a", get_str="A?"))
    device.when("A?", says(b"??\n"))
    assert service.sync_children["a"].on_get() == {"value_raw": "A"}
    assert device.asked == ["*OPC?", "A?", "*OPC?", "A?"]


def test_reconnect_finds_a_device_that_was_away(serve, device, caplog):
    """And says that it is back."""
    device.unplug()
    service = serve()
    device.plug_in()
    service._reconnect()
    assert service.send_to_device("A?") == "A"
    assert "is back" in caplog.text


def test_a_host_that_does_not_answer_takes_no_longer_than_the_timeout(serve):
    """An address that drops everything; some networks refuse it at once."""
    start = time.monotonic()
    service = serve(socket_info="192.0.2.1:9", socket_timeout=0.2)
    assert time.monotonic() - start < 30
    with pytest.raises(ThrowReply, match=r"192\.0\.2\.1:9"):
        service.send_to_device("A?")


@pytest.mark.parametrize("host", ["a..b", "x" * 70])
def test_a_name_that_no_host_can_have(serve, caplog, host):
    """It is told like one that nobody knows."""
    service = serve(socket_info=f"{host}:5025")
    with pytest.raises(ThrowReply, match=f"{host}:5025: this cannot be the name of a host"):
        service.send_to_device("A?")


def test_an_address_of_ipv6_is_called_by_its_name(serve):
    """As it is written elsewhere."""
    service = serve(socket_info=("::1", 1))
    with pytest.raises(ThrowReply, match=r"device at \[::1\]:1: "):
        service.send_to_device("A?")
