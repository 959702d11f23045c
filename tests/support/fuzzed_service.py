"""The service that is fuzzed, in a process of its own: its memory is what counts."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from dripline.core import AlertConsumer, Endpoint, calibrate
from dripline.implementations import FormatEntity, KeyValueStore


class Doubled(KeyValueStore):
    """Has methods and a calibration that messages reach."""

    @calibrate()
    def on_get(self) -> Any:
        """Give the value."""
        return self._value

    def add(self, a: Any, b: Any = 1) -> Any:
        """Add."""
        return a + b


class Consumer(AlertConsumer):
    """Takes alerts, too."""

    def process_payload(self, a_payload: Any, a_routing_key_data: Any, a_message_timestamp: str) -> None:
        """Read it."""
        a_payload.to_python()

    def send_to_device(self, commands: list[str]) -> str:
        """A device that repeats what it is told."""
        return ";".join(commands)


def main() -> None:
    """Serve until the process is ended."""
    arguments = json.loads(sys.argv[1])
    names = arguments.pop("endpoints")
    logging.basicConfig(level=logging.WARNING)
    service = Consumer(**arguments)
    service.add_child(KeyValueStore(name=names[0], initial_value=42))
    service.add_child(Doubled(name=names[1], initial_value="5", calibration="2*{}"))
    service.add_child(FormatEntity(name=names[2], get_str="V?", set_str="V {}", set_value_map="2*{}"))
    service.add_async_child(Endpoint(name=names[3]))
    service.run()


if __name__ == "__main__":
    main()
