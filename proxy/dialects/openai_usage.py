"""Usage in OpenAI's forms, and where the servers that speak them put their figures.

Names are data: a server that keeps a count elsewhere is one line here. The functions give the fields of
``domain.usage.Usage`` that an object of figures tells, under the conventions of the recorded fixtures.
"""

from __future__ import annotations

from typing import Any

from proxy.dialects.reported import count, part, parts

_MOST_USD = 10**6  # for one answer; beyond, a cost is a fault
_TICKS_PER_USD = 10_000_000_000  # xAI

_INPUT = ("prompt_tokens", "input_tokens")
_OUTPUT = ("completion_tokens", "output_tokens")
_STANDARD = frozenset(
    (
        *_INPUT,
        *_OUTPUT,
        "total_tokens",
        "prompt_tokens_details",
        "input_tokens_details",
        "completion_tokens_details",
        "output_tokens_details",
    )
)
_TELLING = (*_INPUT, *_OUTPUT, "total_tokens", "predicted_n")
_CACHED = (
    "num_cached_tokens",  # Mistral
    "prompt_cache_hit_tokens",  # DeepSeek
    "cached_tokens",  # Moonshot, Together
    "cache_read_input_tokens",  # gateways before Anthropic's models
)
_WRITTEN_DETAIL = ("cache_write_tokens", "cache_creation_input_tokens", "cache_creation_tokens")
_WRITTEN = ("cache_write_tokens", "cache_creation_input_tokens")
_OPENROUTER_TOOLS = ("server_tool_use", "server_tool_use_details")


def usage_of(event: dict[str, Any]) -> dict[str, Any] | None:
    """The object with figures in a body or chunk of chat or completions; None when it reports nothing.

    Groq repeats it in ``x_groq``, Moonshot has put it on the choice, llama.cpp counts in ``timings``.
    """
    if tells(usage := part(event, "usage")):
        return usage
    elsewhere = [part(event, "x_groq"), *parts(event, "choices")]
    for found in (*(part(place, "usage") for place in elsewhere), part(event, "timings")):
        if tells(found):
            return found
    return None


def tells(usage: dict[str, Any]) -> bool:
    """Whether there is any figure to settle on."""
    return _first(usage, _TELLING) is not None


def chat(usage: dict[str, Any], timings: dict[str, Any]) -> dict[str, Any]:
    """``Usage`` fields of chat and completions: what a server leaves out of its details there is 0.

    Not so on llama.cpp, known by its ``timings``, which has a prefix cache and neither writes nor audio to bill.
    """
    if "predicted_n" in usage:
        return _from_timings(usage)
    fields = _counts(usage)
    if fields["cached_read"] is None and (cached := count(timings, "cache_n")) is not None:
        return fields | {"cached_read": cached, "reasoning": fields["reasoning"] or 0}
    given, made = _details(usage)
    fields["audio_input"] = count(given, "audio_tokens") or 0
    fields["audio_output"] = count(made, "audio_tokens") or 0
    fields["image_input"] = count(given, "image_tokens") or None  # 0 is sent where there can be none
    fields["image_output"] = count(made, "image_tokens") or None
    return _with_zeros(fields)


def responses(usage: dict[str, Any]) -> dict[str, Any]:
    """``Usage`` fields of the Responses API."""
    return _with_zeros(_counts(usage))


def embeddings(usage: dict[str, Any]) -> dict[str, Any]:
    """``Usage`` fields of embeddings, which have no output; Voyage reports the total only."""
    fields = _counts(usage)
    return {name: fields.get(name) for name in ("input", "total_reported", "reported_cost_usd")} | {"output": 0}


def _with_zeros(fields: dict[str, Any]) -> dict[str, Any]:
    for name in ("cached_read", "cache_write", "reasoning"):
        fields[name] = fields[name] or 0
    return fields


def _counts(usage: dict[str, Any]) -> dict[str, Any]:
    given_details, made_details = _details(usage)
    total, made, given = count(usage, "total_tokens"), _first(usage, _OUTPUT), _first(usage, _INPUT)
    if given is None and total is not None:
        given = max(0, total - (made or 0))
    fields: dict[str, Any] = {
        "input": given,
        "cached_read": count(given_details, "cached_tokens"),
        "cache_write": _first(given_details, _WRITTEN_DETAIL),
        "reasoning": count(made_details, "reasoning_tokens"),
        "total_reported": total,
    }
    if not usage.keys() <= _STANDARD:
        _add_own_words(fields, usage)
    if by_age := part(given_details, "cache_creation"):  # DashScope
        fields["cache_write_5m"] = count(by_age, "ephemeral_5m_input_tokens")
        fields["cache_write_1h"] = count(by_age, "ephemeral_1h_input_tokens")
    fields["output"] = _output(given, made, total, fields["reasoning"])
    return fields


def _add_own_words(fields: dict[str, Any], usage: dict[str, Any]) -> None:
    """What servers say beside the standard members, or instead of one."""
    for name, places in (("cached_read", _CACHED), ("cache_write", _WRITTEN), ("reasoning", ("reasoning_tokens",))):
        if fields[name] is None:
            fields[name] = _first(usage, places)
    fields["seconds"] = count(usage, "prompt_audio_seconds")  # Mistral
    fields["web_searches"] = _searches(usage)
    fields["reported_cost_usd"] = _cost(usage)


def _output(given: int | None, made: int | None, total: int | None, reasoning: int | None) -> int | None:
    """Every token that is billed as output.

    Hidden reasoning shows only in the total on xAI and on Gemini's compatible endpoint; Perplexity counts it apart.
    """
    if total is not None and given is not None:
        made = max(made or 0, total - given)
    if made is not None and reasoning is not None and reasoning > made:
        made += reasoning
    return made


def _from_timings(timings: dict[str, Any]) -> dict[str, Any]:
    """llama.cpp without ``usage``; ``prompt_n`` leaves out what its cache held."""
    cached, fresh = count(timings, "cache_n"), count(timings, "prompt_n")
    given = None if fresh is None else fresh + (cached or 0)
    return {"input": given, "output": count(timings, "predicted_n"), "cached_read": cached}


def _searches(usage: dict[str, Any]) -> int | None:
    for tools in _OPENROUTER_TOOLS:
        if (made := count(part(usage, tools), "web_search_requests")) is not None:
            return made
    if (made := count(usage, "num_search_queries")) is not None:  # Perplexity
        return made
    # xAI lists each of its tools, offered or not
    return count(part(usage, "server_side_tool_usage_details"), "web_search_calls") or None


def _cost(usage: dict[str, Any]) -> float | None:
    ticks = count(usage, "cost_in_usd_ticks")
    for cost in (
        usage.get("cost"),  # OpenRouter
        part(usage, "cost").get("total_cost"),  # Perplexity
        None if ticks is None else ticks / _TICKS_PER_USD,
    ):
        if isinstance(cost, int | float) and type(cost) is not bool and 0 <= cost <= _MOST_USD:
            return float(cost)
    return None


def _first(members: dict[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        found = count(members, name)
        if found is not None:
            return found
    return None


def _details(usage: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    return (
        part(usage, "prompt_tokens_details") or part(usage, "input_tokens_details"),
        part(usage, "completion_tokens_details") or part(usage, "output_tokens_details"),
    )
