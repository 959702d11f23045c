"""A home without settings, and ways to ask an endpoint without a broker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dripline.core import MsgReply, MsgRequest, SentMessagePackage, Service, op_t


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch) -> Path:
    """An empty home; no login in the environment."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(folder))
    for variable in ("DRIPLINE_USER", "DRIPLINE_PASSWORD"):
        monkeypatch.delenv(variable, raising=False)
    return folder


class Recorder(Service):
    """A service without broker that keeps what it sends."""

    def __init__(self, name: str = "my_store", **kwargs: Any) -> None:
        self.sent: list[Any] = []
        self.can_send = True
        Service.__init__(self, name, make_connection=False, **kwargs)

    def send(self, a_message: Any) -> SentMessagePackage:
        """Keep the message, but only one reply to a request."""
        if isinstance(a_message, MsgReply) and not a_message.claim():
            return SentMessagePackage(False, "answered already")
        if self.can_send:
            self.sent.append(a_message)
        return SentMessagePackage(self.can_send)


@pytest.fixture
def recorder() -> Recorder:
    """A service that keeps what it sends."""
    return Recorder()


def ask(
    endpoint: Any, operation: op_t, payload: Any = None, specifier: str = "", key: str | None = None
) -> MsgReply:
    """Let an endpoint answer a request that wants no reply sent."""
    request = MsgRequest.create(payload, operation, endpoint.name, specifier)
    if key is not None:
        request.lockout_key = key
    return endpoint.on_request_message(request)


def get(endpoint: Any, specifier: str = "", **kwargs: Any) -> MsgReply:
    """Ask with a get."""
    return ask(endpoint, op_t.get, None, specifier, **kwargs)


def set_(endpoint: Any, value: Any, specifier: str = "", **kwargs: Any) -> MsgReply:
    """Ask with a set."""
    return ask(endpoint, op_t.set, {"values": [value]}, specifier, **kwargs)


def cmd(endpoint: Any, specifier: str, *values: Any, **keywords: Any) -> MsgReply:
    """Ask with a cmd."""
    return ask(endpoint, op_t.cmd, {"values": list(values), **keywords}, specifier)
