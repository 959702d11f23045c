"""The client for scripts, without a broker; with one it is tested in tests/contract."""

from __future__ import annotations

import signal
import socket

import pytest

from dripline.core import Interface
from dripline.errors import BrokerUnreachable, ConfigurationError


@pytest.fixture
def nobody():
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_an_interface_is_made_without_a_broker(nobody):
    """It connects when it is first used, and says then that nobody answers."""
    interface = Interface(
        dripline_mesh={"broker": "127.0.0.1", "broker_port": nobody, "max_connection_attempts": 1}
    )
    with pytest.raises(BrokerUnreachable, match=str(nobody)):
        interface.get("peaches")
    interface.close()


def test_the_signal_handlers_of_a_script_stay(nobody):
    """A script that makes an Interface keeps its own."""
    mine = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        with Interface(dripline_mesh={"broker_port": nobody}):
            pass
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    finally:
        signal.signal(signal.SIGTERM, mine)


def test_the_arguments_are_the_references():
    """In their order: username, password, dripline_mesh, timeout_s, confirm_retcodes."""
    interface = Interface("anna", "secret", {"broker": "lab"}, 3, False)
    assert (interface.timeout_s, interface.confirm_retcodes) == (3, False)


def test_a_wrong_setting_is_told_at_once():
    """Not when the interface is first used."""
    with pytest.raises(ConfigurationError, match="unknown setting 'brokr'"):
        Interface(dripline_mesh={"brokr": "lab"})
