"""What forked and spawned processes of tests do: it has to be importable by name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from dripline.core import Endpoint, Interface
from dripline.runtime.client import MeshClient
from dripline.wire.enums import op_t
from dripline.wire.message import MsgRequest


class Counting(Endpoint):
    """Counts what it is set to, by value."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.seen: list[Any] = []

    def on_set(self, value: Any) -> Any:
        """Count, and give it back."""
        self.seen.append(value)
        return value

    def slowly(self, value: Any) -> Any:
        """Count, and give it back a moment later."""
        self.seen.append(value)
        time.sleep(1.0)
        return value


def set_with(interface: Interface, name: str, value: str) -> str:
    """Set a value with an `Interface` that came from another process; returns the answer or the error."""
    try:
        answer: Any = interface.set(name, value, timeout_s=20)
    except Exception as error:  # noqa: BLE001 - the parent looks at it
        return f"{type(error).__name__}: {error}"
    return str(answer["values"][0] if isinstance(answer, dict) else answer)


def set_with_client(client: MeshClient, name: str, value: str) -> str:
    """The same with a `MeshClient`."""
    return str(client.request(MsgRequest.create({"values": [value]}, op_t.set, name), 20).return_code)


inherited: list[Any] = []


def set_inherited(name: str, value: str) -> str:
    """The same with the `Interface` that a forked process has from its parent."""
    return set_with(inherited[0], name, value)


def put_result(queue: Any, function: Callable[..., Any], *arguments: Any) -> None:
    """Send back what a function returns."""
    queue.put(function(*arguments))


def in_fork(function: Callable[[], object]) -> str:
    """Run something in a child made by `os.fork`, which then ends as programs do; returns its text."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            text = str(function())
        except BaseException as error:  # noqa: BLE001 - the parent looks at it
            text = f"{type(error).__name__}: {error}"
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said
