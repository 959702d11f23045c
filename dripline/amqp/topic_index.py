"""Topic matching: binding keys with `*` and `#`, and an index of them by routing key.

A tree with one level per word of a binding key. Matching walks all branches at once, so that its cost depends
on the words of the key and not on the number of bindings, and no pattern makes it exponential.
"""

from __future__ import annotations

from typing import Generic, TypeVar

DestinationT = TypeVar("DestinationT")

_ONE_WORD = b"*"
_ANY_WORDS = b"#"


class TopicIndex(Generic[DestinationT]):
    """Topic bindings, indexed by the words of their keys."""

    def __init__(self) -> None:
        self._root: _Node[DestinationT] = _Node()

    def add(self, key: bytes, destination: DestinationT) -> None:
        """Bind `destination` under a binding key such as `sensor.*.#`; once more changes nothing."""
        node = self._root
        for word in _words(key):
            if word not in node.children:
                node.children[word] = _Node(repeats=word == _ANY_WORDS)
            node = node.children[word]
        if destination not in node.destinations:
            node.destinations += (destination,)

    def remove(self, key: bytes, destination: DestinationT) -> None:
        """Undo `add`, and drop the branches nothing hangs on any more."""
        path = [self._root]
        words = _words(key)
        for word in words:
            node = path[-1].children.get(word)
            if node is None:
                return
            path.append(node)
        path[-1].destinations = tuple(d for d in path[-1].destinations if d != destination)
        for parent, word, node in zip(reversed(path[:-1]), reversed(words), reversed(path), strict=False):
            if node.destinations or node.children:
                return
            del parent.children[word]

    def match(self, key: bytes) -> set[DestinationT]:
        """Destinations with at least one binding key that matches the routing key."""
        reached: set[_Node[DestinationT]] = set()
        _enter(self._root, reached)
        for word in _words(key):
            reached = _advance(reached, word)
            if not reached:
                break
        return {destination for node in reached for destination in node.destinations}


def topic_matches(pattern: str, routing_key: str) -> bool:
    """Whether a binding key such as `sensor.*.#` matches a routing key."""
    index: TopicIndex[bool] = TopicIndex()
    index.add(pattern.encode(), True)
    return bool(index.match(routing_key.encode()))


class _Node(Generic[DestinationT]):
    """One word of some binding keys."""

    __slots__ = ("children", "destinations", "repeats")

    def __init__(self, repeats: bool = False) -> None:
        self.children: dict[bytes, _Node[DestinationT]] = {}
        self.destinations: tuple[DestinationT, ...] = ()
        self.repeats = repeats  # reached by `#`: takes any further words and stays


def _words(key: bytes) -> list[bytes]:
    return key.split(b".") if key else []  # the empty key has no word, not one empty word


def _enter(node: _Node[DestinationT] | None, reached: set[_Node[DestinationT]]) -> None:
    """Note that `node` is reached, and what follows it by a `#` that takes no word."""
    while node is not None and node not in reached:
        reached.add(node)
        node = node.children.get(_ANY_WORDS)


def _advance(reached: set[_Node[DestinationT]], word: bytes) -> set[_Node[DestinationT]]:
    following: set[_Node[DestinationT]] = set()
    for node in reached:
        if node.repeats:
            _enter(node, following)
        _enter(node.children.get(word), following)
        _enter(node.children.get(_ONE_WORD), following)
    return following
