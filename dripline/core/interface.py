"""`Interface`: the client for scripts and notebooks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

import scarab
from dripline.core._access import Reach
from dripline.core._credentials import Secret, authentication, create_dripline_auth_spec, mesh_settings
from dripline.core.core import Core
from dripline.core.receiver import Receiver, no_reply, patient_reply
from dripline.core.request_sender import RequestSender, cmd_payload, make_request, set_payload, time_limit
from dripline.errors import ReplyTimeout
from dripline.runtime.pending_replies import thrown
from dripline.wire.enums import op_t
from dripline.wire.message import MsgReply, MsgRequest

__all__ = [  # most names are here because the reference's module has them
    "Core",
    "DriplineConfig",  # noqa: F822 - see below
    "Interface",
    "Receiver",
    "RequestSender",
    "create_dripline_auth_spec",
]


def __getattr__(name: str) -> Any:
    if name == "DriplineConfig":  # the reference's module has the name, and few scripts use it
        from dripline.core.default_configs import DriplineConfig

        return DriplineConfig
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Interface(Core, RequestSender):
    """Asks endpoints from a script. It connects when it is first used, and stays connected.

    A time limit is for everything together: the broker's name, the connection, the login and the reply. Without
    one a call waits as long as a reply can come: a ping every few seconds finds out whether the endpoint is still
    there. Connecting is limited by the mesh's ``max_connection_attempts`` then. Any thread may use it. A process
    that inherits it by a fork, or is sent it, makes a connection of its own.

    ::

        from dripline.core import Interface

        mesh = Interface()
        print(mesh.get("peaches"))

    Made as version 4 did, with ``dripline_config`` or a configuration as its only argument, it also behaves so:
    `get`, `set` and `cmd` return a `MsgReply` whatever its return code, take a ``timeout`` in milliseconds, and
    wait without limit if there is none. No exception is raised when no reply can come, since a script that has
    run for hours must not end there: the `MsgReply` then says why, with return code 404 for a timeout or a service
    that has ceased to answer pings, 102 if no queue is bound to the endpoint's name and 101 if the connection is
    lost meanwhile. It is logged as well.

    Args:
        username: Login name: text, or a dict with any of ``value``, ``file``, ``env``, ``default``.
        password: Secret, likewise.
        dripline_mesh: Settings of the mesh, such as ``{"broker": "lab-broker"}``; the rest are defaults.
        timeout_s: Longest wait for replies, in seconds; None or 0: no limit.
        confirm_retcodes: Whether a return code of 100 or more raises `ErrorReply`.
        dripline_config: A version 4 configuration, such as ``{"auth-file": path, "broker": "lab-broker"}``.
    """

    _dripline_reach: ClassVar[Reach] = {"own": {"timeout_s", "confirm_retcodes"}}

    def __init__(
        self,
        username: Secret | scarab.Param = None,
        password: Secret = None,
        dripline_mesh: Mapping[str, Any] | scarab.Param | None = None,
        timeout_s: float | None = None,
        confirm_retcodes: bool = True,
        dripline_config: Mapping[str, Any] | scarab.Param | None = None,
    ) -> None:
        time_limit(timeout_s)
        self.timeout_s = timeout_s
        self.confirm_retcodes = confirm_retcodes
        name: Any = username
        secret: Any = password
        if dripline_config is None and isinstance(username, (Mapping, scarab.Param)):
            from dripline.core._version_4 import is_old_config  # most clients are not made like that

            if is_old_config(username):
                dripline_config, name = username, None
                secret = None if isinstance(password, bool) else password  # once it was confirm_retcodes
        self.__answers_as_version_4 = dripline_config is not None
        if dripline_config is not None:
            self._dripline_set_up_from(dripline_config, name, secret)
        else:
            self._dripline_set_up(mesh_settings(dripline_mesh), authentication(name, secret, None))

    def __enter__(self) -> Interface:
        """Use as a context manager."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close."""
        self.close()

    # -- asking ----------------------------------------------------------------------------------------------

    def get(
        self,
        endpoint: str,
        specifier: str | None = None,
        lockout_key: str | UUID | float | None = None,
        timeout_s: float | str | UUID | None = 0,
        **version_4: Any,
    ) -> Any:
        """Ask an endpoint for its value, or for an attribute; see `RequestSender.get`.

        Args:
            endpoint: Name of the endpoint (routing key).
            specifier: An attribute of the endpoint.
            lockout_key: Key of a locked endpoint. In version 4 the timeout stands here, and the key behind it.
            timeout_s: Longest wait, in seconds; None or 0 is this object's `timeout_s`.
            **version_4: ``timeout`` in milliseconds, for an object that was made as in version 4.
        """
        return self.__ask(op_t.get, endpoint, None, specifier, lockout_key, timeout_s, version_4)

    def set(
        self,
        endpoint: str,
        value: Any,
        specifier: str | None = None,
        lockout_key: str | UUID | float | None = None,
        timeout_s: float | str | UUID | None = 0,
        **version_4: Any,
    ) -> Any:
        """Set an endpoint's value, or an attribute. Arguments, result and errors as for `get`."""
        return self.__ask(op_t.set, endpoint, set_payload(value), specifier, lockout_key, timeout_s, version_4)

    def cmd(
        self,
        endpoint: str,
        specifier: str | None = None,
        ordered_args: Sequence[Any] | None = None,
        keyed_args: Mapping[str, Any] | None = None,
        lockout_key: str | UUID | float | None = None,
        timeout_s: float | str | UUID | None = 0,
        **version_4: Any,
    ) -> Any:
        """Call a method of an endpoint; see `RequestSender.cmd`.

        Args:
            endpoint: Name of the endpoint (routing key).
            specifier: The method; version 4's name for this argument is ``method``.
            ordered_args: Its positional arguments; a value that is not a list is a single argument.
            keyed_args: Its keyword arguments.
            lockout_key: As for `get`.
            timeout_s: As for `get`.
            **version_4: As for `get`.
        """
        specifier = version_4.pop("method", None) if specifier is None else specifier
        if specifier is None:
            raise TypeError("cmd() needs a specifier: the method to call")
        payload = cmd_payload(ordered_args, keyed_args)
        return self.__ask(op_t.cmd, endpoint, payload, specifier, lockout_key, timeout_s, version_4)

    def __ask(
        self,
        operation: op_t,
        endpoint: str,
        payload: Any,
        specifier: str | None,
        lockout_key: Any,
        timeout_s: Any,
        version_4: dict[str, Any],
    ) -> Any:
        if not self.__answers_as_version_4:
            if version_4:
                unknown = ", ".join(map(repr, version_4))
                raise TypeError(f"unknown argument {unknown}; a timeout is given in seconds, as timeout_s")
            return self._dripline_ask(operation, endpoint, payload, specifier, lockout_key, timeout_s)
        from dripline.core._version_4 import read_timeout  # most scripts are newer

        lockout_key, timeout_ms = read_timeout(lockout_key, timeout_s, version_4)
        return self.__ask_patiently(make_request(operation, endpoint, payload, specifier, lockout_key), timeout_ms)

    def __ask_patiently(self, request: MsgRequest, timeout_ms: float) -> MsgReply:
        """Ask as in version 4: any reply is returned, and if none can come, one that says why."""
        if not self.make_connection:
            raise thrown(request)
        reply = self._dripline_answered_here(request)
        if reply is not None:
            return reply
        timeout_s = timeout_ms / 1000 if timeout_ms > 0 else None
        try:
            start = time.monotonic()
            pending = self._dripline_client().submit(request, timeout_s)
            left_s = None if timeout_s is None else max(0.0, timeout_s - (time.monotonic() - start))
            return patient_reply(pending, left_s, timeout_s)
        except ReplyTimeout as error:
            return no_reply(request, error.return_code, error.message)
