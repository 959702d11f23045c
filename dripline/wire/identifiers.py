"""Lockout keys, and specifiers of attributes and methods."""

from __future__ import annotations

from uuid import UUID

#: The key that stands for "no key".
NIL_UUID = UUID(int=0)
NIL_UUID_TEXT = str(NIL_UUID)

#: Longest specifier that is sent or taken, in characters.
MAX_SPECIFIER = 10_000


def parse_key(text: str) -> UUID | None:
    """Read a lockout key, with or without hyphens or braces.

    Returns:
        The key, the nil UUID for an empty text, None when the text is no UUID.
    """
    if not text or text == NIL_UUID_TEXT:
        return NIL_UUID
    try:
        return UUID(text)
    except ValueError:
        return None


class Specifier:
    """A dotted string, kept as it was written; its words can be taken off the front one at a time.

    Args:
        unparsed: the specifier, possibly empty.
    """

    __slots__ = ("_text", "_words")

    def __init__(self, unparsed: str = "") -> None:
        self.parse(unparsed)

    def parse(self, s: str) -> None:
        """Start again with another text."""
        self._text = s
        self._words: list[str] | None = None

    def reparse(self) -> None:
        """Put back every word that was taken off the front."""
        self._words = None

    def to_string(self) -> str:
        """Give the text as it was written."""
        return self._text

    @property
    def words(self) -> list[str]:
        """The words that were not taken off yet; an empty specifier has none."""
        if self._words is None:
            self._words = self._text.split(".") if self._text else []
        return self._words

    def pop_front(self) -> str:
        """Take the first word off.

        Raises:
            IndexError: no word is left.
        """
        return self.words.pop(0)

    @property
    def unparsed(self) -> str:
        """The text as it was written."""
        return self._text

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"Specifier({self._text!r})"

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (Specifier, str)):
            return self._text == str(other)
        return NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)
