"""An AMQP 0-9-1 broker inside the process: for a laptop, demonstrations and tests.

A client cannot tell it from RabbitMQ by what services and clients of a mesh do: topology, routing, confirms,
returns, acknowledgements, errors with their codes and texts. It has no persistence, no TTL, dead-lettering or
priorities (their arguments are accepted, compared and otherwise ignored), no transactions, no exchanges of type
headers, and one user. A quorum queue is a durable one that counts how often its messages come back.

Where RabbitMQ's versions differ it follows 3.10, or the rules it is given: ``compatibility=rabbitmq("4.3")``.

Its memory is bounded: a queue that holds too much drops its oldest messages, as in RabbitMQ with ``x-max-length``
or ``x-max-length-bytes``; a durable queue only does so if it has such an argument. While all queues together hold
too much, publishers are blocked, as by RabbitMQ's alarm.
A queue counts what waits and what is not acknowledged; only what waits can be dropped.

Import it only where one is started: it brings asyncio with it.
"""

from dripline.broker.compatibility import Compatibility, rabbitmq
from dripline.broker.server import EmbeddedBroker

__all__ = ["Compatibility", "EmbeddedBroker", "rabbitmq"]
