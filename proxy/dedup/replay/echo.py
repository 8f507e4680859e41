"""Whether an answer repeats what was masked in its prompt: then it belongs to that prompt, and to no near one.

A model repeats an id with other separators and a time without its seconds or on a clock of twelve hours. All of these
count. A false alarm costs one entry of the cache, a missed one a wrong answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

_CLOCK = re.compile(r"(\d\d?)[:.h](\d\d)(?!\d)")
_SPACED = re.compile(r"(\d\d?) (\d\d)(?!\d)")
_OPAQUE = frozenset(("signature", "encrypted_content", "thoughtSignature", "data"))  # no text: chance would match there
_HALF_DAY = 12  # hours
_SEPARATORS: Final = dict.fromkeys(
    (
        *(code for code in range(128) if not chr(code).isalnum()),
        *range(0x2000, 0x2070),  # general punctuation: spaces, dashes, quotes, marks without width
        *map(ord, "\xa0\xad\xb7\u3000\ufeff"),
    )
)


def repeats(answer: Any, masked: Sequence[str]) -> bool:
    """Whether any text of the answer holds one of the masked values, in whatever case and punctuation."""
    if not masked:
        return False
    told = "\n".join(_texts(answer)).casefold()
    plain = told.translate(_SEPARATORS)
    clocks: set[tuple[int, int]] = set()
    for value in filter(None, map(str.strip, masked)):
        looked = value.casefold()
        bare = looked.translate(_SEPARATORS)
        if looked in told or (bare and bare in plain):
            return True
        clocks |= _clocks(_CLOCK, looked)
    return bool(clocks) and not clocks.isdisjoint(_clocks(_CLOCK, told) | _clocks(_SPACED, told))


def _clocks(written: re.Pattern[str], text: str) -> set[tuple[int, int]]:
    """The times of day in a text, as hours and minutes of half a day."""
    return {(int(hour) % _HALF_DAY, int(minute)) for hour, minute in written.findall(text)}


def _texts(value: Any) -> Iterator[str]:
    """Every string and number of the answer, names of members included."""
    if type(value) is dict:
        for name, part in value.items():
            yield name
            if name not in _OPAQUE:
                yield from _texts(part)
    elif type(value) is list:
        for part in value:
            yield from _texts(part)
    elif value is not None and type(value) is not bool:
        yield str(value)
