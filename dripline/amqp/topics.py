"""Which routing keys a binding key of a topic exchange stands for."""

from __future__ import annotations

from collections.abc import Sequence


def topic_matches(pattern: str, routing_key: str) -> bool:
    """Tell whether a binding key catches a routing key.

    Args:
        pattern: words with dots between them; `*` stands for one word, `#` for any number of them, also none.
        routing_key: words with dots between them.
    """
    if pattern == "#":
        return True
    return _matches(_words(pattern), _words(routing_key))


def _words(key: str) -> list[str]:
    return key.split(".") if key else []


def _matches(pattern: Sequence[str], words: Sequence[str]) -> bool:
    """Match word by word; only the last `#` is ever tried again, so that many of them stay cheap."""
    at = word = 0
    last_hash, resume = -1, 0
    while word < len(words):
        if at < len(pattern) and pattern[at] == "#":
            last_hash, resume = at, word
            at += 1
        elif at < len(pattern) and pattern[at] in ("*", words[word]):
            at, word = at + 1, word + 1
        elif last_hash >= 0:
            resume += 1
            at, word = last_hash + 1, resume
        else:
            return False
    return all(rest == "#" for rest in pattern[at:])
