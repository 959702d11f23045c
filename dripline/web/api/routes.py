"""HTTP routes, and static files of `web_root`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

from dripline.errors import DriplineError
from dripline.runtime.client import Present
from dripline.web.api.auth import Auth
from dripline.web.api.connections import ConcurrencyLimit, Connections, Permit, TooManyRequests, client_of
from dripline.web.api.mesh_requests import BadRequest, MeshRequests, mesh_request
from dripline.web.api.middleware import middleware
from dripline.web.api.openapi import openapi
from dripline.web.api.responses import error_answer, json_answer, reply_answer
from dripline.web.settings import http_status
from dripline.wire.message import MsgRequest

from aiohttp import web  # isort: skip  # `responses` says how to get it

_BODY_S = 10.0
# dripline-python serves the files of `web_root` below it, and its pages name them so.
_OLD_FOLDER = "web/"


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server(Protocol):
    """What the routes need of a server; `http_server.HTTPServer` is one, and says what each of these is."""

    max_body_bytes: int
    max_requests: int
    max_requests_per_client: int
    limit_s: float
    web_root: str | None
    ret_code_conversion: dict[int, int]

    @property
    def asks_who(self) -> bool:
        """Whether a token or a name is wanted."""

    def path_to_routing_key(self, input_path: str) -> str:
        """Make a routing key of the path of an address."""

    def list_present(self) -> list[Present]:
        """Ask the mesh who is there."""


def application(
    server: Server, handlers: Mapping[str, Handler], auth: Auth, routes: Routes, connections: Connections
) -> web.Application:
    """Make the application.

    Args:
        server: whose it is.
        handlers: its methods; for ``/hello`` and for each HTTP method below ``/dl/``.
        auth: says who may ask.
        routes: what is done for each address.
        connections: the server's.
    """
    app = web.Application(client_max_size=server.max_body_bytes, middlewares=[middleware(auth, connections)])
    app.router.add_get("/openapi.json", routes.describe)
    app.router.add_get("/dl", routes.show_present)
    app.router.add_get("/dl/", routes.show_present)
    app.router.add_get("/hello", handlers["/hello"])
    for method in ("GET", "HEAD", "PUT", "POST"):
        app.router.add_route(method, "/dl/{routing_key:.+}", handlers[method])
    if server.web_root is not None:
        app.router.add_get("/{path:.*}", routes.show_page)
    return app


class Routes:
    """What is done for each address.

    Args:
        server: whose it is.
        mesh: asks the mesh.
    """

    def __init__(self, server: Server, mesh: MeshRequests) -> None:
        self._server = server
        self._mesh = mesh
        self._limit = ConcurrencyLimit(server.max_requests, server.max_requests_per_client)
        self._roll_call: asyncio.Task[list[Present]] | None = None

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Ask the mesh what a request for an endpoint wants."""
        try:
            permit = self._limit.acquire(client_of(request.transport))
            wanted = await self._wanted(request, permit)
            reply = await self._mesh.ask(wanted, self._server.limit_s, done=permit.release)
            return reply_answer(reply, self._status(reply.return_code))
        except TooManyRequests as error:
            return error_answer(503, 100, str(error))
        except BadRequest as error:
            return error_answer(400, 401, str(error))
        except DriplineError as error:
            code = getattr(error, "return_code", 0) or 100
            return error_answer(self._status(code), code, getattr(error, "message", "") or str(error))

    def _status(self, return_code: int) -> int:
        status = self._server.ret_code_conversion.get(return_code, 0)
        return status if status >= 200 else http_status(return_code)  # those below are no answers

    async def show_present(self, _request: web.Request) -> web.StreamResponse:
        """List services and endpoints."""
        try:
            present = await self._present()
        except DriplineError as error:
            return error_answer(503, 101, str(error))
        return json_answer(
            {"services": [{"name": service.name, "endpoints": service.endpoints} for service in present]}
        )

    async def show_page(self, request: web.Request) -> web.StreamResponse:
        """Send a file of `web_root`."""
        root, path = Path(self._server.web_root or ""), request.match_info["path"] or "index.html"
        found = find_page(root, path)
        if found is None and path.startswith(_OLD_FOLDER):
            found = find_page(root, path.removeprefix(_OLD_FOLDER))
        if found is None:
            raise web.HTTPNotFound
        return web.FileResponse(found)

    async def describe(self, _request: web.Request) -> web.StreamResponse:
        """Describe the interface as OpenAPI."""
        try:
            present = await self._present()
        except DriplineError as error:
            return error_answer(503, 101, str(error))
        return json_answer(openapi(present, self._server.asks_who))

    async def _present(self) -> list[Present]:
        """Who is on the mesh; all that want to know at the same time share one roll call."""
        if self._roll_call is None:
            self._roll_call = asyncio.ensure_future(self._mesh.call(self._server.list_present))
            self._roll_call.add_done_callback(self._forget_roll_call)
        return await asyncio.shield(self._roll_call)

    def _forget_roll_call(self, ended: asyncio.Task[list[Present]]) -> None:
        self._roll_call = None
        if not ended.cancelled():
            ended.exception()  # nobody may wait for it any longer

    async def _wanted(self, request: web.Request, permit: Permit) -> MsgRequest:
        """What is wanted of the mesh; a permit that is not needed is released."""
        try:
            try:
                body = await asyncio.wait_for(request.read(), _BODY_S)
            except asyncio.TimeoutError:
                raise web.HTTPRequestTimeout from None
            except web.RequestPayloadError as error:
                raise BadRequest(f"the body cannot be read: {' '.join(str(error).split())}") from None
            routing_key = self._server.path_to_routing_key(f"/dl/{request.match_info['routing_key']}")
            return mesh_request(request.method, routing_key, request.headers, request.query, body)
        except BaseException:
            permit.release()
            raise


def find_page(root: Path, path: str) -> Path | None:
    """Find a file that may be served.

    Not served are files whose name, or the name of a folder above them, starts with a dot or ends with ``~``,
    files outside the folder that a symbolic link leads to, and folders.

    Args:
        root: the folder.
        path: what was asked for, decoded once, without the first slash.

    Returns:
        The file; None if there is none that may be served.
    """
    parts = path.split("/")
    if _is_hidden(parts) or any(letter in path for letter in "\\\0"):
        return None
    try:
        root = root.resolve(strict=True)
        found = root.joinpath(*parts).resolve(strict=True)
        if not found.is_relative_to(root) or _is_hidden(found.relative_to(root).parts) or not found.is_file():
            return None
    except (OSError, ValueError, RuntimeError):  # too long, not a file name, a loop of links
        return None
    return found


def _is_hidden(parts: Iterable[str]) -> bool:
    """Whether a part is empty, leads upwards, or is the name of a hidden file or a backup."""
    return any(not part or part.startswith(".") or part.endswith("~") for part in parts)
