"""Where a broker is and how to log in there."""

from dripline.transport.address import BrokerAddress


def test_it_is_named_by_host_and_port():
    """Messages to people say where the broker is."""
    assert str(BrokerAddress("lab-broker", 5673)) == "lab-broker:5673"


def test_the_password_is_never_shown():
    """Neither in logs nor in tracebacks."""
    address = BrokerAddress(password="geheim")
    assert "geheim" not in f"{address!r} {address} {vars(address).keys()}"
    assert address.password == "geheim"
