"""What a caller says of caching: the request's ``Cache-Control`` (RFC 9111, section 5.2.1).

A caller may only tighten. ``max-stale`` is not read: nothing is served beyond its time. Neither are ``min-fresh`` and
``no-transform``, which ask nothing of us that we do not do.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

# token [ "=" ( token / quoted-string ) ]; what is no directive is passed over, up to the next comma
_DIRECTIVE: Final = re.compile(
    r"""([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s,]*))?[^,]*,?""", re.DOTALL
)
_DIGITS: Final = re.compile(r"[0-9]+", re.ASCII)
_LONGEST_S: Final = 2**31  # "consider the value to be 2147483648" (section 1.2.2)
_MOST_DIGITS: Final = 10


class CacheControl(NamedTuple):
    """The caller's wishes; all false and None where there are none."""

    no_store: bool = False
    no_cache: bool = False
    max_age_s: int | None = None
    only_if_cached: bool = False


_NONE: Final = CacheControl()


def caller_wishes(header: str | None) -> CacheControl:
    """Read the header. A ``max-age`` that is no number counts as 0, of several the smallest does: tightening is safe."""
    if not header:
        return _NONE
    said: set[str] = set()
    ages: list[int] = []
    for name, value in _DIRECTIVE.findall(header):
        directive = name.lower()
        said.add(directive)
        if directive == "max-age":
            ages.append(_seconds(value.strip('"')))
    return CacheControl("no-store" in said, "no-cache" in said, min(ages, default=None), "only-if-cached" in said)


def _seconds(text: str) -> int:
    if not _DIGITS.fullmatch(text):
        return 0
    digits = text.lstrip("0")
    return _LONGEST_S if len(digits) > _MOST_DIGITS else min(int(digits or "0"), _LONGEST_S)
