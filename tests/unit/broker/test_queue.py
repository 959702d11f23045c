"""Queue: order, turns, and putting back."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dripline.broker.memory_limit import Alarm, Memory
from dripline.broker.message import Message
from dripline.broker.queue import Entry, Queue, put_back


def new_memory() -> Memory:
    """As much as anybody needs."""
    return Memory(10**9, 10**9, Alarm((), lambda function: function()))


class Taker:
    """A consumer with credit, which keeps what it is given."""

    exclusive = False
    no_ack = False

    def __init__(self, credit: int = 10**9) -> None:
        self.credit = credit
        self.taken: list[Entry] = []

    def is_ready(self) -> bool:
        """Whether credit is left."""
        return self.credit > 0

    def deliver(self, entry: Entry) -> None:
        """Use one credit."""
        self.credit -= 1
        self.taken.append(entry)


def new_queue(later: Callable[[Callable[[], None]], Any] = lambda function: None) -> Queue:
    """An empty queue."""
    return Queue("q", durable=False, auto_delete=False, arguments={}, owner=None, later=later, memory=new_memory())


def message(number: int) -> Message:
    """A message that can be told from others."""
    return Message(b"", b"", str(number).encode())


def bodies(entries: Any) -> list[int]:
    """The numbers of messages."""
    return [int(entry.message.body) for entry in entries]


def test_messages_wait_in_order_until_somebody_takes_them() -> None:
    """First in, first out."""
    queue, taker = new_queue(), Taker()
    for number in range(3):
        queue.put(message(number))
    queue.consumers.append(taker)  # type: ignore[arg-type]  # stands for a consumer
    queue.drain()
    queue.put(message(3))
    assert bodies(taker.taken) == [0, 1, 2, 3]
    assert not queue.ready


def test_consumers_take_turns_and_the_busy_are_passed_over() -> None:
    """Who has no credit misses its turn."""
    queue, first, second = new_queue(), Taker(), Taker(credit=1)
    for taker in (first, second):
        queue.consumers.append(taker)  # type: ignore[arg-type]  # stands for a consumer
    for number in range(5):
        queue.put(message(number))
    assert bodies(first.taken) == [0, 2, 3, 4]
    assert bodies(second.taken) == [1]


def test_what_nobody_can_take_waits() -> None:
    """Messages stay in the queue when all credit is used."""
    queue, taker = new_queue(), Taker(credit=1)
    queue.consumers.append(taker)  # type: ignore[arg-type]  # stands for a consumer
    for number in range(3):
        queue.put(message(number))
    assert bodies(queue.ready) == [1, 2]
    taker.credit = 1
    queue.drain()
    assert bodies(queue.ready) == [2]


def test_a_deleted_queue_takes_nothing_back() -> None:
    """Unacknowledged messages of a queue that is gone are gone as well."""
    queue, taker = new_queue(), Taker()
    queue.consumers.append(taker)  # type: ignore[arg-type]  # stands for a consumer
    queue.put(message(0))
    queue.deleted = True
    put_back(taker.taken)
    assert not queue.ready


def test_a_long_queue_is_handed_out_in_portions() -> None:
    """Other connections get their turn while a backlog drains."""
    waiting: deque[Callable[[], None]] = deque()
    queue, taker = new_queue(waiting.append), Taker()
    for number in range(1234):
        queue.put(message(number))
    queue.consumers.append(taker)  # type: ignore[arg-type]  # stands for a consumer
    queue.drain()
    queue.drain()
    assert len(taker.taken) < 1234
    assert len(waiting) == 1
    while waiting:
        waiting.popleft()()
    assert bodies(taker.taken) == list(range(1234))


@given(st.lists(st.sampled_from(["put", "take", "give back"]), max_size=40), st.randoms())
def test_put_back_means_where_it_was(steps: list[str], random: Any) -> None:
    """Whatever is taken and given back, what waits is in the order of publishing, and marked when it was out."""
    queue, out, count = new_queue(), [], 0
    handed_out: set[int] = set()
    for step in steps:
        if step == "put":
            queue.put(message(count))
            count += 1
        elif step == "take" and queue.ready:
            out.append(queue.ready.popleft())
        elif step == "give back" and out:
            random.shuffle(out)
            returned = [out.pop() for _ in range(random.randint(1, len(out)))]
            handed_out.update(bodies(returned))
            put_back(returned)
        assert bodies(queue.ready) == sorted(bodies(queue.ready))
        assert {
            n for n, entry in zip(bodies(queue.ready), queue.ready, strict=True) if entry.redelivered
        } <= handed_out
    assert sorted(bodies(queue.ready) + bodies(out)) == list(range(count))
