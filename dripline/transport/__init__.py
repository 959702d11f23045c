"""AMQP client: one connection with methods that any thread can call."""
