"""openai-python with only its base URL and key changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import openai
import pydantic
import pytest

from proxy.domain.row import Row
from tests.e2e import answers
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import failing, reset, streamed, whole

ASK: Any = [{"role": "user", "content": "Say hello"}]


@pytest.fixture
def client(proxy: RunningProxy) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=proxy.base_url + "/v1", api_key=proxy.key) as made:
        yield made


def row_of(proxy: RunningProxy, request_id: str | None) -> Row:
    """The last row of a call."""
    assert request_id is not None
    return proxy.wait_rows(request_id=request_id)[-1]


def test_a_completion_comes_back_as_the_provider_gave_it_and_leaves_a_row(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(answers.OPENAI_CHAT))
    raw = client.chat.completions.with_raw_response.create(model="gpt-5.1", messages=ASK)
    assert json.loads(raw.content) == answers.OPENAI_CHAT
    assert raw.headers["x-tally-cost-usd"] == "0.000018"  # 12 at $1 and 3 at $2 per million
    assert raw.headers["x-tally-usage"] == "reported"
    assert raw.headers["x-upstream-request-id"] == "req_scripted"
    row = row_of(proxy, raw.request_id)
    assert (row.usage.input, row.usage.output, row.cost_nusd, row.outcome) == (12, 3, 18_000, "ok")
    assert (row.model_requested, row.model) == ("gpt-5.1", "gpt-5.1-2026-08-01")
    sent = scripted.seen[-1]
    assert sent.header("authorization") == "Bearer provider-secret"
    assert proxy.key not in str(sent.headers)


def test_a_stream_without_include_usage_shows_no_usage_chunk_and_is_metered_all_the_same(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(streamed(answers.openai_stream()))
    with client.chat.completions.with_streaming_response.create(model="gpt-5.1", messages=ASK, stream=True) as raw:
        chunks = list(raw.parse())
        request_id = raw.headers["x-request-id"]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello there"
    assert all(chunk.usage is None for chunk in chunks)
    assert json.loads(scripted.seen[-1].body)["stream_options"] == {"include_usage": True}
    row = row_of(proxy, request_id)
    assert (row.usage.input, row.usage.output, row.usage.usage_source) == (12, 3, "reported")


def test_a_stream_with_include_usage_keeps_its_usage_chunk(client: openai.OpenAI, scripted: ScriptedUpstream) -> None:
    scripted.replies(streamed(answers.openai_stream()))
    stream = client.chat.completions.create(
        model="gpt-5.1", messages=ASK, stream=True, stream_options={"include_usage": True}
    )
    usages = [chunk.usage for chunk in stream if chunk.usage is not None]
    assert [usage.total_tokens for usage in usages] == [15]


def test_the_stream_helper_gives_the_final_completion(client: openai.OpenAI, scripted: ScriptedUpstream) -> None:
    scripted.replies(streamed(answers.openai_stream()))
    with client.chat.completions.stream(model="gpt-5.1", messages=ASK) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.content == "Hello there"


async def test_the_async_client_streams_too(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(streamed(answers.openai_stream(), every=0.01))
    async with openai.AsyncOpenAI(base_url=proxy.base_url + "/v1", api_key=proxy.key) as client:
        stream = await client.chat.completions.create(model="gpt-5.1", messages=ASK, stream=True)
        text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
    assert text == "Hello there"


def test_responses_come_whole_and_as_a_stream(client: openai.OpenAI, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(answers.OPENAI_RESPONSE))
    assert client.responses.create(model="gpt-5.1", input="Say hello").output_text == "Hello there"
    scripted.replies(streamed(answers.responses_stream()))
    with client.responses.stream(model="gpt-5.1", input="Say hello") as stream:
        for _ in stream:
            pass
        assert stream.get_final_response().output_text == "Hello there"


def test_tools_reach_the_model_and_its_calls_come_back(client: openai.OpenAI, scripted: ScriptedUpstream) -> None:
    answer = copy.deepcopy(answers.OPENAI_CHAT)
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Berlin"}'}}
    answer["choices"][0] |= {
        "message": {"role": "assistant", "content": None, "tool_calls": [call]},
        "finish_reason": "tool_calls",
    }
    scripted.replies(whole(answer))
    tools: Any = [
        {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
    ]
    done = client.chat.completions.create(model="gpt-5.1", messages=ASK, tools=tools)
    calls = done.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].id == "call_1"
    assert json.loads(scripted.seen[-1].body)["tools"] == tools


def test_structured_output_is_parsed(client: openai.OpenAI, scripted: ScriptedUpstream) -> None:
    class Greeting(pydantic.BaseModel):
        text: str

    answer = copy.deepcopy(answers.OPENAI_CHAT)
    answer["choices"][0]["message"]["content"] = '{"text": "Hello"}'
    scripted.replies(whole(answer))
    done = client.chat.completions.parse(model="gpt-5.1", messages=ASK, response_format=Greeting)
    assert done.choices[0].message.parsed == Greeting(text="Hello")


def test_embeddings_and_models(client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    body = {"object": "list", "model": "text-embedding-3-small", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
            "usage": {"prompt_tokens": 4, "total_tokens": 4}}  # fmt: skip
    scripted.replies(whole(body))
    raw = client.embeddings.with_raw_response.create(
        model="text-embedding-3-small", input="four", encoding_format="float"
    )
    assert raw.parse().data[0].embedding == [0.5]
    assert row_of(proxy, raw.request_id).cost_nusd == 4_000
    scripted.replies(
        whole({"object": "list", "data": [{"id": "gpt-5.1", "object": "model", "created": 1, "owned_by": "x"}]})
    )
    assert [model.id for model in client.models.list()] == ["gpt-5.1"]


def test_a_bad_key_is_an_authentication_error_after_one_try(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    with (
        openai.OpenAI(base_url=proxy.base_url + "/v1", api_key="tg_wrong") as stranger,
        pytest.raises(openai.AuthenticationError) as caught,
    ):
        stranger.chat.completions.create(model="gpt-5.1", messages=ASK)
    assert caught.value.code == "invalid_api_key"
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert scripted.seen == []


def test_an_upstream_error_passes_in_its_own_words_and_is_tried_as_the_sdk_likes(
    client: openai.OpenAI, scripted: ScriptedUpstream
) -> None:
    client.max_retries = 1
    scripted.replies(failing(429, retry_after="0", message="scripted rate limit"), whole(answers.OPENAI_CHAT))
    assert client.chat.completions.create(model="gpt-5.1", messages=ASK).choices[0].message.content == "Hello there"
    assert len(scripted.seen) == 2
    scripted.replies(failing(400, message="scripted bad request"))
    with pytest.raises(openai.BadRequestError, match="scripted bad request"):
        client.chat.completions.create(model="gpt-5.1", messages=ASK)


def test_a_stream_that_breaks_is_an_error_and_never_a_clean_end(
    client: openai.OpenAI, scripted: ScriptedUpstream
) -> None:
    scripted.replies(streamed(answers.openai_stream()[:2], then=reset()))
    stream = client.chat.completions.create(model="gpt-5.1", messages=ASK, stream=True)
    with pytest.raises(openai.APIError):
        list(stream)


def test_an_unknown_path_is_not_found_with_a_hint(proxy: RunningProxy) -> None:
    status, _, body = proxy.post("/v1/chat/completion", {"model": "gpt-5.1"})
    assert status == 404
    assert "/v1/chat/completions" in json.loads(body)["error"]["message"]
