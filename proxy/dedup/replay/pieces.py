"""A text cut into the deltas of a stream: by words, and never inside what a reader sees as one character.

Where a cut may stand follows the default grapheme clusters of Unicode (UAX #29), on the side of not cutting.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

SIZE = 32  # characters of a piece at least, but for the last: some eight tokens
_REACH = 24  # characters in which the next space is looked for
_MARKS = frozenset(("Mn", "Mc", "Me", "Cf"))  # Cf: joiners, tags of flags, signs before numbers
_JOINED = frozenset("\u0e33\u0eb3\uff9e\uff9f")  # vowels and voice marks that extend the letter before them
_REGIONAL = range(0x1F1E6, 0x1F200)  # two of them are a flag
_TONES = range(0x1F3FB, 0x1F400)  # of skin
_LEADING = (range(0x1100, 0x1160), range(0xA960, 0xA980))  # Korean consonants that begin a syllable
_FOLLOWING = (range(0x1160, 0x1200), range(0xD7B0, 0xD800))  # vowels and consonants that go on with it
_VIRAMA = 9  # class of combining signs that join two consonants


def pieces(text: str) -> Iterator[str]:
    """The text in pieces, none of them empty, which join to it."""
    start, size = 0, len(text)
    while size - start > SIZE + _REACH:
        cut = text.find(" ", start + SIZE, start + SIZE + _REACH)
        cut = start + SIZE if cut < 0 else cut
        while cut < size and _is_inside(text, cut):
            cut += 1
        yield text[start:cut]
        start = cut
    if start < size:
        yield text[start:]


def _is_inside(text: str, cut: int) -> bool:
    """Whether the characters before and after a cut may belong together."""
    before, after = text[cut - 1], text[cut]
    if before.isascii() and after.isascii():
        return before == "\r" and after == "\n"
    return (
        unicodedata.category(after) in _MARKS
        or unicodedata.category(before) == "Cf"
        or unicodedata.combining(before) == _VIRAMA
        or after in _JOINED
        or ord(after) in _TONES
        or (ord(before) in _REGIONAL and ord(after) in _REGIONAL)
        or any(ord(before) in block for block in _LEADING)
        or any(ord(after) in block for block in _FOLLOWING)
    )
