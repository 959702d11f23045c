"""Faults are tried on both brokers, which are those of the contract tests."""

from __future__ import annotations

from contract.conftest import broker, embedded, quiet_pika, rabbitmq
from restarting import node, restarting, restarting_mesh

__all__ = ["broker", "embedded", "node", "quiet_pika", "rabbitmq", "restarting", "restarting_mesh"]
