"""Chunks put together."""

import gc
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dripline.amqp.properties import RawProperties
from dripline.errors import DecodingError
from dripline.wire.body import Joiner, Limits, Part, _waiting, read_part


def part(uuid, index, total, body=b"x"):
    """Make a part; its properties do not matter here."""
    return Part(uuid, index, total, "peaches", None, body)


@pytest.mark.parametrize(
    ("message_id", "uuid", "index", "total"),
    [
        ("u/0/1", "u", 0, 1),
        ("u", "u", 0, 1),
        ("", "", 0, 1),
        (None, "", 0, 1),
        ("u/2/3", "u", 2, 3),
        ("a/b/0/2", "a/b", 0, 2),
        ("u/0/10000", "u", 0, 10_000),
    ],
)
def test_a_message_id_tells_which_part_it_is(fake_properties, message_id, uuid, index, total):
    """`UUID/chunk/total`, or nothing but a UUID for an unsplit message."""
    found = read_part(fake_properties({}, message_id), b"body", "peaches")
    assert (found.uuid, found.index, found.total) == (uuid, index, total)
    assert (found.routing_key, found.body) == ("peaches", b"body")


@pytest.mark.parametrize(
    "message_id",
    [
        "u/1/1",
        "u/0/0",
        "u/5/1",
        "u/0/4000000000",
        "u/0/10001",
        "u/-1/2",
        "u/x/y",
        "u/1",
        "u/",
        "//",
        "u/0/1/",
        "u/ 0/2",
        "u/0x1/2",
        "u/1_0/20",
        "u/\u0660/\u0662",
        "u/²/3",
        b"\xff",
        5,
    ],
)
def test_a_part_that_cannot_be_is_refused(fake_properties, message_id):
    """Counting from 1, more chunks than allowed, and everything that is no plain number."""
    with pytest.raises(DecodingError, match="message id"):
        read_part(fake_properties({}, message_id), b"", "peaches")


def test_limits_are_for_the_receiver_to_set(fake_properties):
    """A service may allow fewer chunks."""
    with pytest.raises(DecodingError, match="more than 5 chunks"):
        read_part(fake_properties({}, "u/0/6"), b"", "peaches", Limits(chunks=5))


def test_an_unsplit_message_is_whole_at_once():
    """Nothing is kept of it."""
    joiner = Joiner()
    assert joiner.add(part("u", 0, 1, b"body"), now=0.0) == b"body"
    assert len(joiner) == 0
    assert joiner.next_expiry() is None


@given(st.lists(st.lists(st.binary(), min_size=2, max_size=6), min_size=1, max_size=5), st.randoms())
def test_messages_are_joined_in_any_order_and_mixture(bodies, rng):
    """Every message comes out once and as it was."""
    parts = [
        part(str(number), index, len(chunks), chunk)
        for number, chunks in enumerate(bodies)
        for index, chunk in enumerate(chunks)
    ]
    rng.shuffle(parts)
    joiner, whole = Joiner(), {}
    for one in parts:
        body = joiner.add(one, now=0.0)
        if body is not None:
            assert one.uuid not in whole
            whole[one.uuid] = body
    assert whole == {str(number): b"".join(chunks) for number, chunks in enumerate(bodies)}
    assert len(joiner) == 0
    assert joiner.expired(now=1e9) == []
    assert joiner._size == 0


def test_a_chunk_delivered_twice_counts_once():
    """As happens after a lost connection; the first one stays."""
    joiner = Joiner()
    assert joiner.add(part("u", 0, 2, b"a"), now=0.0) is None
    assert joiner.add(part("u", 0, 2, b"z"), now=0.0) is None
    assert joiner.add(part("u", 1, 2, b"b"), now=0.0) == b"ab"


def test_a_whole_message_may_come_again():
    """A set that was complete and is delivered again is complete again."""
    joiner = Joiner()
    for _ in range(2):
        assert joiner.add(part("u", 1, 2, b"b"), now=0.0) is None
        assert joiner.add(part("u", 0, 2, b"a"), now=0.0) == b"ab"


def test_two_totals_are_two_messages():
    """A sender that contradicts itself mixes nothing up."""
    joiner = Joiner()
    assert joiner.add(part("u", 0, 2), now=0.0) is None
    assert joiner.add(part("u", 1, 3), now=0.0) is None
    assert len(joiner) == 2


def test_waiting_starts_again_with_every_chunk():
    """Given up is what had no news for `wait_s`, once and with one of its parts."""
    joiner = Joiner(wait_s=1.0)
    joiner.add(part("u", 0, 3), now=10.0)
    joiner.add(part("v", 0, 3), now=10.2)
    joiner.add(part("u", 1, 3), now=10.5)
    assert joiner.next_expiry() == pytest.approx(11.2)
    assert [one.uuid for one in joiner.expired(now=11.3)] == ["v"]
    assert [one.uuid for one in joiner.expired(now=11.5)] == ["u"]
    assert joiner.expired(now=99.0) == []
    assert joiner.next_expiry() is None


def test_what_was_given_up_is_not_begun_again():
    """A chunk that comes too late does not lead to a second answer."""
    joiner = Joiner(wait_s=1.0)
    joiner.add(part("u", 0, 2), now=0.0)
    assert len(joiner.expired(now=1.0)) == 1
    assert joiner.add(part("u", 1, 2), now=1.1) is None
    assert len(joiner) == 0
    assert joiner.expired(now=9.0) == []


def test_a_message_that_grows_too_long_is_given_up():
    """At once, and what still comes of it is dropped."""
    joiner = Joiner(limits=Limits(message_bytes=2000))
    for index in range(5):
        assert joiner.add(part("u", index, 1000, b"x" * 500), now=0.0) is None
    assert len(joiner) == 0
    assert joiner.next_expiry() == 0.0
    assert [one.uuid for one in joiner.expired(now=0.0)] == ["u"]


def test_too_many_messages_at_a_time_push_the_oldest_out():
    """A flood of beginnings keeps nobody from being heard."""
    joiner = Joiner(limits=Limits(pending_sets=10))
    for number in range(15):
        joiner.add(part(str(number), 0, 2), now=0.0)
    assert len(joiner) == 10
    assert [one.uuid for one in joiner.expired(now=0.0)] == ["0", "1", "2", "3", "4"]
    assert joiner.add(part("14", 1, 2), now=0.0) == b"xx"


def test_a_flood_keeps_a_bounded_amount():
    """Bytes, sets, given-up messages and what is remembered of them are all bounded."""
    limits = Limits(pending_bytes=100_000, pending_sets=50)
    joiner, rng = Joiner(limits=limits), random.Random(1)
    for number in range(20_000):
        body = b"x" * rng.choice((0, 1, 3000))
        joiner.add(part(str(number // 3), number % 3, 10_000, body), now=0.0)
        assert joiner._size <= limits.pending_bytes
    assert len(joiner) <= 50
    assert len(joiner._refused) <= 50
    assert len(joiner.expired(now=0.0)) <= 50


def test_headers_of_what_waits_are_counted():
    """A header table can be as long as a frame, and one is kept of each message."""
    joiner = Joiner(limits=Limits(pending_bytes=100_000))
    for number in range(20):
        kept = part(str(number), 0, 2)._replace(properties=RawProperties(b"\0\0" + bytes(30_000)))
        joiner.add(kept, now=0.0)
        assert len(joiner) <= 3
    whole = Joiner()
    whole.add(part("u", 0, 2)._replace(properties=RawProperties(bytes(30_000))), now=0.0)
    assert whole.add(part("u", 1, 2), now=0.0) == b"xx"
    assert whole._size == 0


def test_all_joiners_of_a_process_share_a_bound():
    """Many queues, each within its own limit, do not fill the memory together."""
    limits = Limits(pending_bytes=2_000_000, process_bytes=4_000_000)
    joiners = [Joiner(limits=limits) for _ in range(10)]
    for joiner in joiners:
        for number in range(15):
            joiner.add(Part(f"m{number}", 0, 2, "x", None, bytes(100_000)), 0.0)
    assert sum(joiner._size for joiner in joiners) <= 10 * 300_000 + 4_000_000
    assert any(joiner.expired(0.0) for joiner in joiners), "who was given up is answered"
    joiners.clear()
    del joiner
    gc.collect()
    assert Joiner(limits=limits).add(Part("m", 0, 1, "x", None, b"whole"), 0.0) == b"whole"
    assert not _waiting, "nothing is counted that is gone"
