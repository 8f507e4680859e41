"""Where Bedrock's answers put their figures: Converse's ``usage``, each vendor's own members, and Bedrock's own counts.

Cached tokens are beside the input everywhere but in OpenAI's form. Bedrock counts every invocation itself, in headers of
a body and in the last chunk of a stream: what vendors leave out is taken from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from proxy.dialects import openai_usage
from proxy.dialects.reported import count, named, part, parts, worded

METRICS = "amazon-bedrock-invocationMetrics"
_HEADER = b"x-amzn-bedrock-"
_TIER = "x-amzn-bedrock-service-tier"
_LATENCY = "x-amzn-bedrock-performanceconfig-latency"
_COUNTS = (
    ("inputTokenCount", "x-amzn-bedrock-input-token-count"),
    ("outputTokenCount", "x-amzn-bedrock-output-token-count"),
    ("cacheReadInputTokenCount", "x-amzn-bedrock-cache-read-input-token-count"),
    ("cacheWriteInputTokenCount", "x-amzn-bedrock-cache-write-input-token-count"),
)
_VECTORS = ("embedding", "embeddings", "embeddingsByType")
_PICTURES = ("images", "artifacts")

Fields = dict[str, Any]  # of ``domain.usage.Usage``; what was not told is not in it


def converse(usage: dict[str, Any]) -> Fields:
    """Return the fields of a ``usage`` of Converse, or of Nova's own; nothing where it has neither input nor output."""
    given, made = count(usage, "inputTokens"), count(usage, "outputTokens")
    if given is None and made is None:
        return {}
    read = _either(usage, "cacheReadInputTokens", "cacheReadInputTokenCount")
    written = _either(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    told: Fields = {
        "input": None if given is None else given + read + written,
        "output": made,
        "cached_read": read,
        "cache_write": written,
        "total_reported": count(usage, "totalTokens"),
    }
    if ages := parts(usage, "cacheDetails"):
        for name, age in (("cache_write_5m", "5m"), ("cache_write_1h", "1h")):
            told[name] = sum(count(one, "inputTokens") or 0 for one in ages if one.get("ttl") == age)
    return _known(told)


def tier(answer: dict[str, Any]) -> str | None:
    """Return the tier that sets the price, as an answer of Converse tells it: optimized latency has its own."""
    return _priced_tier(named(part(answer, "serviceTier"), "type"), named(part(answer, "performanceConfig"), "latency"))


def model(answer: dict[str, Any]) -> str | None:
    """Return the model that a prompt router chose."""
    return named(part(part(answer, "trace"), "promptRouter"), "invokedModelId")


def vendor(answer: dict[str, Any]) -> Fields:
    """Return the fields of a body or chunk in a vendor's own words, Anthropic's apart."""
    usage = part(answer, "usage") or part(part(answer, "metadata"), "usage")
    if openai_usage.tells(usage):  # Mistral's chat, AI21, DeepSeek, Qwen, gpt-oss
        return _known(openai_usage.chat(usage, {}))
    told = converse(usage)
    billed = part(part(answer, "meta"), "billed_units")
    for name, places in (
        ("input", ((answer, "inputTextTokenCount"), (answer, "prompt_token_count"), (billed, "input_tokens"))),
        (
            "output",
            ((answer, "totalOutputTextTokenCount"), (answer, "generation_token_count"), (billed, "output_tokens")),
        ),
    ):  # Titan, Llama, Cohere
        for place, member in places:
            if (figure := count(place, member)) is not None:
                told[name] = figure
    results = [count(result, "tokenCount") for result in parts(answer, "results")]
    if results and None not in results:
        told["output"] = sum(figure or 0 for figure in results)
    return told


def unspoken(answer: dict[str, Any]) -> Fields:
    """Return the fields of an answer that is not written: vectors have no output, pictures are counted."""
    for name in _PICTURES:
        if type(pictures := answer.get(name)) is list:
            return {"output": 0, "images": sum(type(one) in (str, dict) for one in pictures)}
    return {"output": 0} if any(name in answer for name in _VECTORS) else {}


def metrics(counts: dict[str, Any]) -> Fields:
    """Return the fields of Bedrock's own counts, which are under the same names in every stream's last chunk."""
    given, made, read, written = (count(counts, name) for name, _ in _COUNTS)
    if given is not None:
        given += (read or 0) + (written or 0)
    return _known({"input": given, "output": made, "cached_read": read, "cache_write": written})


def head(headers: Sequence[tuple[bytes, bytes]]) -> Fields:
    """Return the fields of an answer's headers."""
    own = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers if name.startswith(_HEADER)}
    counts = {name: int(own[header]) for name, header in _COUNTS if _is_figure(own.get(header, ""))}
    return metrics(counts) | _known({"service_tier": _priced_tier(named(own, _TIER), named(own, _LATENCY))})


def texts(answer: dict[str, Any]) -> Iterator[str]:
    """Tell what a model wrote in a body or chunk in its vendor's own words, Anthropic's apart."""
    for name in ("outputText", "generation", "completion", "text"):  # Titan, Llama, old Claude, Cohere
        yield from _worded(answer, name)
    for name in ("results", "outputs", "generations"):
        for one in parts(answer, name):
            yield from _worded(one, "outputText")
            yield from _worded(one, "text")
    for choice in parts(answer, "choices"):
        yield from _worded(choice, "text")
        for place in (part(choice, "message"), part(choice, "delta")):
            yield from _worded(place, "content")
            yield from _worded(place, "reasoning_content")
            for call in parts(place, "tool_calls"):
                yield from _worded(part(call, "function"), "arguments")
    yield from converse_texts(answer)  # Nova
    yield from delta_texts(part(answer, "contentBlockDelta"))


def converse_texts(answer: dict[str, Any]) -> Iterator[str]:
    """Tell what a model wrote in a body of Converse."""
    for block in parts(part(part(answer, "output"), "message"), "content"):
        yield from _worded(block, "text")
        yield from _worded(part(part(block, "reasoningContent"), "reasoningText"), "text")
        if arguments := part(part(block, "toolUse"), "input"):
            yield msgspec.json.encode(arguments).decode()


def delta_texts(event: dict[str, Any]) -> Iterator[str]:
    """Tell what a model wrote in a ``contentBlockDelta``."""
    delta = part(event, "delta")
    yield from _worded(delta, "text")
    yield from _worded(part(delta, "reasoningContent"), "text")
    yield from _worded(part(delta, "toolUse"), "input")


def _worded(members: dict[str, Any], name: str) -> Iterator[str]:
    if (text := worded(members, name)) is not None:
        yield text


def _either(usage: dict[str, Any], *names: str) -> int:
    return next((figure for name in names if (figure := count(usage, name)) is not None), 0)


def _known(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if value is not None}


def _priced_tier(service: str | None, latency: str | None) -> str | None:
    return latency if latency == "optimized" else service


def _is_figure(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12  # noqa: PLR2004 - ``reported.count`` ends there
