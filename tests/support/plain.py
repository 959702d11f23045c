"""A second opinion: plain pika beside our own connection."""

from __future__ import annotations

import pika
from pika.adapters.blocking_connection import BlockingChannel

from dripline.transport.address import BrokerAddress


def plain_channel(address: BrokerAddress) -> tuple[BlockingChannel, pika.BlockingConnection]:
    """A channel of plain pika, and its connection, which the test closes."""
    login = pika.PlainCredentials(address.username, address.password)
    connection = pika.BlockingConnection(
        pika.ConnectionParameters(address.host, address.port, address.virtual_host, login)
    )
    return connection.channel(), connection
