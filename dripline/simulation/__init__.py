"""Simulated SCPI instruments, described in YAML, on TCP, with faults.

`Instrument` is the whole of it: `dl simulate` runs it in a process of its own, tests run it inside theirs. From
the outside inwards: `server` moves bytes, `conversation` makes lines of them and applies `faults`, `device`
understands a line, `quantity` knows what a value is at the moment. Only `server` knows of sockets and threads.
"""

from dripline.simulation.faults import Faults
from dripline.simulation.instrument import Instrument

__all__ = ["Faults", "Instrument"]
