"""Servers of asyncio: who connects while one is closed is not forgotten."""

from __future__ import annotations

import asyncio
import gc
import socket

import pytest

from dripline.broker import EmbeddedBroker
from dripline.broker.listening import listen, stop_accepting

TURNS = range(6)  # of the loop, from the connection to the end of the server: at one of them it is half accepted

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")


class _Refusing(asyncio.Protocol):
    """Hangs up at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.abort()


def _hears_the_end(client: socket.socket) -> bool:
    with client:
        client.settimeout(30)
        try:
            return client.recv(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture(autouse=True)
def uncollected():
    """Nothing is closed by the garbage collector, which would come sooner or later."""
    gc.disable()
    yield
    gc.enable()
    gc.collect()


@pytest.mark.parametrize("turns", TURNS)
def test_a_client_is_not_left_half_accepted(turns: int) -> None:
    """Its connection ends, however far the loop has got with it when the server is closed."""

    async def connect_and_stop() -> socket.socket:
        (listener,) = listen("127.0.0.1", 0)
        server = await asyncio.get_running_loop().create_server(_Refusing, sock=listener)
        client = socket.create_connection(server.sockets[0].getsockname())
        for _ in range(turns):
            await asyncio.sleep(0)
        await stop_accepting(server)
        return client

    assert _hears_the_end(asyncio.run(connect_and_stop()))


@pytest.mark.parametrize("turns", TURNS)
def test_a_client_that_comes_while_the_broker_is_suspended_is_not_left_waiting(turns: int) -> None:
    """It hears the end at once, so that it can try again."""
    with EmbeddedBroker(port=0) as broker:

        async def connect_and_suspend() -> socket.socket:
            client = socket.create_connection((broker.host, broker.port))
            for _ in range(turns):
                await asyncio.sleep(0)
            await broker._suspend("everything", abruptly=True)
            return client

        assert _hears_the_end(broker._await(connect_and_suspend()))
        broker.resume()
