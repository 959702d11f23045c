"""The seam to AMQP: one connection, opened and used with calls that any thread may make."""

from dripline.amqp.content import Delivery, Returned
from dripline.transport.address import BrokerAddress
from dripline.transport.connection import Connection
from dripline.transport.slot import Slot

__all__ = ["BrokerAddress", "Connection", "Delivery", "Returned", "Slot"]
