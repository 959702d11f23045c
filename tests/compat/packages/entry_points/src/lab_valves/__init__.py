"""Valves; the entry point names this package."""

from lab_valves.gate import GateValve

__all__ = ['GateValve']
