"""The programs that are timed: each runs in a process of its own, see :mod:`benchmarks.worker`."""
