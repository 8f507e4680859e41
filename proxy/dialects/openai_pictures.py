"""How much a picture is, by what was asked of it: output tokens of models that count them, lanes of those sold by piece.

Tokens: https://developers.openai.com/api/docs/guides/image-generation, "Cost and latency"; for the sizes of gpt-image-2,
which are free, what OpenAI's calculator on that page does. Good for holds; settled is what the answer reports.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from proxy.domain.errors import BadRequest

_PARTIAL = 100  # output tokens of each partial picture of a stream
_STANDARD_SIZE = "1024x1024"
_NONE: Final = frozenset(("", "auto", "standard", "default"))
_TIERS: Final = frozenset(("batch", "flex", "priority", "fast", "scale"))  # lanes that are no quality
_WORD = re.compile(r"[a-z0-9][a-z0-9_.:-]{0,31}")
_PIXELS = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")
# Quality -> tokens of a square, an upright and a lying picture.
_FIRST: Final = {"low": (272, 408, 400), "medium": (1056, 1584, 1568), "high": (4160, 6240, 6208)}
_FIRST_SIZES: Final = ("1024x1024", "1024x1536", "1536x1024")
_FIRST_MODELS: Final = ("gpt-image-1", "chatgpt-image")
_EXACT_MODELS: Final = ("gpt-image-1", "gpt-image-1-mini")  # later ones write text beside their pictures
_FACTORS: Final = {"low": 16, "medium": 48, "high": 96}
_BEST = "high"  # what `auto` may choose
_UNCOUNTED: Final = "dall-e-"  # sold by the piece alone


class Expected(msgspec.Struct, frozen=True):
    """Output tokens of one picture: probably, and at most where that is known."""

    likely: int | None = None
    most: int | None = None


def expected_tokens(model: str, quality: str, size: str, partial: int) -> Expected:
    """Output tokens of one picture, ``partial`` earlier states of it included; of unknown models those of a good one."""
    bare = model.rpartition("/")[2].lower()
    extra = _PARTIAL * partial
    if bare.startswith(_FIRST_MODELS):
        by_size = _FIRST.get(quality) or _FIRST[_BEST]
        tokens = by_size[_FIRST_SIZES.index(size)] if size in _FIRST_SIZES else max(by_size)
        known = bare in _EXACT_MODELS and quality in ("", "auto", *_FIRST) and size in ("", "auto", *_FIRST_SIZES)
        return Expected(tokens + extra, tokens + extra if known else None)
    if bare.startswith(_UNCOUNTED):
        return Expected()
    return Expected(_of_any_size(_FACTORS.get(quality, _FACTORS[_BEST]), size) + extra)


def _of_any_size(factor: int, size: str) -> int:
    """Tokens of a picture of any size: patches along both edges, and more of them for larger pictures."""
    pixels = _PIXELS.fullmatch(size) or _PIXELS.fullmatch(_STANDARD_SIZE)
    short, long = sorted(int(edge) for edge in (pixels.groups() if pixels else ()))
    across = (2 * factor * short + long) // (2 * long)
    return -(-factor * across * (2_000_000 + short * long) // 4_000_000)


def lane_of(quality: str, size: str) -> str | None:
    """The lane that a picture is priced in where it is sold by piece, such as ``hd 1024x1792``; None for a standard one.

    Raises ``BadRequest`` for words that cannot be one, or are a service tier's.
    """
    for name, word in (("quality", quality), ("size", size)):
        if word in _TIERS or "on_demand" in word or not (word in _NONE or _WORD.fullmatch(word)):
            raise BadRequest(f"'{name}' is not one that a picture can have.", param=name, code="invalid_value")
    words = [word for word in (quality, size) if word not in _NONE and word != _STANDARD_SIZE]
    return " ".join(words) or None
