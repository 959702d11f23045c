"""Captured messages of a real mesh, ready to be read (see captures/README.md)."""

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pika
import pytest

from dripline.wire.body import read_part
from dripline.wire.codec import read_message

CAPTURES = Path(__file__).parent / "captures"


@dataclass
class Capture:
    """One captured AMQP message."""

    case: str
    made_by_hand: bool
    routing_key: str
    properties_bytes: bytes
    body: bytes

    @property
    def properties(self):
        """The properties as pika decodes them."""
        properties = pika.BasicProperties()
        properties.decode(self.properties_bytes)
        return properties

    def part(self):
        """Read which chunk of which message this is."""
        return read_part(self.properties, self.body, self.routing_key)

    def message(self):
        """Read the whole message."""
        return read_message(self.part(), self.body)


def _load():
    senders = json.loads((CAPTURES / "senders.json").read_text(encoding="utf-8"))
    for line in (CAPTURES / "messages.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        properties = record["properties"]
        for name, table in senders.items():
            properties = properties.replace(name, table)
        yield Capture(
            record["case"],
            record["made_by_hand"],
            record["routing_key"],
            bytes.fromhex(properties),
            record["body"].encode(),
        )


@pytest.fixture(scope="session")
def captures():
    """All captured messages, in order."""
    return list(_load())


@pytest.fixture(scope="session")
def made_by_hand(captures):
    """The hand-made message of each `raw_` case, by case."""
    return {capture.case: capture for capture in captures if capture.made_by_hand}


@pytest.fixture(scope="session")
def printed():
    """What the reference printed: `blocks` by case, `documents` by case."""
    return SimpleNamespace(
        blocks=json.loads((CAPTURES / "blocks.json").read_text(encoding="utf-8")),
        documents=json.loads((CAPTURES / "documents.json").read_text(encoding="utf-8")),
    )
