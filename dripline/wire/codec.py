"""The way of a message to AMQP and back, gathered under one name.

::

    Message --Encoder.encode--> [Envelope, ...]           one, or one for each chunk
    (properties, body) --read_part--> Part                which chunk of which message
    Part --Joiner.add--> whole body                       None while chunks are missing
    (Part, whole body) --read_message--> Message
    (Part, whole body) --read_reply--> MsgReply           for whoever waits for it
    Part --incomplete_message--> Message                  when its other chunks never came
"""

from dripline.wire.chunks import DEFAULT_LIMITS, AmqpProperties, Joiner, Limits, Part, read_part
from dripline.wire.decode import incomplete_message, malformed_reply, read_message, read_reply
from dripline.wire.encode import Encoder, Envelope

__all__ = [
    "DEFAULT_LIMITS",
    "AmqpProperties",
    "Encoder",
    "Envelope",
    "Joiner",
    "Limits",
    "Part",
    "incomplete_message",
    "malformed_reply",
    "read_message",
    "read_part",
    "read_reply",
]
