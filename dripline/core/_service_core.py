"""What a service has of `Core` and `Receiver`: where the broker is, how to log in, and settings of the mesh."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

from dripline.config.mesh import MeshSettings, checked_setting
from dripline.core._access import Reach
from dripline.core._overridable import OverridableProperty
from dripline.core.core import Core
from dripline.core.receiver import Receiver

logger = logging.getLogger("dripline.service")

#: Attributes of a service's bases that a laboratory's class may use for its own purposes.
FREE_NAMES = {
    *("address", "port", "username", "password", "make_connection", "heartbeat_routing_key", "max_payload_size"),
    *("max_connection_attempts", "PostListenStatus", "close"),
    *("single_message_wait_ms", "wait_for_reply", "execute", "sender"),
}


class _MeshProperty:
    """A setting of the mesh that can be changed until the service connects."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.__doc__ = f"The mesh's ``{name}``; it can be changed until the service connects."
        self._name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        mesh = vars(instance).get("_dripline_mesh")
        return vars(instance).get(self._name) if mesh is None else getattr(mesh, self._name)

    def __set__(self, instance: Any, value: Any) -> None:
        mesh = vars(instance).get("_dripline_mesh")
        if mesh is None:  # a laboratory's class may set attributes before the constructor of its base runs
            vars(instance)[self._name] = value
            return
        changed = replace(mesh, **{self._name: checked_setting(self._name, value)})
        if instance._dripline_use_mesh(changed):
            instance._dripline_mesh = changed
        else:
            logger.warning("%s: %s stays as it is: the service is connected", instance.name, self._name)


def _mesh_property() -> Any:
    return _MeshProperty()


def _overridable(read: Callable[[Any], Any]) -> Any:
    return OverridableProperty(read)


class ServiceCore(Core, Receiver):
    """A base of `Service`. Its constructor need not be called: the service makes the connection.

    ``address``, ``port``, ``username``, ``password`` and ``make_connection`` can be read. An attribute of that
    name that a laboratory's class sets belongs to the laboratory, for example the address of an instrument.
    """

    _dripline_reach: ClassVar[Reach] = {}

    _dripline_mesh: MeshSettings
    _dripline_make_connection: bool
    auth: Any
    message_wait_ms: int

    address = _overridable(lambda service: service._dripline_mesh.broker)
    port = _overridable(lambda service: service._dripline_mesh.broker_port)
    username = _overridable(lambda service: str(service.auth.get("dripline", "username")))
    password = _overridable(lambda service: str(service.auth.get("dripline", "password")))
    make_connection = _overridable(lambda service: service._dripline_make_connection)
    close = _overridable(lambda service: service.stop)

    requests_exchange = _mesh_property()
    alerts_exchange = _mesh_property()
    heartbeat_routing_key = _mesh_property()
    max_payload_size = _mesh_property()
    max_connection_attempts = _mesh_property()

    @property
    def single_message_wait_ms(self) -> int:
        """How long missing chunks of a message are awaited, in milliseconds: the same as ``message_wait_ms``."""
        return self.message_wait_ms

    @single_message_wait_ms.setter
    def single_message_wait_ms(self, milliseconds: int) -> None:
        self.message_wait_ms = milliseconds

    def _dripline_use_mesh(self, mesh: MeshSettings) -> bool:
        """Use changed settings of the mesh, if it is not too late for that."""
        raise NotImplementedError

    @property
    def _dripline_connects(self) -> bool:
        """Whether messages are sent; a script may have set ``make_connection`` meanwhile."""
        own = vars(self).get("make_connection")
        return own if isinstance(own, bool) else self._dripline_make_connection
