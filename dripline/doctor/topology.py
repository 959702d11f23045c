"""What an operator may have deleted on the broker, looked up without changing anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dripline.doctor.report import Notes
from dripline.doctor.sockets import within
from dripline.errors import ConnectionLost
from dripline.wire.safe_text import duration

if TYPE_CHECKING:
    from dripline.config.mesh import MeshSettings

NOT_FOUND, LOCKED = 404, 405
_LONGEST_NAME = 255  # bytes, in AMQP
_SAMPLE = {"x-max-length": 100}
_ON_ITS_WAY_S = 0.3  # from one exchange to the next
_LOOK_S = 0.05
_ANSWER_S = 10.0


def refusal_of(connection: Any, action: Callable[[Any], object], timeout_s: float = _ANSWER_S) -> tuple[int, str]:
    """Do something on a separate channel; code and text of the broker's refusal, 0 if it does not refuse.

    Args:
        connection: an open `pika.BlockingConnection`.
        action: takes the channel.
        timeout_s: longest wait for the broker's answers, in seconds.

    Raises:
        ConnectionLost: the broker does not answer in time.
    """
    from pika.exceptions import ChannelClosedByBroker

    def act() -> None:
        channel = connection.channel()
        action(channel)
        channel.close()

    try:
        within(timeout_s, act)
    except TimeoutError:
        raise ConnectionLost(f"the broker did not answer within {duration(timeout_s)}") from None
    except ChannelClosedByBroker as error:
        return error.reply_code, error.reply_text
    return 0, ""


def state_of_queue(connection: Any, name: str, timeout_s: float = _ANSWER_S) -> int:
    """0 for a queue that anybody may use, else why the broker does not show it: `NOT_FOUND` or `LOCKED`."""
    if len(name.encode()) > _LONGEST_NAME:
        return NOT_FOUND
    return refusal_of(connection, lambda channel: channel.queue_declare(name, passive=True), timeout_s)[0]


def has_exchange(connection: Any, name: str) -> bool:
    """Whether there is such an exchange."""
    code, _ = refusal_of(connection, lambda channel: channel.exchange_declare(name, passive=True))
    return code != NOT_FOUND


def restoring(mesh: MeshSettings, who: str) -> str:
    """What restores a deleted exchange or binding, as a remedy.

    Args:
        mesh: the mesh's settings.
        who: the service that restores it.
    """
    if not mesh.self_check_interval_s:
        return f"restart {who}"
    wait = duration(mesh.self_check_interval_s)
    return f"wait {wait} (self_check_interval_s) until {who} restores it; or restart {who}"


def examine_durable(
    notes: Notes, mesh: MeshSettings, connection: Any, services: Sequence[str], timeout_s: float
) -> None:
    """See whether alerts can reach the durable queues of services.

    Args:
        notes: where the findings go.
        mesh: the mesh's settings.
        connection: an open `pika.BlockingConnection`.
        services: names of services, which may have such queues.
        timeout_s: longest wait for an alert of somebody else.
    """
    durable = [name for name in services if state_of_queue(connection, f"{name}.alerts") == 0]
    if not durable:
        return
    exchange, source, who = mesh.durable_alerts_exchange, mesh.alerts_exchange, durable[0]
    queues = " and ".join(repr(f"{name}.alerts") for name in durable)
    nothing = f"no alerts reach the durable {'queues' if len(durable) > 1 else 'queue'} {queues}"
    if not has_exchange(connection, exchange):
        notes.broken(f"exchange {exchange!r} is missing: {nothing}", restoring(mesh, who), missing=[exchange])
    elif within(timeout_s + _ANSWER_S, lambda: _is_cut_off(connection, source, exchange, timeout_s)):
        notes.broken(f"exchange {exchange!r} is not bound to {source!r}: {nothing}", restoring(mesh, who))


def _is_cut_off(connection: Any, source: str, exchange: str, timeout_s: float) -> bool:
    """Whether alerts that reach one exchange do not reach the other; only traffic of others can show that."""
    channel = connection.channel()
    try:
        queues = []
        for name in (exchange, source):  # in this order: what the second one gets, the first one could get
            queue = channel.queue_declare("", exclusive=True, auto_delete=True, arguments=_SAMPLE).method.queue
            channel.queue_bind(queue, name, "#")
            queues.append(queue)
        there, here = queues
        deadline = time.monotonic() + timeout_s
        while not _has_messages(channel, here):
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_S)
        time.sleep(_ON_ITS_WAY_S)
        return not _has_messages(channel, there)
    finally:
        for queue in queues:
            channel.queue_delete(queue)
        channel.close()


def _has_messages(channel: Any, queue: str) -> bool:
    return bool(channel.queue_declare(queue, passive=True).method.message_count)
