"""Messages and how they look on the wire: no socket, no thread, no clock in here.

::

    Message --encode.Encoder--> [Envelope, ...]                  one, or one for each chunk
    (properties, body) --chunks.read_part--> Part                which chunk of which message
    Part --chunks.Joiner.add--> whole body                       None while chunks are missing
    (Part, whole body) --decode.read_message--> Message
    (Part, whole body) --decode.read_reply--> MsgReply           for whoever waits for it
    Part --decode.incomplete_message--> Message                  when its other chunks never came
"""
