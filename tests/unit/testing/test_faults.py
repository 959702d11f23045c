"""dripline.testing.faults: each fault does what it says to plain clients, and is over when it is undone."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pika
import pika.exceptions
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from support.ports import free_port
from support.waiting import eventually

from dripline.broker import EmbeddedBroker
from dripline.errors import BrokerUnreachable
from dripline.testing.faults import Faults
from dripline.transport.address import BrokerAddress
from dripline.transport.connection import Connection

pytestmark = pytest.mark.usefixtures("dripline_no_leaks")


class Client:
    """A client of plain pika with a queue."""

    def __init__(self, broker: EmbeddedBroker, name: str = "plain") -> None:
        self.connection = pika.BlockingConnection(
            pika.ConnectionParameters(
                broker.host,
                broker.port,
                client_properties={"connection_name": name},
                heartbeat=0,
                blocked_connection_timeout=20,
            )
        )
        self.channel: BlockingChannel = self.connection.channel()
        self.channel.exchange_declare("alerts", "topic")
        self.queue = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.queue_bind(self.queue, "alerts", "#")

    def publish(self, *texts: str, key: str = "x") -> None:
        """Publish, each text a message."""
        for text in texts:
            self.channel.basic_publish("alerts", key, text.encode())

    def received(self, count: int = 0, timeout_s: float = 60.0) -> list[str]:
        """The texts that are there, as soon as there are so many; those delivered before have a star."""
        texts: list[str] = []
        deadline = time.monotonic() + timeout_s
        while True:
            method, _, body = self.channel.basic_get(self.queue, auto_ack=True)
            if method is not None:
                texts.append(body.decode() + "*" * method.redelivered)
            elif len(texts) >= count or time.monotonic() > deadline:
                return texts
            else:
                time.sleep(0.005)

    def is_alive(self) -> bool:
        """Whether the connection can be used."""
        try:
            self.channel.queue_declare(self.queue, passive=True)
        except pika.exceptions.AMQPError:
            return False
        return True


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    """A broker of the test's own."""
    with EmbeddedBroker(port=free_port(), heartbeat_s=0) as broker:
        yield broker


@pytest.fixture
def faults(broker: EmbeddedBroker) -> Iterator[Faults]:
    """Its faults."""
    faults = Faults(broker)
    yield faults
    faults.undo()


@pytest.fixture
def client(broker: EmbeddedBroker) -> Iterator[Client]:
    """A client of it."""
    client = Client(broker)
    yield client
    with contextlib.suppress(pika.exceptions.AMQPError):
        client.connection.close()


def test_a_cut_ends_connections_without_a_word(broker: EmbeddedBroker, faults: Faults, client: Client) -> None:
    """Clients see the end of the stream, those of other names see nothing, and all can connect again."""
    other = Client(broker, "furnace (dripline)")
    assert faults.cut("furnace") == 1
    assert not other.is_alive()
    assert client.is_alive()
    assert faults.cut() == 1
    with pytest.raises(pika.exceptions.StreamLostError):
        client.channel.queue_declare("", exclusive=True)
    Client(broker).connection.close()


def test_a_held_connection_goes_on_when_it_is_released(faults: Faults, client: Client) -> None:
    """Nothing is lost and nothing doubled: it was only late."""
    client.publish("before")
    begin = time.monotonic()
    with faults.hold(for_s=0.3) as hold:
        client.publish("meanwhile")
        assert client.received(2) == ["before", "meanwhile"]
        assert time.monotonic() - begin > 0.29
        assert hold.applied == 1


def test_a_held_connection_that_the_broker_gives_up_is_gone_when_it_is_released(
    broker: EmbeddedBroker, faults: Faults, client: Client
) -> None:
    """The broker forgets the client and frees its queue; the client hears of it only then."""
    with faults.hold("plain"):
        broker.call(lambda state: [each.transport.abort() for each in tuple(state.connections)])
        assert eventually(lambda: broker.call(lambda state: not state.connections and not state.vhost.queues))
        client.connection.process_data_events(0.05)
        assert client.connection.is_open
    assert not client.is_alive()


def test_a_pulled_cable_holds_new_connections(broker: EmbeddedBroker, faults: Faults) -> None:
    """They are accepted by the system, and nobody answers."""
    with faults.hold(also_new=True), pytest.raises(BrokerUnreachable, match="does not answer"):
        Connection(BrokerAddress(broker.host, broker.port, connect_timeout_s=0.2)).open()
    Client(broker).connection.close()


def test_a_slow_line_takes_its_time_and_loses_nothing(faults: Faults, client: Client) -> None:
    """A delay holds for each way; what is under way arrives at once when it is over."""
    with faults.slow(delay_s=1.0):
        begin = time.monotonic()
        assert client.is_alive()
        assert time.monotonic() - begin > 1.8
        client.publish(*map(str, range(50)))
    assert client.received(50) == [str(number) for number in range(50)]

    def took_s() -> float:
        begin = time.monotonic()
        assert client.is_alive()
        return time.monotonic() - begin

    assert any(took_s() < 1.8 for _ in range(20))  # a busy machine may be as slow as the line was, not each time


def test_a_throttled_line_passes_so_many_bytes(faults: Faults, client: Client) -> None:
    """Large messages take long, in order and whole."""
    texts = [letter * 20_000 for letter in "abc"]
    begin = time.monotonic()
    with faults.slow(bytes_per_s=300_000):
        client.publish(*texts)
        assert client.received(3) == texts
    assert time.monotonic() - begin > 0.3  # 60 kB there and 60 kB back


def test_a_throttled_client_that_reads_nothing_fills_no_memory(
    broker: EmbeddedBroker, faults: Faults, client: Client
) -> None:
    """Its messages wait in the queue, as without the fault."""
    reader = Client(broker, "slow")
    with faults.slow("slow", bytes_per_s=100):
        reader.channel.basic_qos(prefetch_count=0)
        reader.channel.basic_consume(reader.queue, lambda *_: None, auto_ack=True)
        client.publish(*["x" * 100_000] * 30)
        assert client.is_alive()
        unsent = broker.call(lambda state: max(c.transport.get_write_buffer_size() for c in state.connections))
        assert 200_000 < unsent < 1_000_000
    reader.connection.close()


def test_logins_are_refused_as_often_as_wanted(broker: EmbeddedBroker, faults: Faults) -> None:
    """With the code of a wrong password; the one after that is let in."""
    refusal = faults.refuse_logins(count=2)
    for _ in range(2):
        with pytest.raises(pika.exceptions.ProbableAuthenticationError):
            Client(broker)
    Client(broker).connection.close()
    assert refusal.applied == 2


def test_a_dropped_message_is_confirmed_and_gone(faults: Faults, client: Client) -> None:
    """Only those that are meant, and only so many."""
    client.channel.confirm_delivery()
    fault = faults.drop(routing_key="a.#", only=lambda message: message.body != b"1", count=2)
    for number in range(6):
        client.publish(str(number), key="a.b" if number != 5 else "b")
    assert client.received(4) == ["1", "3", "4", "5"]
    assert fault.applied == 2


def test_a_message_comes_twice(faults: Faults, client: Client) -> None:
    """The second one says that it may have been delivered before; its queue is named."""
    faults.duplicate(queue=client.queue, count=1)
    client.publish("a", "b")
    assert client.received(3) == ["a", "a*", "b"]


def test_a_late_message_is_overtaken(faults: Faults, client: Client) -> None:
    """It comes in its time, or when the fault is undone."""
    with faults.delay(1.0, count=1):
        client.publish("a", "b")
        assert client.received(2) == ["b", "a"]
    with faults.delay(60, count=1):
        client.publish("c", "d")
        assert client.received(1) == ["d"]
    assert client.received(1) == ["c"]


def test_messages_change_places(faults: Faults, client: Client) -> None:
    """Within a window; a rest that is too small waits no longer than it must."""
    with faults.reorder(window=2, wait_s=1.0):
        client.publish("a", "b", "c", "d", "e")
        assert client.received(5) == ["b", "a", "d", "c", "e"]
    client.publish("f", "g")
    assert client.received(2) == ["f", "g"]


def test_publishers_are_blocked_and_told(broker: EmbeddedBroker, faults: Faults, client: Client) -> None:
    """Who has published, or does, gets connection.blocked and waits; who only listens goes on."""
    told: list[str] = []
    client.connection.add_on_connection_blocked_callback(lambda _, frame: told.append(frame.method.reason))
    client.connection.add_on_connection_unblocked_callback(lambda _, frame: told.append("over"))
    listener = Client(broker, "listener")
    with faults.block("out of disk"):
        client.publish("a")
        assert eventually(lambda: client.connection.process_data_events(0.01) or told)
        client.publish("b")
        assert listener.received(1) == ["a"]
    assert eventually(lambda: client.connection.process_data_events(0.01) or len(told) == 2)
    assert told == ["out of disk", "over"]
    assert listener.received(1) == ["b"]
    listener.connection.close()


@pytest.mark.parametrize(("keep", "left"), [("everything", 4), ("durable", 1), ("nothing", None)])
@pytest.mark.parametrize("abruptly", [False, True])
def test_a_restart_keeps_what_is_said(
    broker: EmbeddedBroker, faults: Faults, client: Client, keep: str, left: int | None, abruptly: bool
) -> None:
    """Everything, what RabbitMQ keeps (a persistent message in a durable queue), or nothing; at the same port."""
    port = broker.port
    for name, durable in (("durable", True), ("transient", False)):
        client.channel.queue_declare(name, durable=durable)
        for mode in (1, 2):
            client.channel.basic_publish("", name, b"m", pika.BasicProperties(delivery_mode=mode))
    assert client.is_alive()
    faults.restart(keep=keep, abruptly=abruptly)  # type: ignore[arg-type]  # as parametrized
    assert broker.port == port
    assert not client.is_alive()
    again = Client(broker)
    found = 0
    for name in ("durable", "transient"):
        with contextlib.suppress(pika.exceptions.ChannelClosedByBroker):
            found += again.connection.channel().queue_declare(name, passive=True).method.message_count
    assert found == (left or 0)
    again.connection.close()


def test_while_it_is_down_nobody_gets_in(broker: EmbeddedBroker, faults: Faults) -> None:
    """Connections are refused, until that is undone."""
    with faults.down(), pytest.raises(pika.exceptions.AMQPConnectionError):
        Client(broker)
    Client(broker).connection.close()


def test_a_stopped_broker_takes_its_faults_along(broker: EmbeddedBroker, faults: Faults, client: Client) -> None:
    """Nothing is left to be undone, held connections included."""
    faults.hold()
    faults.drop()
    faults.block()
    faults.down()
    broker.stop()
    faults.undo()
    assert not client.is_alive()
    broker.start()
    again = Client(broker)
    again.publish("a")
    assert again.received(1) == ["a"]
    again.connection.close()


def test_undone_nothing_is_left_in_the_way(broker: EmbeddedBroker, faults: Faults, client: Client) -> None:
    """Messages take the usual way again."""
    faults.drop()
    faults.duplicate()
    faults.undo()
    client.publish("a")
    assert client.received(1) == ["a"]
    assert broker.call(lambda state: state.vhost.route == state.vhost.router.route)
