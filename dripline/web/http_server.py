"""`HTTPServer`: GET, PUT and POST become get, set and cmd."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import math
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from dripline.core._access import Reach
from dripline.core._credentials import Secret
from dripline.core.interface import Interface
from dripline.errors import BrokerError, ConfigurationError, ConnectionLost, DriplineError
from dripline.runtime.client import MeshClient, Present, discover_services
from dripline.web import settings
from dripline.wire.return_codes import get_return_code_values

if TYPE_CHECKING:
    from aiohttp import web

    from dripline.web.api.routes import Routes

logger = logging.getLogger("dripline.web")

_DRAIN_S = 5.0


class HTTPServer(Interface):
    """Offers the endpoints of a mesh over HTTP.

    ``GET /dl/<routing/key>`` gets, ``PUT`` sets, ``POST`` calls a method; the headers ``specifier`` and
    ``lockout-key`` mean what they do on the mesh, bodies are ``{"values": […], "keyword": …}``. ``GET /dl`` lists
    services and endpoints, ``GET /openapi.json`` describes it all.

    A subclass may override `handle_get`, `handle_put`, `handle_post`, `hello` and `path_to_routing_key`, and
    change `ret_code_conversion`.

    Args:
        http_host: address to listen at; by default only this machine can ask.
        http_port: port; 0 takes a free one.
        web_root: a folder whose files are served at ``/``.
        http_token: what `Authorization: Bearer` must say: text, or a dict with any of ``value``, ``file``,
            ``env``, ``default``; else the environment variable ``DRIPLINE_HTTP_TOKEN``.
        http_username: name for basic authentication, likewise; else ``DRIPLINE_HTTP_USER``.
        http_password: its secret, likewise; else ``DRIPLINE_HTTP_PASSWORD``.
        http_origins: origins of web pages elsewhere that may ask, such as ``https://panel.lab``.
        max_body_bytes: longest body of a request.
        max_requests: how many requests may wait for the mesh at once; more are answered with 503.
        max_requests_per_client: how many of them may come from one address.
        **kwargs: for `Interface`.

    Attributes:
        ret_code_conversion: HTTP status by return code; other codes are answered by their hundreds.

    Raises:
        ConfigurationError: a setting that cannot be used.
    """

    _dripline_reach: ClassVar[Reach] = {
        "own": {"http_host", "http_port", "web_root", "max_body_bytes", "max_requests", "max_requests_per_client"}
        | {"limit_s", "_http_auth", "_stop_wanted", "_stop", "_refused", "_routes", "ret_code_conversion"}
    }

    def __init__(
        self,
        http_host: str = "127.0.0.1",
        http_port: int = 8080,
        web_root: str | os.PathLike[str] | None = None,
        http_token: Secret = None,
        http_username: Secret = None,
        http_password: Secret = None,
        http_origins: str | Sequence[str] = (),
        max_body_bytes: int = 1_000_000,
        max_requests: int = 64,
        max_requests_per_client: int = 32,
        **kwargs: Any,
    ) -> None:
        self.http_host = settings.text("http_host", http_host)
        self.http_port = settings.whole_number("http_port", http_port, 0, 65535)
        self.web_root = settings.folder("web_root", web_root)
        self.max_body_bytes = settings.whole_number("max_body_bytes", max_body_bytes, 1, 2**31 - 1)
        self.max_requests = settings.whole_number("max_requests", max_requests, 1, 1000)
        self.max_requests_per_client = settings.whole_number(
            "max_requests_per_client", max_requests_per_client, 1, 1000
        )
        self.limit_s = settings.seconds("timeout_s", kwargs.setdefault("timeout_s", 10))
        allowed = settings.origins("http_origins", http_origins)
        self._http_auth = settings.auth(http_host, (http_token, http_username, http_password), allowed)
        self._stop_wanted = False  # no event: a signal may come while one is being set
        self._stop: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._refused: Exception | None = None
        self._routes: Routes | None = None
        Interface.__init__(self, **kwargs)
        # Not before: the mesh may add return codes.
        self.ret_code_conversion = {code: settings.http_status(code) for code in get_return_code_values()}

    @property
    def asks_who(self) -> bool:
        """Whether a token or a name is wanted."""
        return self._http_auth.asks_who

    def run(self, ready: threading.Event | None = None) -> None:
        """Serve until `stop`; also without a broker, which is told and tried again.

        Args:
            ready: set when the server listens; `http_port` is the port then.

        Raises:
            ConfigurationError: the address is taken, or aiohttp is not installed.
            LoginRefused: the broker does not know the login.
        """
        try:
            asyncio.run(self._serve(ready))
        finally:
            self._stop_wanted = False
        if self._refused is not None:
            refused, self._refused = self._refused, None
            raise refused

    def http_listen(self) -> None:
        """Serve until `stop`: the reference's name for `run`."""
        self.run()

    async def handle_get(self, request: web.Request) -> web.StreamResponse:
        """Answer a GET below ``/dl/``: get an endpoint's value, or an attribute."""
        return await self._ask(request)

    async def handle_put(self, request: web.Request) -> web.StreamResponse:
        """Answer a PUT below ``/dl/``: set an endpoint's value, or an attribute."""
        return await self._ask(request)

    async def handle_post(self, request: web.Request) -> web.StreamResponse:
        """Answer a POST below ``/dl/``: call a method of an endpoint."""
        return await self._ask(request)

    async def hello(self, request: web.Request) -> web.StreamResponse:
        """Answer a GET of ``/hello``, which shows that the server runs."""
        from aiohttp import web

        return web.Response(text="Hello, world\n")

    def path_to_routing_key(self, input_path: str) -> str:
        """Make a routing key of the path of an address.

        Args:
            input_path: The path, such as ``/dl/furnace/peaches``.
        """
        return input_path.removeprefix("/dl/").strip("/").replace("/", ".")

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        if self._routes is None:
            raise DriplineError("the HTTP server is not running")
        return await self._routes.ask(request)

    def stop(self) -> None:
        """End `run`, from any thread, or as soon as it begins; requests in hand are answered first."""
        self._stop_wanted = True
        if self._stop is not None:
            loop, stop = self._stop
            with contextlib.suppress(RuntimeError):  # it has ended already
                loop.call_soon_threadsafe(stop.set)

    def list_present(self, wait_s: float = 0.5) -> list[Present]:
        """Ask the mesh who is there."""
        return discover_services(self._new_client, wait_s, connect_s=self.limit_s)

    async def _serve(self, ready: threading.Event | None) -> None:
        from dripline.broker.listening import stop_accepting
        from dripline.web.api.connections import Connections
        from dripline.web.api.mesh_requests import MeshRequests
        from dripline.web.api.middleware import protocol_log
        from dripline.web.api.routes import (
            Routes,
            application,
        )  # says how to get aiohttp where it is not installed
        from aiohttp import web  # isort: skip

        loop, stop = self._stop = asyncio.get_running_loop(), asyncio.Event()
        if self._stop_wanted:  # a signal came while this began
            return
        client = self._dripline_client()
        mesh = MeshRequests(client, self.max_requests)
        self._routes = Routes(self, mesh)
        connections = Connections(lambda: runner.server() if runner.server is not None else None)
        handlers = {
            "GET": self.handle_get, "HEAD": self.handle_get, "PUT": self.handle_put, "POST": self.handle_post,
            "/hello": self.hello,
        }  # fmt: skip
        # Who has gone needs no answer: the handler is cancelled, and its place is free for another.
        runner = web.AppRunner(
            application(self, handlers, self._http_auth, self._routes, connections),
            access_log=None, logger=protocol_log(), handler_cancellation=True, shutdown_timeout=_DRAIN_S,
        )  # fmt: skip
        await runner.setup()
        listening = _listening_socket(self.http_host, self.http_port)
        self.http_port = listening.getsockname()[1]
        watch = loop.create_task(connections.watch())
        try:
            listener = await loop.create_server(connections.accept, sock=listening, backlog=128)
            threading.Thread(
                target=self._connect, args=(client,), name="dripline-http-connect", daemon=True
            ).start()
            self._log_address()
            if ready is not None:
                ready.set()
            await stop.wait()
            await stop_accepting(listener)
        finally:
            await runner.cleanup()
            watch.cancel()
            mesh.close()
            self.close()

    def _connect(self, client: MeshClient) -> None:
        """Connect, and end `run` if no further attempt can help."""
        try:
            client.open(attempts=math.inf)
        except ConnectionLost:  # the server is being stopped
            return
        except (BrokerError, ConfigurationError) as error:
            self._refused = error
            self.stop()

    def _new_client(self) -> MeshClient:
        link = self._dripline_client().link
        # Who waits for a list need not wait for a broker that is away.
        return MeshClient(
            replace(link.mesh, max_connection_attempts=1), link.address.username, link.address.password
        )

    def _log_address(self) -> None:
        host = f"[{self.http_host}]" if ":" in self.http_host else self.http_host
        logger.info("http://%s:%d/dl lists the endpoints of the mesh", host, self.http_port)
        if self._http_auth.is_open_to_all:
            logger.warning(
                "whoever reaches %s may set everything; give a token (%s), or listen at 127.0.0.1",
                self.http_host, settings.ENVIRONMENT["token"],
            )  # fmt: skip


def _listening_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        reason = str(getattr(error, "strerror", None) or error).partition(" (while")[0]
        other = "port" if getattr(error, "errno", 0) == errno.EADDRINUSE else "host or port"
        raise ConfigurationError(
            f"http_host, http_port: cannot listen at {host}:{port}: {reason}; choose another {other}"
        ) from None
