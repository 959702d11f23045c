"""An AMQP 0-9-1 broker inside the process: for a laptop, demonstrations and tests.

A client cannot tell it from RabbitMQ by what services and clients of a mesh do: topology, routing, confirms,
returns, acknowledgements, errors with their codes and texts. It has no persistence, no TTL, dead-lettering, length
limits or priorities (their arguments are accepted, compared and otherwise ignored), no transactions, no exchanges
of type headers, no TLS, and one user.

Import it only where one is started: it brings asyncio with it.
"""

from dripline.broker.server import EmbeddedBroker

__all__ = ["EmbeddedBroker"]
