"""Whether a price can be billed at all from what a wire format shows of its usage: asked before the call.

A model sold by the picture cannot be metered where answers show only tokens, and one whose output nobody priced would
give it away. Such a call is refused, because the alternative is to book it as free.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from proxy.domain.ask import Ask
from proxy.metering.cost import FREE_BY_CONFIG, Price
from proxy.metering.rates import TOKENS_IN, TOKENS_OUT

_TOKENS: Final = frozenset((*TOKENS_IN, *TOKENS_OUT))
# Units besides tokens that answers of an API show. Tokens are not here: where they are not reported, we count them.
_SHOWN: Final[Mapping[str, frozenset[str]]] = {
    "openai.images": frozenset({"per_image"}),
    "cohere.embed": frozenset({"per_image"}),
    "openai.audio": frozenset({"per_second"}),
    "openai.speech": frozenset({"per_character"}),
    "passthrough": frozenset({"per_second", "per_character", "per_image"}),
    "vertex.predict": frozenset({"per_character", "per_image"}),
    "bedrock.image": frozenset({"per_image"}),
}
# Units that are billed always, and those that only come up when a request carries sound or video.
_ALWAYS: Final = ("per_character", "per_image", "per_page", "per_message", "citation")
_INPUT_ONLY: Final = frozenset(  # answers without output tokens
    (
        "openai.embeddings",
        "gemini.embed",
        "ollama.embed",
        "cohere.embed",
        "bedrock.embed",
        "bedrock.image",
        "vertex.predict",
    )
)
_WITH_MEDIA: Final = ("video_input", "video_output")
_BY_SEARCH: Final = frozenset({"cohere.rerank"})  # sold by the search and nothing else
_OF_PICTURES: Final = frozenset({"image_input", "per_image"})


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
    if price.written.isdisjoint(_TOKENS) or api in _BY_SEARCH:
        return ()
    sides = ("input",) if api in _INPUT_ONLY else ("input", "output")
    return tuple(side for side in sides if side not in price.written)


def lacking(price: Price, ask: Ask) -> str:
    """Say what this very call is sold by that its price leaves out, with the configuration's word for it; empty: nothing."""
    api, lane = ask.endpoint.api, ask.service_tier
    if price.flag == FREE_BY_CONFIG:
        return ""
    if api in _BY_SEARCH and "per_search" not in price.written:
        return "searches (`per_search`)"
    if api == "cohere.embed" and ask.features.images and price.written.isdisjoint(_OF_PICTURES):
        return "pictures (`image_input` or `per_image`), which cost more than text"
    if api == "openai.images" and "per_image" in price.units and lane and price.lanes and lane not in price.lanes:
        return f"pictures of this quality and size (a lane {lane!r} beside those that it has)"
    return ""
