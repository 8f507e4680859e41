"""What OpenAI's two formats share: members that no answer depends on, and what keeps a request from the cache."""

from __future__ import annotations

import re
from typing import Any, Final

from proxy.dedup.requests.base import LARGEST_PICTURE, Body, Bypass, is_set

# Who asks, how the answer is delivered, and hints for the provider's own cache (OpenAI, API reference).
INERT: Final = frozenset(
    """stream stream_options user metadata safety_identifier prompt_cache_key prompt_cache_retention""".split()  # noqa: SIM905 - a table
)
# `store` is on by default in Responses; it matters only to callers who read the answer back, and those who say so are
# believed. `deferred` is xAI's word for `background`.
_STATEFUL: Final = ("store", "previous_response_id", "conversation", "background", "deferred", "prompt")
_RETRIEVING: Final = ("plugins", "data_sources", "dataSources")  # OpenRouter, Azure "on your data"
# Models that search whenever they are asked: gpt-4o-search-preview, o3-deep-research, perplexity/sonar, x:online, compound
_SEARCHING_MODEL: Final = re.compile(r"search|:online|%3Aonline|(?:^|/|%2F)sonar|compound", re.IGNORECASE)


def bypass(path: str, body: Body, tools_at_caller: tuple[str, ...]) -> str:
    """The reason of a request of either format, or "": state, then tools and searches, then log-probabilities."""
    if any(is_set(body, name) for name in _STATEFUL):
        return Bypass.STATEFUL
    if _searches(path, body) or not _runs_at_caller(body.get("tools"), tools_at_caller):
        return Bypass.SERVER_TOOLS
    if any("logprobs" in name and body[name] for name in body):
        return Bypass.LOGPROBS
    return ""


def is_inline(url: Any) -> bool:
    """Whether a picture comes with the request, at a size that is worth hashing."""
    return type(url) is str and url.startswith("data:image/") and len(url) <= LARGEST_PICTURE


def _searches(path: str, body: Body) -> bool:
    if any(is_set(body, name) for name in body if "search" in name) or any(is_set(body, name) for name in _RETRIEVING):
        return True
    model = body.get("model")
    return bool(_SEARCHING_MODEL.search(path) or (type(model) is str and _SEARCHING_MODEL.search(model)))


def _runs_at_caller(tools: Any, kinds: tuple[str, ...]) -> bool:
    """Whether nothing that is offered runs at the provider."""
    if tools is None:
        return True
    return type(tools) is list and all(type(tool) is dict and tool.get("type") in kinds for tool in tools)
