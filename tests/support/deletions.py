"""An operator who deletes exchanges, queues and bindings behind the back of a mesh."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pika.exceptions
import pytest
from contract.meshes import Mesh

from dripline.testing.faults import Faults


class Operator:
    """Deletes what somebody else has declared, also what is exclusive to a connection.

    Args:
        mesh: The mesh.
        faults: Those of the embedded broker; None for RabbitMQ, whose `rabbitmqctl` is used then.
    """

    def __init__(self, mesh: Mesh, faults: Faults | None) -> None:
        self._mesh = mesh
        self._faults = faults

    def delete_exchange(self, name: str) -> None:
        """Delete an exchange, from a connection of plain pika as anybody may."""
        with self._mesh.pika() as connection:
            connection.channel().exchange_delete(name)

    def unbind_exchange(self, source: str, name: str) -> None:
        """Remove the binding of an exchange to all of another one, likewise."""
        with self._mesh.pika() as connection:
            connection.channel().exchange_unbind(name, source, "#")

    def delete_queue(self, name: str) -> None:
        """Delete a queue."""
        if self._faults is not None:
            self._faults.delete_queue(name)
        elif not self._may(lambda channel: channel.queue_delete(name)):
            _rabbitmqctl("delete_queue", "-p", self._mesh.address.virtual_host, name)

    def unbind(self, source: str, queue: str, key: str) -> None:
        """Remove a binding of a queue."""
        if self._faults is not None:
            assert self._faults.unbind(source, queue, key) == 1
            return
        if self._may(lambda channel: channel.queue_unbind(queue, source, key)):
            return
        host = self._mesh.address.virtual_host
        exchange, destination = (
            f'rabbit_misc:r(<<"{host}">>, {kind}, <<"{name}">>)'
            for kind, name in (("exchange", source), ("queue", queue))
        )
        binding = f'{{binding, {exchange}, <<"{key}">>, {destination}, []}}'
        _rabbitmqctl("eval", f'rabbit_binding:remove({binding}, fun (_, _) -> ok end, <<"operator">>).')

    def _may(self, action: Callable[[Any], object]) -> bool:
        """Do something with plain pika, unless the queue is exclusive to another connection."""
        with self._mesh.pika() as connection:
            try:
                action(connection.channel())
            except pika.exceptions.ChannelClosedByBroker as error:
                if error.reply_code != 405:
                    raise
                return False
        return True


def _rabbitmqctl(*words: str) -> None:
    program = shutil.which("rabbitmqctl")
    if program is None:
        pytest.skip("what is exclusive to a connection can be deleted with rabbitmqctl only")
    done = subprocess.run([program, "-q", *words], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr or done.stdout
