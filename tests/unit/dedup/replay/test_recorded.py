"""Every stream and answer that was recorded from a provider: told again the same, or refused for a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.dedup.replay import retold, unstorable, whole_of
from tests.support.answer_streams import STREAMS
from tests.support.recorded import recorded
from tests.support.scripts import fixture_body

APIS = ("openai.chat", "openai.responses", "anthropic.messages", "gemini.generate")
RECORDED = [exchange for api in APIS for exchange in recorded(api)]
TOLD_AGAIN = {
    "anthropic_stream_plain",
    "azure_chat_body",
    "azure_deepseek_reasoning",
    "azure_model_router_stream",
    "bedrock_invoke_anthropic",
    "cerebras_chat_reasoning",
    "crusoe_chat_stream",
    "gateway_with_vendor_extra_in_usage",
    "gemini3_stream_thoughts",
    "gemini_explicit_cached_content",
    "gemini_video_cached",
    "moonshot_stream_usage_on_finish_chunk",
    "ollama_openai_compat",
    "openai_chat_cache_write",
    "openai_chat_reasoning_images",
    "openai_responses_reasoning",
    "vertex_video_audio",
    "vllm_continuous_usage_stats",
}
REFUSED = {  # of whole answers, and of streams that are understood
    "anthropic_advisor_iterations": "unknown",
    "anthropic_cache_read_write_5m_thinking": "unknown",
    "anthropic_sdk_fallback_credit": "unknown",
    "llamacpp_stream_timings_cache_n": "empty",
    "mistral_chat_num_cached_tokens": "tool-call",
    "openai_responses_cache_write": "tool-call",
    "openai_responses_compact": "unknown",
    "openrouter_chat_cache_write_cost": "tool-call",
    "openrouter_chat_stream_web_search": "tool-call",
    "openrouter_chat_web_search_reasoning": "unknown",
}


def again(api: str, answer: bytes) -> Any:
    """The answer after it was told as a stream and joined."""
    told = retold(api, answer, stream=True, usage_asked=True, new_id="1", created=7, query="alt=sse")
    joined = whole_of(api, told.body)
    assert joined is not None
    return json.loads(joined)


@pytest.mark.parametrize("exchange", RECORDED, ids=lambda exchange: exchange["name"])
@pytest.mark.parametrize("crlf", [False, True])
def test_a_recording_is_told_again_or_refused(exchange: dict[str, Any], *, crlf: bool) -> None:
    api, name, body = exchange["api"], exchange["name"], fixture_body(exchange, crlf=crlf)
    answer = whole_of(api, body) if exchange["stream"] else body
    if answer is None or (reason := unstorable(api, answer, ())):
        assert name not in TOLD_AGAIN
        assert answer is None or reason == REFUSED[name]
        return
    assert name in TOLD_AGAIN
    once = again(api, answer)
    assert again(api, json.dumps(once).encode()) == once
    usage = "usageMetadata" if api == "gemini.generate" else "usage"
    assert once[usage] == json.loads(answer)[usage]


@pytest.mark.parametrize(
    "exchange", [one for one in RECORDED if one["stream"] and one["name"] in TOLD_AGAIN], ids=lambda one: one["name"]
)
def test_a_recording_that_is_cut_anywhere_before_its_last_word_is_no_answer(exchange: dict[str, Any]) -> None:
    body = fixture_body(exchange).rstrip()
    last_word = body.rindex(b"}") if exchange["api"] == "anthropic.messages" else len(body) - 1
    for end in range(0, last_word + 1, 7):
        assert whole_of(exchange["api"], body[:end]) is None


@pytest.mark.parametrize(
    "stream", [one for one in STREAMS if one.api in APIS], ids=lambda one: f"{one.name} {one.dialect}"
)
def test_a_stream_that_lacks_what_a_whole_answer_has_is_refused(stream: Any) -> None:
    """They tell one text, and neither usage nor ids as a provider would."""
    joined = whole_of(stream.api, stream.data(["Hello ", "there"]))
    assert joined is None or unstorable(stream.api, joined, ())
