"""The embedded broker in a process of its own; says its port and serves until the parent hangs up."""

from benchmarks.worker import announce, wait_for_parent
from dripline.broker import EmbeddedBroker

if __name__ == "__main__":
    with EmbeddedBroker(port=0) as broker:
        announce(str(broker.port))
        wait_for_parent()
