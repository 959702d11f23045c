"""A dripline service with stored values. Arguments: target, service name, number of endpoints."""

import sys

from benchmarks.target import Target
from benchmarks.worker import announce, wait_for_parent
from dripline.core import Service
from dripline.implementations import KeyValueStore


def main(target: Target, name: str, endpoint_count: int) -> None:
    """Serve until the parent hangs up."""
    service = Service(name, dripline_mesh=target.mesh(), username=target.username, password=target.password)
    for number in range(endpoint_count):
        service.add_child(KeyValueStore(name=f"{name}_{number}", calibration="2*{}", initial_value=0.75))
    service.start()
    announce()
    wait_for_parent()
    service.stop()


if __name__ == "__main__":
    main(Target.from_text(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
