"""Which names more than one service answers to: a set or a command reaches all of them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dripline.doctor.report import Notes
from dripline.runtime.shared_names import other_service, some
from dripline.wire.enums import op_t
from dripline.wire.message import Message, MsgRequest

if TYPE_CHECKING:
    from dripline.runtime.client import MeshClient

_SECOND_ANSWER_S = 0.2
_LONGEST_S = 1.0
_LOOK_S = 0.01


def examine_shared_names(notes: Notes, client: MeshClient, names: Sequence[str]) -> None:
    """Ping names, and warn of those that several services answer to.

    Args:
        notes: where the findings go.
        client: an open client.
        names: of services and endpoints.
    """
    requests: dict[str, str] = {}
    owners: dict[str, set[str]] = {}

    def take(message: Message) -> None:
        owner = other_service(message, "")
        name = requests.get(message.correlation_id)
        if owner and name:
            owners.setdefault(name, set()).add(owner)

    address = f"doctor-{uuid.uuid4()}"
    client.monitor([address], [], take, _LONGEST_S)
    for name in names:
        ping = MsgRequest.create(None, op_t.cmd, name, "ping", address)
        requests[ping.correlation_id] = name
        client.link.send_request(ping, expect_reply=False)
    deadline = time.monotonic() + _LONGEST_S
    while len(owners) < len(requests) and time.monotonic() < deadline:
        time.sleep(_LOOK_S)
    time.sleep(_SECOND_ANSWER_S)
    shared: dict[tuple[str, ...], list[str]] = {}
    for name, found in list(owners.items()):
        if len(found) > 1:
            shared.setdefault(tuple(sorted(found)), []).append(name)
    for services, of_them in shared.items():
        notes.warning(
            f"requests for {some(sorted(of_them))} reach {' and '.join(services)}",
            "rename them, or stop one of the services; with unique_endpoints: true a service refuses to start "
            "like that",
            endpoints=sorted(of_them),
        )
