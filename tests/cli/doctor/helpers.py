"""What the tests of `dl doctor` share: meshes, lines, and servers that are no brokers."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from contract.meshes import Mesh
from support.certificates import Certificate

from dripline.config.mesh import MeshSettings
from dripline.transport.address import BrokerAddress
from dripline.wire.message import MsgReply, MsgRequest


def settings_of(mesh: Mesh) -> MeshSettings:
    """The same as members take them."""
    return MeshSettings.from_dict(mesh.settings)


def line_with(text: str, output: str) -> str:
    """The one line that has a text."""
    (line,) = [line for line in output.splitlines() if text in line and not line.startswith("the first")]
    return line


def pong(request: MsgRequest) -> MsgReply:
    """Answer pings; know nothing else, as a service of another program."""
    if request.specifier_text == "ping":
        return request.reply(0, "Hello")
    return request.reply(310, "no such specifier")


@contextmanager
def greeter(greeting: bytes) -> Iterator[int]:
    """A server that says one thing, whatever it hears; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                held.append(connection)
                if greeting:
                    connection.sendall(greeting)

        held: list[socket.socket] = []
        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        for connection in held:
            connection.close()


@contextmanager
def tls_in_front_of(
    address: BrokerAddress, certificate: Certificate, authority_of_clients: str = ""
) -> Iterator[int]:
    """A port at which a broker can be reached with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    if authority_of_clients:
        context.load_verify_locations(authority_of_clients)
        context.verify_mode = ssl.CERT_REQUIRED

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(address.host, address.port)
        await asyncio.gather(copy(reader, back), copy(there, writer))

    async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        finally:
            sink.close()

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # handshakes that fail are what some tests want
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    starting = asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    server = asyncio.run_coroutine_threadsafe(starting, loop).result(60)
    yield server.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(30)
    loop.close()
