"""The seam to AMQP: one connection, opened and used with calls that any thread may make."""
