"""The worst moment to lose a database: it has committed, and nobody hears so."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from support.databases import postgres_server, postgres_url

from dripline.implementations.storage.database import DatabaseAway, make_engine, read_url
from dripline.implementations.storage.database_sink import DatabaseSink
from dripline.implementations.storage.rows import Row
from dripline.implementations.storage.tables import Destination

from .one_table import OneTable

__all__ = ["postgres_server", "postgres_url"]


class LosesAnswers:
    """Passes on what client and server say, and ends the connection instead of passing on the answer to a COMMIT.

    Attributes:
        armed: Set, the next COMMIT's answer is lost.
        lost: How many were.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.armed = threading.Event()
        self.lost = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no connections any more."""
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._server)
                committing = threading.Event()
                threading.Thread(target=self._say, args=(near, far, committing), daemon=True).start()
                threading.Thread(target=self._answer, args=(near, far, committing), daemon=True).start()

    def _say(self, near: socket.socket, far: socket.socket, committing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                if b"COMMIT" in data and self.armed.is_set():
                    committing.set()
                far.sendall(data)

    def _answer(self, near: socket.socket, far: socket.socket, committing: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(65536):
                if committing.is_set():
                    self.armed.clear()
                    self.lost += 1
                    break
                near.sendall(data)
        for end in (near, far):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[LosesAnswers]:
    """Before the database."""
    url = read_url(postgres_url)
    proxy = LosesAnswers(url.host or "127.0.0.1", url.port or 5432)
    yield proxy
    proxy.close()


@pytest.mark.parametrize("id_column", ["message_id", None])
def test_a_commit_whose_answer_is_lost_is_written_once(postgres_url, proxy, id_column):
    """The batch is tried again, and its ids are known."""
    url = read_url(postgres_url)
    table = sa.Table(
        "numbers", sa.MetaData(), sa.Column("n", sa.Integer), sa.Column("message_id", sa.String, unique=True)
    )
    engine = make_engine(url.set(host="127.0.0.1", port=proxy.port).update_query_dict({"sslmode": "disable"}))
    table.create(engine)
    sink = DatabaseSink(lambda: engine, OneTable(Destination(table, id_column)), "logger")
    assert sink.write([Row("numbers", {"n": 0}, "id-0")]) == []
    for start in (1, 11, 21):
        rows = [Row("numbers", {"n": n}, f"id-{n}") for n in range(start, start + 10)]
        proxy.armed.set()
        with pytest.raises(DatabaseAway):
            sink.write(rows)
        assert sink.write(rows) == []
    assert proxy.lost == 3
    with engine.connect() as connection:
        assert list(connection.execute(sa.select(table.c.n).order_by(table.c.n)).scalars()) == list(range(31))
    engine.dispose()
