"""Whether a price can be billed at all from what a wire format shows of its usage: asked before the call.

A model sold by the picture cannot be metered where answers show only tokens, and one whose output nobody priced would
give it away. Such a call is refused, because the alternative is to book it as free.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from proxy.metering.cost import Price
from proxy.metering.rates import TOKENS_IN, TOKENS_OUT

_TOKENS: Final = frozenset((*TOKENS_IN, *TOKENS_OUT))
# Units besides tokens that answers of an API show. Tokens are not here: where they are not reported, we count them.
_SHOWN: Final[Mapping[str, frozenset[str]]] = {
    "openai.images": frozenset({"per_image"}),
    "openai.audio": frozenset({"per_second", "per_character"}),
    "vertex.predict": frozenset({"per_character"}),
}
# Units that are billed always, and those that only come up when a request carries sound or video.
_ALWAYS: Final = ("per_character", "per_image", "per_page", "per_message", "citation")
_INPUT_ONLY: Final = frozenset({"openai.embeddings", "gemini.embed"})  # answers without output tokens
_WITH_MEDIA: Final = ("video_input", "video_output")


def unbillable(price: Price, api: str, *, media: bool = False) -> tuple[str, ...]:
    """Name the units with a rate that answers of ``api`` do not show; empty: the call can be billed.

    Where tokens are priced, ``input`` or ``output`` is named, too, when it has no rate; a rate of 0 is one.

    ``media``: the request carries sound, video or files. Searches are no reason: they are billed where they are shown.
    """
    wanted = [*_ALWAYS]
    if media:
        wanted += _WITH_MEDIA
    if media or not price.units & {"input", "output"}:
        wanted.append("per_second")  # of the sound; a text alone has none where tokens are priced, too
    shown = _SHOWN.get(api, frozenset())
    return (*unpriced_sides(price, api), *(unit for unit in wanted if unit in price.units and unit not in shown))


def unpriced_sides(price: Price, api: str) -> tuple[str, ...]:
    """Name those of ``input`` and ``output`` that a price by the token leaves out, though calls of ``api`` use them."""
    if price.written.isdisjoint(_TOKENS):
        return ()
    sides = ("input",) if api in _INPUT_ONLY else ("input", "output")
    return tuple(side for side in sides if side not in price.written)
