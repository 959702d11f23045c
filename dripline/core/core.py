"""`Core`: a client that sends messages; and the part of it that services share."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

import scarab
from dripline.config.mesh import MeshSettings
from dripline.core._access import SET_BY_US, Reach
from dripline.core._credentials import Secret, authentication, mesh_settings
from dripline.errors import BrokerError
from dripline.runtime import forks
from dripline.runtime.children import answer_in_handler
from dripline.runtime.pending_replies import Answered, SentMessagePackage, thrown
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest

if TYPE_CHECKING:
    from dripline.runtime.client import MeshClient
from collections.abc import Callable
from typing import Generic, TypeVar, overload

from dripline.config.mesh import checked_setting
from dripline.core.receiver import Receiver

logger = logging.getLogger("dripline.config")
_service_logger = logging.getLogger("dripline.service")

_SEND_S = 10.0  # for a connection, when a message is sent without waiting for its reply
_GOODBYE_S = 0.3  # a broker that does not answer must not make a call with a time limit longer

_MESH_ATTRIBUTES = (
    *("requests_exchange", "alerts_exchange", "heartbeat_routing_key", "max_payload_size"),
    "max_connection_attempts",
)
#: Attributes of a service's bases that a laboratory's class may use for its own purposes.
FREE_NAMES = {
    *("address", "port", "username", "password", "make_connection", "heartbeat_routing_key", "max_payload_size"),
    *("max_connection_attempts", "PostListenStatus", "close"),
    *("single_message_wait_ms", "wait_for_reply", "execute", "sender"),
}

T = TypeVar("T")


class OverridableProperty(Generic[T]):
    """A property that a lab's class may hide: an attribute of the same name, set on `self`, is the lab's.

    With `property` that would be an AttributeError. Nothing of ours may read such an attribute itself.

    Args:
        read: gives the value.
    """

    def __init__(self, read: Callable[[Any], T]) -> None:
        self.__doc__ = read.__doc__
        self._read = read

    @overload
    def __get__(self, instance: None, owner: type) -> OverridableProperty[T]: ...

    @overload
    def __get__(self, instance: object, owner: type) -> T: ...

    def __get__(self, instance: object | None, owner: type) -> OverridableProperty[T] | T:
        return self if instance is None else self._read(instance)


class Core:
    """Sends requests, replies and alerts. It connects when it first sends, and stays connected.

    Args:
        config: settings of the mesh, as `DriplineConfig` holds them; the rest are defaults. Names may also be
            version 4's (``broker-port``, ``auth-file``).
        auth: an authentication; the login is its group ``dripline``.
        make_connection: False sends nothing: what would be sent is raised.

    Attributes:
        address: host of the broker. This and what follows can be changed until the first message is sent.
        port: its port.
        username: login name.
        password: secret.
        requests_exchange: exchange of requests and replies.
        alerts_exchange: exchange of alerts.
        heartbeat_routing_key: first word of the routing key of heartbeats.
        max_payload_size: longest body of one AMQP message, in bytes.
        make_connection: whether messages are sent.
        max_connection_attempts: how often a first connection is tried.
    """

    _dripline_reach: ClassVar[Reach] = {
        "own": {"address", "port", "username", "password", "requests_exchange", "alerts_exchange"}
        | {"heartbeat_routing_key", "max_payload_size", "make_connection", "max_connection_attempts"}
    }

    class PostListenStatus(Enum):
        """How listening for messages may end; kept for packages that name it."""

        Unknown = 0
        MessageReceived = 1
        Timeout = 2
        SoftError = 3
        HardError = 4

    def __init__(
        self,
        config: scarab.Param | Mapping[str, Any] | None = None,
        auth: scarab.Authentication | None = None,
        make_connection: bool = True,
    ) -> None:
        self._dripline_set_up_from(config, auth=auth, make_connection=make_connection)

    def _dripline_set_up_from(
        self,
        config: scarab.Param | Mapping[str, Any] | None,
        username: Secret = None,
        password: Secret = None,
        auth: scarab.Authentication | None = None,
        make_connection: bool = True,
    ) -> None:
        """Take over a configuration in which names may be version 4's."""
        from dripline.core._version_4 import read_core_config  # few clients are made like that

        mesh, auth_file = read_core_config(config)
        found = authentication(username, password, auth, auth_file)
        self._dripline_set_up(mesh_settings(mesh), found, make_connection)

    def _dripline_set_up(
        self, mesh: MeshSettings, auth: scarab.Authentication, make_connection: bool = True
    ) -> None:
        self.address = mesh.broker
        self.port = mesh.broker_port
        self.username = str(auth.get("dripline", "username"))
        self.password = str(auth.get("dripline", "password"))
        self.requests_exchange = mesh.requests_exchange
        self.alerts_exchange = mesh.alerts_exchange
        self.heartbeat_routing_key = mesh.heartbeat_routing_key
        self.max_payload_size = mesh.max_payload_size
        self.make_connection = make_connection
        self.max_connection_attempts = mesh.max_connection_attempts
        vars(self)[SET_BY_US] = Core._dripline_reach["own"]  # this may be a service as well
        self.__mesh = mesh
        self.__lock = forks.Lock()
        self.__client: MeshClient | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Another process gets everything but the connection, and makes one of its own."""
        own = {f"_Core__{name}" for name in ("client", "lock")}
        return {name: value for name, value in vars(self).items() if name not in own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Become what another process has sent."""
        vars(self).update(state)
        self.__lock = forks.Lock()
        self.__client = None

    def send(self, a_message: Message) -> SentMessagePackage:
        """Send a request, reply or alert.

        Returns:
            Whether it could be sent, and for a request where its reply will arrive.

        Raises:
            RuntimeError: there is no connection (``make_connection=False``); the text shows the message.
        """
        if not self.make_connection:
            raise thrown(a_message)
        try:
            if isinstance(a_message, MsgRequest):
                if (reply := self._dripline_answered_here(a_message)) is not None:
                    return SentMessagePackage(True, pending=Answered(a_message, reply))
                return SentMessagePackage(True, pending=self._dripline_client().submit(a_message, _SEND_S))
            if isinstance(a_message, MsgReply) and not a_message.claim():
                return SentMessagePackage(False, "the request of this reply has been answered already")
            if isinstance(a_message, (MsgReply, MsgAlert)):
                self._dripline_client().publish(a_message)
        except (BrokerError, TimeoutError) as error:
            if isinstance(a_message, MsgReply):
                a_message.release()
            logger.warning("could not send to %r: %s", a_message.routing_key, error)
            return SentMessagePackage(False, str(error))
        return SentMessagePackage(True)

    def close(self) -> None:
        """End the connection; the next message makes a new one."""
        with self.__lock:
            if self.__client is not None:
                self.__client.close(_GOODBYE_S)

    def _dripline_exchange(self, request: MsgRequest, timeout_s: float | None) -> MsgReply:
        """Send a request and wait for its reply; what `RequestSender` builds upon."""
        if not self.make_connection:
            raise thrown(request)
        return self._dripline_answered_here(request) or self._dripline_client().request(request, timeout_s)

    def _dripline_answered_here(self, request: MsgRequest) -> MsgReply | None:
        """Answer a request that a handler sends to its own service, which would wait for itself; else None."""
        return answer_in_handler(request, (self.address, self.port, self.requests_exchange))

    def _dripline_client(self) -> MeshClient:
        if self.__client is not None:
            return self.__client
        with forks.importing:
            from dripline.runtime.client import (
                MeshClient,  # brings pika: to import this class need not wait for it
            )

        with self.__lock:
            if self.__client is None:
                self.__client = MeshClient(self.__current_mesh(), self.username, self.password)
                # Says goodbye to the broker also when a script just ends.
                weakref.finalize(self, self.__client.close, _GOODBYE_S)
            return self.__client

    def __current_mesh(self) -> MeshSettings:
        changed = {name: getattr(self, name) for name in _MESH_ATTRIBUTES}
        return replace(self.__mesh, broker=self.address, broker_port=self.port, **changed)


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
            _service_logger.warning("%s: %s stays as it is: the service is connected", instance.name, self._name)


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

    address: Any = OverridableProperty(lambda service: service._dripline_mesh.broker)
    port: Any = OverridableProperty(lambda service: service._dripline_mesh.broker_port)
    username: Any = OverridableProperty(lambda service: str(service.auth.get("dripline", "username")))
    password: Any = OverridableProperty(lambda service: str(service.auth.get("dripline", "password")))
    make_connection: Any = OverridableProperty(lambda service: service._dripline_make_connection)
    close: Any = OverridableProperty(lambda service: service.stop)

    requests_exchange: Any = _MeshProperty()
    alerts_exchange: Any = _MeshProperty()
    heartbeat_routing_key: Any = _MeshProperty()
    max_payload_size: Any = _MeshProperty()
    max_connection_attempts: Any = _MeshProperty()

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
