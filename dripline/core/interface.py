"""The client for scripts and notebooks."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from dripline.core.login import Secret, authentication, mesh_settings
from dripline.core.request_sender import RequestSender
from dripline.runtime.client import MeshClient
from dripline.wire.message import MsgReply, MsgRequest


class Interface(RequestSender):
    """Asks endpoints from a script. It connects when it is first used, and stays connected.

    ::

        from dripline.core import Interface

        mesh = Interface()
        print(mesh.get("peaches"))

    Args:
        username: Login name: text, or a dict with any of ``value``, ``file``, ``env``, ``default``.
        password: Secret, likewise.
        dripline_mesh: Settings of the mesh, such as ``{"broker": "lab-broker"}``; the rest are defaults.
        timeout_s: How long to wait for replies, in seconds.
        confirm_retcodes: Whether a return code of 100 or more raises `ErrorReply`.
    """

    def __init__(
        self,
        username: Secret = None,
        password: Secret = None,
        dripline_mesh: Mapping[str, Any] | None = None,
        timeout_s: float = 10,
        confirm_retcodes: bool = True,
    ) -> None:
        auth = authentication(username, password, None)
        self.timeout_s = timeout_s
        self.confirm_retcodes = confirm_retcodes
        self._client = MeshClient(
            mesh_settings(dripline_mesh),
            str(auth.get("dripline", "username")),
            str(auth.get("dripline", "password")),
        )
        # Says goodbye to the broker also when a script just ends.
        self._goodbye = weakref.finalize(self, self._client.close)

    def close(self) -> None:
        """End the connection; the next call makes a new one."""
        self._client.close()

    def __enter__(self) -> Interface:
        """Use as a context manager."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _exchange(self, request: MsgRequest, timeout_s: float) -> MsgReply:
        return self._client.request(request, timeout_s)
