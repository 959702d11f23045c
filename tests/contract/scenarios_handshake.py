"""Scenarios: opening and closing connections."""

from __future__ import annotations

import struct

from pika.spec import Channel, Connection

from .raw_client import RawClient
from .scenario import scenario
from .stage import Stage


@scenario
def login_refused(stage: Stage) -> None:
    """A wrong password is 403 on connection.close for clients that understand it."""
    for username, password in ((stage.address.username, "wrong"), ("nobody", stage.address.password)):
        client = RawClient(stage)
        client.log_in(username, password)
        client.read(1)
        client.close()


@scenario
def login_refused_silently(stage: Stage) -> None:
    """A client that does not understand the reason is just hung up on."""
    client = RawClient(stage)
    client.log_in(stage.address.username, "wrong", capabilities=None)
    client.read(1)


@scenario
def login_by_amqplain(stage: Stage) -> None:
    """AMQPLAIN works as well as PLAIN."""
    user, password = stage.address.username.encode(), stage.address.password.encode()
    table = b"".join(
        bytes((len(key),)) + key + b"S" + struct.pack(">I", len(value)) + value
        for key, value in ((b"LOGIN", user), (b"PASSWORD", password))
    )
    client = RawClient(stage)
    client.log_in("", "", mechanism="AMQPLAIN", response=table)
    client.read(1)


@scenario
def unknown_virtual_host(stage: Stage) -> None:
    """A virtual host that does not exist is 530."""
    client = RawClient(stage)
    client.log_in(stage.address.username, stage.address.password)
    client.skip(1)
    client.send(0, Connection.TuneOk(2047, 131072, 0), Connection.Open("no such host"))
    client.read_close()


@scenario
def wrong_protocol(stage: Stage) -> None:
    """A stranger is told which protocol is spoken here."""
    for hello in (b"AMQP\x01\x01\x00\x0a", b"GET / HTTP/1.1\r\n\r\n", b"AMQP\0\0\x09\x00"):
        client = RawClient(stage)
        client.send_bytes(hello)
        client.read(2)


@scenario
def tuning(stage: Stage) -> None:
    """Limits are negotiated downwards, but not to nothing: then the broker hangs up."""
    for choice in ((2047, 4096, 0), (1, 131072, 0), (2047, 4095, 0)):
        client = RawClient(stage)
        client.log_in(stage.address.username, stage.address.password)
        client.read(1)
        client.send(0, Connection.TuneOk(*choice), Connection.Open(stage.address.virtual_host))
        client.read(1)
        client.close()


@scenario
def close_handshake(stage: Stage) -> None:
    """connection.close is answered."""
    client = RawClient(stage)
    client.open()
    client.send(0, Connection.Close(200, "bye", 0, 0))
    client.read(1)


@scenario
def too_many_channels(stage: Stage) -> None:
    """As many channels as were agreed, whatever their numbers, and no more."""
    client = RawClient(stage)
    client.log_in(stage.address.username, stage.address.password)
    client.skip(1)
    client.send(0, Connection.TuneOk(2, 131072, 0), Connection.Open(stage.address.virtual_host))
    client.skip(1)
    client.send(1, Channel.Open())
    client.send(3000, Channel.Open())
    client.read(2)
    client.send(2, Channel.Open())
    client.read_close()
