"""AMQP 0-9-1 without I/O, for the client and the broker: frames, content, properties, field tables, topics."""
