"""`dripline_faults`: the faults that a test can cause."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import dripline.testing.fault_injection as injected
from dripline.amqp.topic_index import topic_matches
from dripline.testing.faulty_line import Line

if TYPE_CHECKING:
    from dripline.broker import EmbeddedBroker
    from dripline.broker.connection import Connection
    from dripline.broker.server import Keep
    from dripline.broker.state import State


class Fault:
    """Something that is wrong, until it is undone: by `undo`, at the end of a ``with`` block, or of the test.

    Args:
        undo: Undoes it.
        applied: Tells how often it has happened.
    """

    def __init__(self, undo: Callable[[], object], applied: Callable[[], int]) -> None:
        self._undo = undo
        self._applied = applied

    @property
    def applied(self) -> int:
        """How many messages, logins or connections it has concerned so far."""
        return self._applied()

    def undo(self) -> None:
        """Put it right; once more, or when its time is over, does nothing."""
        self._undo()

    def __enter__(self) -> Fault:
        return self  # it has begun already

    def __exit__(self, *_error: object) -> None:
        self.undo()


class Faults:
    """What can go wrong with an embedded broker.

    Clients are named by their service (``"furnace"``), or as they call their connection (plain pika:
    ``client_properties={"connection_name": ...}``), with ``*`` for anything. Those of `Interface` are ``unknown``.
    Messages are chosen by ``kind`` (``"request"``, ``"reply"``, ``"alert"``), ``routing_key`` (a binding key, such
    as ``sensor_value.#``), ``queue``, ``sender`` (the service that sent them) and ``only`` (any function of a
    `PassingMessage`); without any of these all are meant. ``count`` is for that many messages or logins, ``for_s``
    for so many seconds.

    Args:
        broker: The broker.
    """

    def __init__(self, broker: EmbeddedBroker) -> None:
        self._broker = broker
        self._faults: list[Fault] = []

    # -- connections -----------------------------------------------------------------------------------------

    def cut(self, client: str | None = None) -> int:
        """End connections without a word; returns how many."""
        return self._broker.call(lambda state: injected.Injector.of(state).cut(client))

    def hold(self, client: str | None = None, *, also_new: bool = False, for_s: float | None = None) -> Fault:
        """Make connections half-open: they stay, and nothing goes through them any more, either way.

        Undone, what waited goes through; a connection that one side gave up meanwhile ends then.

        Args:
            client: Whose; None for all.
            also_new: Whether those that are made meanwhile are held, too: a cable that is pulled.
            for_s: For how long.
        """
        return self._inject(injected.LineFault(client, Line.hold, Line.release, also_new), for_s)

    def slow(
        self,
        client: str | None = None,
        *,
        delay_s: float = 0.0,
        bytes_per_s: float = 0.0,
        for_s: float | None = None,
    ) -> Fault:
        """Make connections slow, both ways, those that are made meanwhile as well.

        Args:
            client: Whose; None for all.
            delay_s: How long everything takes to the other side.
            bytes_per_s: How much goes through; 0 for any amount.
            for_s: For how long.
        """
        fault = injected.LineFault(
            client, lambda line: line.slow_down(delay_s, bytes_per_s), lambda line: line.slow_down(0, 0), True
        )
        return self._inject(fault, for_s)

    def refuse_logins(
        self, client: str | None = None, *, count: int | None = None, for_s: float | None = None
    ) -> Fault:
        """Refuse logins as with a wrong password, the next ``count`` or all."""
        return self._inject(injected.LoginRefusal(client, count), for_s)

    # -- messages --------------------------------------------------------------------------------------------

    def drop(self, *, count: int | None = None, for_s: float | None = None, **which: Any) -> Fault:
        """Lose messages: who sends them notices nothing, and gets a confirm."""
        return self._inject(injected.Rule(concerns(**which), count), for_s)

    def drop_replies(self, *, count: int | None = None, for_s: float | None = None, **which: Any) -> Fault:
        """Lose replies, for example those of ``sender="furnace"``."""
        return self.drop(kind="reply", count=count, for_s=for_s, **which)

    def duplicate(self, *, count: int | None = None, for_s: float | None = None, **which: Any) -> Fault:
        """Deliver messages twice, the second time with the flag ``redelivered``."""
        return self._inject(injected.Duplicate(concerns(**which), count), for_s)

    def delay(self, by_s: float, *, count: int | None = None, for_s: float | None = None, **which: Any) -> Fault:
        """Deliver messages later; what comes after them overtakes them."""
        return self._inject(injected.Delay(concerns(**which), count, by_s), for_s)

    def reorder(
        self,
        window: int = 2,
        *,
        wait_s: float = 0.1,
        seed: int = 0,
        count: int | None = None,
        for_s: float | None = None,
        **which: Any,
    ) -> Fault:
        """Deliver messages of a queue in another order.

        Args:
            window: So many are gathered and shuffled; two change places.
            wait_s: When fewer came in that time, these are.
            seed: For the order.
            count: Of so many messages; None for any number.
            for_s: For how long.
            **which: Which messages.
        """
        return self._inject(injected.Reorder(concerns(**which), count, window, wait_s, seed), for_s)

    # -- what an operator may delete -----------------------------------------------------------------------------

    def delete_exchange(self, name: str) -> None:
        """Delete an exchange with its bindings; nothing happens if there is none of that name."""
        self._broker.call(lambda state: state.vhost.delete_exchange(name, if_unused=False))

    def delete_queue(self, name: str) -> None:
        """Delete a queue with its messages, also one that is exclusive to a connection, as `rabbitmqctl` can."""

        def delete(state: State[Connection]) -> None:
            queue = state.vhost.queues.get(name)
            if queue is not None:
                state.vhost.delete_queue(queue)

        self._broker.call(delete)

    def unbind(self, source: str, destination: str, key: str | None = None) -> int:
        """Remove bindings of a queue or an exchange to the exchange ``source``, as its management can.

        Args:
            source: The exchange that messages come from.
            destination: Name of the queue or exchange that they go to.
            key: The binding key; None for all.

        Returns:
            How many bindings there were.
        """
        return self._broker.call(lambda state: state.vhost.unbind_by_name(source, destination, key))

    # -- the broker ------------------------------------------------------------------------------------------

    def block(self, reason: str = "low on memory", *, for_s: float | None = None) -> Fault:
        """Take no messages: who publishes gets ``connection.blocked`` and waits, as with RabbitMQ."""
        source = object()
        return self._begin(
            lambda state: state.alarm.sound(source, reason),
            lambda state: state.alarm.end(source),
            lambda: 1,
            for_s,
        )

    def down(self, *, keep: Keep = "everything", abruptly: bool = False) -> Fault:
        """Let the broker be away until that is undone: connections end, and new ones are refused.

        Args:
            keep: What is there when it is back: ``"everything"`` as if the machine had been paused, what is
                ``"durable"`` as with RabbitMQ, or ``"nothing"``.
            abruptly: Without a word to the clients, as when it is killed.
        """
        self._broker.suspend(keep=keep, abruptly=abruptly)
        return self._kept(Fault(self._resume, lambda: 1))

    def restart(self, *, keep: Keep = "everything", down_s: float = 0.0, abruptly: bool = False) -> None:
        """Restart the broker, at the same port; returns when it is back. Faults that have begun go on.

        Args:
            keep: As for `down`.
            down_s: How long it is away.
            abruptly: As for `down`.
        """
        with self.down(keep=keep, abruptly=abruptly):
            time.sleep(down_s)

    def undo(self) -> None:
        """Put everything right."""
        while self._faults:
            self._faults.pop().undo()

    # -- inside ----------------------------------------------------------------------------------------------

    def _inject(self, fault: injected.InjectedFault, for_s: float | None) -> Fault:
        return self._begin(
            lambda state: injected.Injector.of(state).begin(fault),
            lambda state: injected.Injector.of(state).end(fault),
            lambda: fault.applied,
            for_s,
        )

    def _begin(
        self,
        begin: Callable[[State[Connection]], None],
        end: Callable[[State[Connection]], None],
        applied: Callable[[], int],
        for_s: float | None,
    ) -> Fault:
        def on_its_thread(state: State[Connection]) -> None:
            begin(state)
            if for_s is not None:
                state.after(for_s, lambda: end(state))

        self._broker.call(on_its_thread)
        return self._kept(Fault(lambda: self._call_if_there(end), applied))

    def _kept(self, fault: Fault) -> Fault:
        self._faults.append(fault)
        return fault

    def _resume(self) -> None:
        with suppress(RuntimeError):  # it was stopped for good meanwhile
            self._broker.resume()

    def _call_if_there(self, function: Callable[[State[Connection]], None]) -> None:
        with suppress(RuntimeError):  # it was stopped, and its faults went with it
            self._broker.call(function)


def concerns(
    *,
    kind: str | None = None,
    routing_key: str | None = None,
    queue: str | None = None,
    sender: str | None = None,
    only: Callable[[injected.PassingMessage], bool] | None = None,
) -> Callable[[injected.PassingMessage], bool]:
    """Make a function that tells whether a message is meant.

    Args:
        kind: ``request``, ``reply`` or ``alert``.
        routing_key: A binding key that its routing key matches.
        queue: Name of the queue it goes to, with ``*`` for anything.
        sender: Name of the service that sent it.
        only: Looks at the message itself, on the broker's thread.
    """

    def is_meant(message: injected.PassingMessage) -> bool:
        return (
            (routing_key is None or topic_matches(routing_key, message.routing_key))
            and (queue is None or fnmatchcase(message.queue, queue))
            and (kind is None or message.kind == kind)
            and (sender is None or message.sender == sender)
            and (only is None or bool(only(message)))
        )

    return is_meant
