"""What pika and sockets raise, in words for a person."""

import pytest
from pika import exceptions

from dripline.errors import BrokerError, BrokerUnreachable, LoginRefused, NameTaken
from dripline.transport import error_messages as failures
from dripline.transport.address import BrokerAddress, TlsSettings

ADDRESS = BrokerAddress("lab", 5672, "/mesh", "ada", "geheim")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (exceptions.ConnectionClosedByBroker(403, "ACCESS_REFUSED"), LoginRefused, ["ada", "password"]),
        (exceptions.AuthenticationError("PLAIN"), LoginRefused, ["ada"]),
        (
            exceptions.ConnectionClosedByBroker(530, "NOT_ALLOWED - vhost"),
            LoginRefused,
            ["'/mesh'", "NOT_ALLOWED"],
        ),
        (exceptions.ConnectionClosedByBroker(320, "CONNECTION_FORCED"), BrokerUnreachable, ["320", "login"]),
        (ConnectionResetError(104, "Connection reset by peer"), BrokerUnreachable, ["reset by peer"]),
        (ValueError("a frame does not end"), BrokerUnreachable, ["right port?"]),
    ],
)
def test_why_it_could_not_be_opened(error, kind, words):
    """Who cannot log in is told whether it is the address, the login or the virtual host."""
    described = failures.not_opened(ADDRESS, error)
    assert type(described) is kind
    for word in ("lab:5672", *words):
        assert word in str(described)
    assert "geheim" not in str(described)


@pytest.mark.parametrize("error", [
    exceptions.ConnectionClosedByBroker(403, "ACCESS_REFUSED"), exceptions.AuthenticationError("EXTERNAL"),
])  # fmt: skip
def test_a_certificate_that_does_not_log_in(error):
    """The certificate is named, not the user whom nobody asked for, and what the broker needs."""
    address = BrokerAddress("lab", 5671, tls=TlsSettings(certificate_file="me.pem"), by_certificate=True)
    described = failures.not_opened(address, error)
    assert type(described) is LoginRefused
    for word in ("the certificate in me.pem", "rabbitmq_auth_mechanism_ssl", "auth_mechanism: plain"):
        assert word in str(described)
    assert "guest" not in str(described)
    refused = exceptions.ConnectionClosedByBroker(530, "NOT_ALLOWED - vhost")
    assert "to the certificate in me.pem" in str(failures.not_opened(address, refused))


def test_nobody_answers():
    """The reason is the system's, the remedy ours."""
    text = str(failures.unreachable(ADDRESS, ConnectionRefusedError(111, "Connection refused")))
    assert text.startswith("no broker answers at lab:5672 (Connection refused); ")
    assert "dl broker" in text


def test_a_channel_that_the_broker_closed():
    """405 means that the name is taken; everything else is told in the broker's words, and is nobody's loss."""
    taken = failures.refused(ADDRESS, exceptions.ChannelClosedByBroker(405, "RESOURCE_LOCKED - queue"))
    assert type(taken) is NameTaken
    other = failures.refused(ADDRESS, exceptions.ChannelClosedByBroker(404, "NOT_FOUND - no exchange"))
    assert type(other) is BrokerError
    assert "404 NOT_FOUND - no exchange" in str(other)


@pytest.mark.parametrize("error", [OSError(), exceptions.AMQPHeartbeatTimeout("idle"), KeyError("x")])
def test_the_end_of_a_connection_always_has_a_reason(error):
    """Also errors without words are described."""
    assert str(failures.lost(ADDRESS, error)).rpartition(": ")[2]
