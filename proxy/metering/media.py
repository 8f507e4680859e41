"""What pictures, sounds and documents cost in tokens, by family of model: constants, because no body is decoded here.

``typical`` serves holds of the expected cost; ``most`` bounds them. Providers charge a picture by its size in tiles or
patches up to a maximum, which is what ``most`` is; a file is at most one token per byte, like text.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

import msgspec


class MediaPrice(msgspec.Struct, frozen=True):
    """Tokens of one picture, and of inline audio, video and documents."""

    models: str  # glob on the lower-case model name without its vendor prefix
    image_typical: int
    image_most: int
    bytes_per_token: int = 40  # typical: mp3 at Gemini has 500, a dense PDF at Anthropic 3


# The first that matches. Sources: each vendor's own documentation of vision, checked against recorded usage.
MEDIA: Final = (
    MediaPrice("gpt-4o-mini*", 25_501, 48_169),  # 2833 + 5667 a tile of 512 px, at most 8 tiles
    MediaPrice("gpt-4.1-mini*", 800, 2_489),  # patches of 32 px, at most 1536, times 1.62
    MediaPrice("gpt-4.1-nano*", 1_200, 3_779),  # … times 2.46
    MediaPrice("o4-mini*", 850, 2_642),  # … times 1.72
    MediaPrice("gpt-5*-mini*", 800, 2_489),
    MediaPrice("gpt-5*-nano*", 1_200, 3_779),
    MediaPrice("gpt-5*", 1_100, 10_240),  # tiles in the first ones, patches up to the original size since
    MediaPrice("gpt-4*", 765, 1_445),  # 85 + 170 a tile
    MediaPrice("chatgpt-4o*", 765, 1_445),
    MediaPrice("o[13]*", 675, 1_275),  # 75 + 150 a tile
    MediaPrice("claude*", 1_200, 4_800),  # width x height / 750; the newest models take larger pictures
    MediaPrice("*claude*", 1_200, 4_800),  # Bedrock puts the vendor in front
    MediaPrice("gemini-[12]*", 1_290, 6_192, 200),  # 258 a crop
    MediaPrice("gemini*", 1_120, 6_192, 200),
    MediaPrice("*nova*", 1_824, 1_824, 200),
    MediaPrice("*", 1_200, 10_240),
)


def media_price(model: str) -> MediaPrice:
    """Find the constants of a model's family."""
    bare = model.rsplit("/", 1)[-1].lower()
    return next(price for price in MEDIA if fnmatchcase(bare, price.models))
