"""`Service`: a process on the mesh that owns endpoints."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import scarab
from dripline.config.mesh import MeshSettings
from dripline.core._access import Reach
from dripline.core._credentials import Secret, authentication, create_dripline_auth_spec, mesh_settings
from dripline.core.argument_checks import Checks
from dripline.core.core import FREE_NAMES, OverridableProperty, ServiceCore
from dripline.core.default_configs import DriplineConfig
from dripline.core.endpoint import Endpoint
from dripline.core.entity import Entity
from dripline.core.object_creator import ObjectCreator
from dripline.core.receiver import Receiver
from dripline.core.request_handler import RequestHandler
from dripline.core.request_sender import RequestSender
from dripline.core.scheduler import Scheduler
from dripline.errors import BrokerError, DriplineError
from dripline.runtime.alert_collector import DurableQueue
from dripline.runtime.children import Children, OwnedLock, OwnRequests
from dripline.runtime.client import LIST_ENDPOINTS
from dripline.runtime.dispatch import BuiltIn
from dripline.runtime.health import HEALTH, Health
from dripline.runtime.heartbeat import Heartbeat
from dripline.runtime.liveness import LifeSigns
from dripline.runtime.pending_replies import Answered, SentMessagePackage, thrown
from dripline.runtime.request_router import HandlerTimeout, RequestRouter
from dripline.runtime.service_link import ServiceLink
from dripline.runtime.state_folder import dead_letter_folder
from dripline.runtime.store_and_forward import AlertSpoolMap, keep_rule
from dripline.runtime.worker import PriorityLane
from dripline.wire.enums import op_t
from dripline.wire.message import Message, MsgAlert, MsgReply, MsgRequest
from dripline.wire.return_codes import ThrowReply

__all__ = [  # most names are here because the reference's module has them
    "DriplineConfig", "ObjectCreator", "RequestHandler", "RequestSender", "SentMessagePackage", "Service",
    "ThrowReply", "create_dripline_auth_spec",
]  # fmt: skip

logger = logging.getLogger("dripline.service")

_GRACE_S = 1.0


class Service(Endpoint, ServiceCore, RequestSender, Scheduler, ObjectCreator):
    """A member of the mesh with a queue of its own, and an endpoint itself.

    In a process that is forked while it runs it is not a service: its calls fail there, an `Interface` works.

    Args:
        name: the service's name; only one service of a name can be on a mesh.
        make_connection: False makes a service without broker, for tests: what it would send is raised.
        endpoints: configurations of its endpoints, each with ``name``, ``module`` and the arguments of its class.
        add_endpoints_now: whether the endpoints are made now; `add_endpoints_from_config` makes them later.
        enable_scheduling: whether scheduled calls and logging run; `dl-serve` turns it on.
        broadcast_key: first word of routing keys that address every service.
        loop_timeout_ms: kept for packages that set it.
        message_wait_ms: how long missing chunks of a message are waited for, in milliseconds.
        heartbeat_interval_s: seconds between heartbeats; 0 sends none.
        username: login name: text, or a dict with any of ``value``, ``file``, ``env``, ``default``.
        password: secret, likewise.
        authentication_obj: an authentication that was processed already.
        dripline_mesh: settings of the mesh; the rest are defaults.
        allow_private_specifiers: whether messages may reach names with one leading underscore.
        handler_timeout: how long a handler may take, in seconds; then its request is answered with 305, and the
            handler goes on. 0 is no limit.
        stop_grace_s: how long requests in hand may take when the service is stopped, in seconds.
        alert_spool: how many alerts wait for a broker that is away: ``in_memory`` (their number), ``folder``,
            ``on_disk_mb``, ``drop`` (``oldest`` or ``newest``, when there is no room left). `dl-serve` names a
            folder below ``~/.local/state/dripline`` when this does not.
        unique_endpoints: whether to refuse names that another service answers to, instead of logging a warning.
        **kwargs: ignored: keys of old configurations and arguments of other bases.

    Attributes:
        auth: the authentication.
        endpoint_configs: the configurations given.
        enable_scheduling: whether scheduled calls run; looked at when the service starts.
    """

    _dripline_checks: ClassVar[Checks] = {"alert_spool": keep_rule}

    # How many messages may be here and not acknowledged: more of them for who acknowledges many at a time.
    _dripline_prefetch: int = 100

    _dripline_kind: ClassVar[str] = "service"
    _dripline_sets: ClassVar[str] = "_Service__children"
    _dripline_reach: ClassVar[Reach] = {
        "own": {"auth", "endpoint_configs", "enable_scheduling", "broadcast_key", "loop_timeout_ms"}
        | {"message_wait_ms", "heartbeat_interval_s", "allow_private_specifiers"},
        "free": FREE_NAMES,
    }

    def __init__(
        self,
        name: str,
        make_connection: bool = True,
        endpoints: Sequence[Mapping[str, Any]] | None = None,
        add_endpoints_now: bool = True,
        enable_scheduling: bool = False,
        broadcast_key: str = "broadcast",
        loop_timeout_ms: int = 1000,
        message_wait_ms: int = 1000,
        heartbeat_interval_s: float = 60,
        username: Secret = None,
        password: Secret = None,
        authentication_obj: scarab.Authentication | None = None,
        dripline_mesh: Mapping[str, Any] | None = None,
        allow_private_specifiers: bool = False,
        handler_timeout: float = 0,
        stop_grace_s: float = 5,
        alert_spool: AlertSpoolMap | Mapping[str, Any] | None = None,
        unique_endpoints: bool = False,
        **kwargs: Any,
    ) -> None:
        # One by one, as a lab's class with several bases calls them: no cooperative super().
        Endpoint.__init__(self, name, **kwargs)
        Scheduler.__init__(self)
        Receiver.__init__(self)
        self.service = self
        self.auth = authentication(username, password, authentication_obj)
        self.enable_scheduling = enable_scheduling
        self.broadcast_key = broadcast_key
        self.loop_timeout_ms = loop_timeout_ms
        self.message_wait_ms = message_wait_ms
        self.heartbeat_interval_s = heartbeat_interval_s
        self.allow_private_specifiers = allow_private_specifiers
        self.endpoint_configs = endpoints
        self._dripline_make_connection = make_connection
        self.__children = Children(self)
        self.__heartbeat: Heartbeat | None = None
        self.__stop_grace_s = float(stop_grace_s)
        self.__handler_timeout = HandlerTimeout(
            float(handler_timeout), lambda request: self.__router.give_up(request)
        )
        self.__router = RequestRouter(self, self.__children, self.__handler_timeout)
        self._dripline_mesh = mesh_settings(dripline_mesh)
        username, password = (str(self.auth.get("dripline", item)) for item in ("username", "password"))
        keep = keep_rule(alert_spool)
        self.__link = ServiceLink(self.name, self._dripline_mesh, username, password, keep, unique_endpoints)
        self.__own_requests = OwnRequests(self.name, self.__children, self.__link)
        self.__spool = alert_spool
        self.__health = Health(self.__link, self.__handler_timeout)
        listed, health = self.__children.listed, self.__health.report
        self.__built_in = {
            (op_t.get, HEALTH): BuiltIn(lambda _, request: request.reply(payload=health()), may_overtake=True),
            (op_t.get, LIST_ENDPOINTS): BuiltIn(lambda _, request: request.reply(payload={"endpoints": listed()})),
        }
        if allow_private_specifiers:
            logger.warning(
                "%s: allow_private_specifiers is on: messages reach names with a leading underscore", name
            )
        if add_endpoints_now:
            self.add_endpoints_from_config()

    # -- endpoints -------------------------------------------------------------------------------------------

    @property
    def sync_children(self) -> dict[str, Endpoint]:
        """Endpoints that are served one at a time with the service, by name, in the order of their names."""
        return dict(sorted(self.__children.sync.items()))

    @OverridableProperty
    def async_children(self) -> dict[str, Endpoint]:
        """Endpoints with a queue and thread of their own, by name, in the order of their names."""
        return dict(sorted(self.__children.own_queue.items()))

    def add_endpoints_from_config(self) -> None:
        """Make the endpoints of the configuration and add them."""
        for config in self.endpoint_configs or ():
            self.add_child(self.create_object(config, "Endpoint"))

    def add_child(self, an_endpoint: Endpoint) -> bool:
        """Add an endpoint that is served in turn with the others; a service that runs can be asked for it at once.

        Returns:
            True.

        Raises:
            DriplineError: there is one of that name already, or on the mesh if `unique_endpoints` is set.
        """
        self.__adopt(an_endpoint, own_queue=False)
        if self.__link.is_open:
            with suppress(BrokerError):  # it is bound when the connection is back
                self.__link.bind(self.requests_exchange, [f"{an_endpoint.name}.#"])
        return True

    def add_async_child(self, an_endpoint: Endpoint) -> bool:
        """Add an endpoint with a queue and a thread of its own, which is served while others are at work.

        Returns:
            True.

        Raises:
            DriplineError: there is one of that name already.
        """
        self.__adopt(an_endpoint, own_queue=True)
        if self.__link.is_open:
            self.__link.add_queue(an_endpoint.name, self.__router.taker_for(an_endpoint))
        return True

    def __adopt(self, endpoint: Endpoint, *, own_queue: bool) -> None:
        self.__link.refuse_shared(endpoint.name)
        self.__children.add(endpoint, own_queue=own_queue)
        if isinstance(endpoint, Entity) and endpoint.log_interval > timedelta(0):
            endpoint.start_logging()

    def _dripline_built_in(self, request: MsgRequest) -> BuiltIn | None:
        """Return the built-in specifier that a request uses; a service has some beyond those of an endpoint."""
        operation, specifier = request.message_operation, request.specifier.to_string()
        if specifier == HEALTH and (HEALTH in vars(self) or hasattr(type(self), HEALTH)):
            return None  # a laboratory's class has one of its own
        return self.__built_in.get((operation, specifier)) or Endpoint._dripline_built_in(self, request)

    def _dripline_life_signs(self, awaited: list[str]) -> LifeSigns | None:
        return self.__link.life_signs(awaited, self.__router.kept())

    def _dripline_lock_of(self, an_endpoint: Endpoint) -> OwnedLock:
        """Return what to hold while an endpoint of this service, or the service, is at work."""
        return self.__children.lock_of(an_endpoint)

    # -- life ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until cancelled.

        Raises:
            BrokerUnreachable: no broker answered.
            LoginRefused: the broker refused the login.
            NameTaken: a service of this name is on the mesh, or another one has an endpoint that must be unique.
        """
        try:
            self.start()
            self.listen()
        finally:
            self.stop()

    def start(self) -> None:
        """Connect, declare the queue, bind the keys and begin to consume. Errors as for `run`."""
        if self.__link.is_open:
            return
        if not self._dripline_connects:
            raise DriplineError(f"service {self.name} was made with make_connection=False, so it cannot start")
        router, words = self.__router, ("ping", HEALTH)
        lane = PriorityLane(self.name, router.take_prioritized, router.may_overtake, words)
        wait_s, prefetch = self.message_wait_ms / 1000, self._dripline_prefetch
        connected, names = self.__health.connected, self.__own_names
        try:
            self.__link.open(
                router.take, self.bind_keys, router.takers(), wait_s, prefetch, lane, connected, names
            )
        except BaseException:
            self.stop()
            raise
        if self.enable_scheduling:
            self._dripline_task_scheduler.start()
        self.__start_heartbeat()
        count = len(self.__children)
        logger.info("%s serves %d endpoint%s on %s", self.name, count, "s" * (count != 1), self.__link.address)

    def listen(self) -> None:
        """Serve until cancelled; the threads do the work."""
        self._scarab_wait_for_cancel()

    def stop(self) -> None:
        """Stop: requests that were received are answered, alerts are published or kept, the queue is released.

        It takes at most `stop_grace_s` and about one second, whatever network, handlers and scheduled calls do.
        Nothing happens in a forked process.
        """
        if self._dripline_is_left_behind():
            return
        deadline = time.monotonic() + self.__stop_grace_s
        if self.__heartbeat is not None:
            self.__heartbeat.stop(min(_GRACE_S, self.__stop_grace_s))
        self._dripline_task_scheduler.stop(min(_GRACE_S, self.__stop_grace_s))
        self.__health.stop()
        self.__link.close(max(0.0, deadline - time.monotonic()))
        self.__handler_timeout.stop()

    def _dripline_keep_alerts(self, folder: str) -> None:
        """Let alerts wait on disk, unless the configuration said where; before the service starts."""
        if self.__spool is None or "folder" not in self.__spool:
            self.__link.keep_alerts(keep_rule({**(self.__spool or {}), "folder": folder}))

    def _dripline_collect(
        self, keys: Callable[[], Sequence[str]], memory_bytes: int, dead_letters: Callable[[], Path]
    ) -> None:
        """Have alerts collected while this service is away; before it starts."""
        queue = DurableQueue(f"{self.name}.alerts", keys, self.__router.take, memory_bytes, dead_letters)
        self.__link.add_durable_queue(queue)

    def _dripline_is_left_behind(self) -> bool:
        """Whether this process was forked from the one in which the service runs."""
        return self.__link.is_left_behind

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Refuse to be sent to another process.

        Raises:
            TypeError: always.
        """
        raise TypeError(
            f"service {self.name!r} cannot be sent to another process: make it there, or send an Interface"
        )

    def _dripline_dead_letter_folder(self) -> Path:
        """Where alerts that can never be handled are written, unless the configuration says it."""
        return dead_letter_folder(self._dripline_mesh, self.name)

    def _dripline_is_connected(self) -> bool:
        """Whether the broker can be reached at this moment."""
        return self.__link.is_connected

    def _dripline_is_ready(self) -> bool:
        """Whether it has reached itself over the connection of this moment."""
        return self.__health.is_ready

    def __start_heartbeat(self) -> None:
        routing_key = f"{self.heartbeat_routing_key}.{self.name}"
        payload = {"id": str(uuid.uuid4()), "name": self.name}
        self.__heartbeat = Heartbeat(
            lambda: self.__link.send(MsgAlert.create(payload, routing_key), keep=False),  # old ones say nothing
            self.heartbeat_interval_s,
        )
        self.__heartbeat.start()

    # -- bindings --------------------------------------------------------------------------------------------

    def _dripline_use_mesh(self, mesh: MeshSettings) -> bool:
        return self.__link.use(mesh)

    def bind_keys(self) -> bool:
        """Bind the service's queue; an override calls this one and binds more with `bind_key`.

        Returns:
            True, so that overrides may chain it with ``and``.
        """
        words = (*self.__own_names(), self.broadcast_key)
        self.__link.bind(self.requests_exchange, [f"{word}.#" for word in words])
        return True

    def __own_names(self) -> list[str]:
        return [self.name, *self.__children.sync]

    def bind_key(self, exchange: str, key: str) -> bool:
        """Bind the service's queue with one key, now or when it starts.

        Args:
            exchange: `requests_exchange` or `alerts_exchange`.
            key: binding key, with ``*`` for a word and ``#`` for any number of words.

        Returns:
            True.
        """
        self.__link.keep_bound(exchange, key)
        return True

    # -- messages out ----------------------------------------------------------------------------------------

    def send(self, a_message: Message) -> SentMessagePackage:
        """Send a request, reply or alert. An alert is only queued, without waiting for the network or the disk.

        Returns:
            Whether it was sent, and for a request where its reply will arrive. For an alert: whether it was
            queued; it is not if there is no room for it and ``drop: newest`` is set or the service was stopped. A
            reply is not sent if its request was answered before.

        Raises:
            RuntimeError: The service has no connection (``make_connection=False``); the text shows the message.
        """
        if not self._dripline_connects:
            raise thrown(a_message)
        if isinstance(a_message, MsgRequest) and (reply := self.__own_requests.answer(a_message)) is not None:
            return SentMessagePackage(True, pending=Answered(a_message, reply))
        if isinstance(a_message, MsgReply):
            a_message = self.__router.of_request_here(a_message)
        return self.__link.send(a_message)

    @property
    def _dripline_connects(self) -> bool:
        """Whether messages are sent; a script may have set ``make_connection`` meanwhile."""
        own = vars(self).get("make_connection")
        return own if isinstance(own, bool) else self._dripline_make_connection

    def _dripline_exchange(self, request: MsgRequest, timeout_s: float | None) -> MsgReply:
        if not self._dripline_connects:
            raise thrown(request)
        return self.__own_requests.answer(request) or self.__link.ask(request, timeout_s)
