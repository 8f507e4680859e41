"""The stand-in upstream satisfies the official SDKs, counts honestly and says what it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from anthropic import AsyncAnthropic
from anthropic import NotFoundError as AnthropicNotFound
from google import genai
from google.genai import types
from google.genai.models import AsyncModels
from openai import AsyncOpenAI, NotFoundError

from proxy.upstream.demo import DemoServer
from tests.support.wires import fetch, open_wire, pieces, post, upstream_at

# google-genai subclasses aiohttp's session, of which aiohttp warns; both are theirs.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning")

PROMPT = "Say hello, please."  # 18 bytes: 5 tokens


@pytest.fixture
async def server() -> AsyncIterator[DemoServer]:
    async with DemoServer(pause_s=0) as demo:
        yield demo


@pytest.fixture
async def openai(server: DemoServer) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
async def anthropic(server: DemoServer) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(base_url=server.base_url, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture
async def gemini(server: DemoServer) -> AsyncIterator[AsyncModels]:
    options = types.HttpOptions(base_url=server.base_url)
    async with genai.Client(api_key="none", http_options=options).aio as client:
        yield client.models


async def test_openai_chat_whole_and_streamed_agree(openai: AsyncOpenAI) -> None:
    whole = await openai.chat.completions.create(model="demo-small", messages=[{"role": "user", "content": PROMPT}])
    text = whole.choices[0].message.content or ""
    assert "stand-in" in text
    assert whole.usage is not None
    assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (5, -(-len(text) // 4))
    streamed, usage = "", None
    async for chunk in await openai.chat.completions.create(
        model="demo-small",
        messages=[{"role": "user", "content": PROMPT}],
        stream=True,
        stream_options={"include_usage": True},
    ):
        usage = chunk.usage or usage
        streamed += "".join(choice.delta.content or "" for choice in chunk.choices)
    assert (streamed, usage) == (text, whole.usage)


async def test_openai_streams_carry_usage_only_when_asked(openai: AsyncOpenAI) -> None:
    async with openai.chat.completions.stream(
        model="demo-large", messages=[{"role": "user", "content": PROMPT}]
    ) as stream:
        final = await stream.get_final_completion()
    assert final.usage is None
    assert "OPENAI_API_KEY" in (final.choices[0].message.content or "")


async def test_a_ceiling_cuts_the_answer_and_says_so(openai: AsyncOpenAI, anthropic: AsyncAnthropic) -> None:
    chat = await openai.chat.completions.create(
        model="demo-small", messages=[{"role": "user", "content": PROMPT}], max_completion_tokens=3, n=2
    )
    assert [choice.finish_reason for choice in chat.choices] == ["length", "length"]
    assert chat.usage is not None
    assert chat.usage.completion_tokens == 6
    message = await anthropic.messages.create(
        model="demo-small", max_tokens=3, messages=[{"role": "user", "content": PROMPT}]
    )
    assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", 3)


async def test_openai_responses_whole_and_streamed_agree(openai: AsyncOpenAI) -> None:
    whole = await openai.responses.create(model="demo-small", input=PROMPT)
    async with openai.responses.stream(model="demo-small", input=PROMPT) as stream:
        deltas = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        final = await stream.get_final_response()
    assert final.output_text == whole.output_text == "".join(deltas)
    assert final.usage == whole.usage
    assert whole.usage is not None
    assert whole.usage.input_tokens == 5
    cut = await openai.responses.create(model="demo-small", input=PROMPT, max_output_tokens=4)
    assert (cut.status, cut.usage and cut.usage.output_tokens) == ("incomplete", 4)


async def test_openai_embeddings_are_equal_for_equal_texts(openai: AsyncOpenAI) -> None:
    answer = await openai.embeddings.create(model="demo-small", input=["one", "two", "one"])
    first, second, third = (entry.embedding for entry in answer.data)
    assert first == third != second
    assert (len(first), answer.usage.prompt_tokens) == (64, 3)
    plain = await openai.embeddings.create(model="demo-small", input="one", encoding_format="float")
    assert plain.data[0].embedding == pytest.approx(first)


async def test_each_sdk_lists_the_models(openai: AsyncOpenAI, anthropic: AsyncAnthropic, gemini: AsyncModels) -> None:
    names = {"demo-small", "demo-large"}
    assert {model.id async for model in openai.models.list()} == names
    assert {model.id async for model in anthropic.models.list()} == names
    assert {model.name async for model in await gemini.list()} == {f"models/{name}" for name in names}


async def test_anthropic_messages_whole_and_streamed_agree(anthropic: AsyncAnthropic) -> None:
    whole = await anthropic.messages.create(
        model="demo-small", max_tokens=500, system="Be brief.", messages=[{"role": "user", "content": PROMPT}]
    )
    async with anthropic.messages.stream(
        model="demo-small", max_tokens=500, system="Be brief.", messages=[{"role": "user", "content": PROMPT}]
    ) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
    assert whole.content[0].type == "text"
    assert text == whole.content[0].text
    assert final.usage.input_tokens == whole.usage.input_tokens == 8
    assert final.usage.output_tokens == whole.usage.output_tokens
    counted = await anthropic.messages.count_tokens(
        model="demo-small", system="Be brief.", messages=[{"role": "user", "content": PROMPT}]
    )
    assert counted.input_tokens == 8


async def test_gemini_whole_and_streamed_agree(gemini: AsyncModels) -> None:
    whole = await gemini.generate_content(model="demo-small", contents=PROMPT)
    parts = [part async for part in await gemini.generate_content_stream(model="demo-small", contents=PROMPT)]
    assert "".join(part.text or "" for part in parts) == whole.text
    assert whole.usage_metadata is not None
    assert whole.usage_metadata.prompt_token_count == 5
    last = parts[-1].usage_metadata
    assert last is not None
    assert last.candidates_token_count == whole.usage_metadata.candidates_token_count
    counted = await gemini.count_tokens(model="demo-small", contents=PROMPT)
    assert counted.total_tokens == 5


async def test_an_unknown_model_is_refused_in_each_dialect(
    openai: AsyncOpenAI, anthropic: AsyncAnthropic, gemini: AsyncModels
) -> None:
    with pytest.raises(NotFoundError, match="demo-small and demo-large"):
        await openai.chat.completions.create(model="gpt-9", messages=[])
    with pytest.raises(AnthropicNotFound, match="demo-small and demo-large"):
        await anthropic.messages.create(model="claude-9", max_tokens=1, messages=[])
    with pytest.raises(genai.errors.ClientError, match="demo-small and demo-large"):
        await gemini.generate_content(model="gemini-9", contents="x")


async def test_gemini_without_sse_streams_one_json_array(server: DemoServer) -> None:
    async with open_wire() as wire:
        path = "/v1beta/models/demo-small:streamGenerateContent"
        body = b'{"contents":[{"parts":[{"text":"hi"}]}]}'
        parts = json.loads(await fetch(wire, upstream_at(server.base_url), path, body))
    assert "usageMetadata" in parts[-1]


async def test_the_same_request_gets_the_same_bytes_over_one_connection(server: DemoServer) -> None:
    body = b'{"model":"demo-small","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    async with open_wire() as wire:
        answers = {await fetch(wire, upstream_at(server.base_url), "/v1/chat/completions", body) for _ in range(3)}
        assert len(answers) == 1
        assert (wire.connections(), wire.idle()) == (1, 1)


async def test_a_person_sees_it_stream() -> None:
    body = b'{"model":"demo-small","stream":true,"messages":[]}'
    async with DemoServer(pause_s=0.002) as server, open_wire() as wire:
        answer = await post(wire, upstream_at(server.base_url), "/v1/chat/completions", body)
        assert len(await pieces(answer)) > 10
        answer.close()


@pytest.mark.parametrize("body", [b"no json", b"[]", b'{"model":1}', b"[" * 100_000, b'{"model":"demo-small"}', b""])
@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/messages",
        "/v1/responses",
        "/v1/embeddings",
        "/v1beta/models/demo-small:countTokens",
        "/v1beta/models/demo-small:nothing",
        "/nowhere",
    ],
)
async def test_odd_requests_get_an_answer_and_never_hang(server: DemoServer, path: str, body: bytes) -> None:
    async with open_wire() as wire:
        answer = await post(wire, upstream_at(server.base_url), path, body)
        assert answer.status in {200, 400, 404}
        assert isinstance(json.loads(await answer.read()), dict)
        answer.close()


async def test_stopping_ends_streams_in_progress() -> None:
    body = b'{"model":"demo-large","stream":true,"messages":[]}'
    async with open_wire() as wire:
        async with DemoServer(pause_s=10) as server:
            answer = await post(wire, upstream_at(server.base_url), "/v1/chat/completions", body)
            assert await answer.piece()
        await asyncio.sleep(0)
        answer.close()
