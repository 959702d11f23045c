"""Tests of AMQP without I/O."""
