"""Topic index: the same answers as comparing every pattern with every key."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dripline.amqp.topic_index import TopicIndex

WORDS = st.sampled_from([b"a", b"b", b"sensor", b"", b"*", b"#"])
PATTERNS = st.lists(WORDS, max_size=6).map(b".".join)
KEYS = st.lists(st.sampled_from([b"a", b"b", b"sensor", b""]), max_size=6).map(b".".join)


def matches(pattern: list[bytes], key: list[bytes]) -> bool:
    """AMQP's rules as they are written, without regard to cost."""
    if not pattern:
        return not key
    if pattern[0] == b"#":
        return any(matches(pattern[1:], key[taken:]) for taken in range(len(key) + 1))
    return bool(key) and pattern[0] in (b"*", key[0]) and matches(pattern[1:], key[1:])


def words(text: bytes) -> list[bytes]:
    """The words of a key."""
    return text.split(b".") if text else []


def test_star_is_one_word_and_hash_any_number() -> None:
    """`*` stands for one word, `#` for none or more."""
    index: TopicIndex[str] = TopicIndex()
    index.add(b"sensor.*.temperature", "one")
    index.add(b"sensor.#", "any")
    assert index.match(b"sensor.tank.temperature") == {"one", "any"}
    assert index.match(b"sensor.temperature") == {"any"}
    assert index.match(b"sensor") == {"any"}
    assert index.match(b"sensors") == set()


def test_the_empty_key_has_no_word() -> None:
    """An empty routing key is matched by `#` and by the empty pattern, not by `*`."""
    index: TopicIndex[str] = TopicIndex()
    for pattern in (b"#", b"", b"*", b"#.#"):
        index.add(pattern, pattern.decode())
    assert index.match(b"") == {"#", "", "#.#"}


def test_removing_leaves_nothing_behind() -> None:
    """When all bindings are gone the tree is as small as in the beginning."""
    index: TopicIndex[str] = TopicIndex()
    patterns = [f"endpoint{number}.#".encode() for number in range(100)]
    for pattern in patterns:
        index.add(pattern, "queue")
    for pattern in patterns:
        index.remove(pattern, "queue")
    assert index.match(b"endpoint7.x") == set()
    assert not index._root.children


def test_removing_what_is_not_there_changes_nothing() -> None:
    """Neither an unknown pattern nor another destination disturbs the others."""
    index: TopicIndex[str] = TopicIndex()
    index.add(b"a.b", "queue")
    index.remove(b"a.b.c", "queue")
    index.remove(b"a", "queue")
    index.remove(b"a.b", "other")
    assert index.match(b"a.b") == {"queue"}


def test_a_pattern_of_many_hashes_is_no_bomb() -> None:
    """Matching stays cheap for the patterns that are exponential when tried one way after the other."""
    index: TopicIndex[str] = TopicIndex()
    index.add(b".".join([b"#", b"a"] * 60), "queue")
    assert index.match(b".".join([b"a"] * 127)) == {"queue"}
    assert index.match(b".".join([b"a"] * 126 + [b"b"])) == set()


@given(st.lists(PATTERNS, max_size=8), st.lists(PATTERNS, max_size=4), KEYS)
def test_same_as_trying_every_pattern(added: list[bytes], removed: list[bytes], key: bytes) -> None:
    """Whatever was added and removed, a key reaches what its patterns say."""
    index: TopicIndex[bytes] = TopicIndex()
    for pattern in added:
        index.add(pattern, pattern)
    for pattern in removed:
        index.remove(pattern, pattern)
    kept = set(added) - set(removed)
    assert index.match(key) == {pattern for pattern in kept if matches(words(pattern), words(key))}
