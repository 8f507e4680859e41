"""The official SDKs cannot tell an answer that is told again from one that came from its provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pydantic
import pytest
from google import genai
from google.genai import types

from proxy.dedup.replay import Retold
from tests.support import retelling
from tests.support.retelling import CREATED, NEW_ID, Answer
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import Script, drip, head, send, whole

TEXT = 'Grüße\u2028an\u2029alle\x85 🇩🇪👩‍👩‍👧, in several lines\r\n\tand with "quotes" \\ and more. ' * 6
ASK: Any = [{"role": "user", "content": "Say hello"}]


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def client(scripted: ScriptedUpstream) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=scripted.base_url + "/v1", api_key="k", max_retries=0) as made:
        yield made


@pytest.fixture
def messages(scripted: ScriptedUpstream) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=scripted.base_url, api_key="k", max_retries=0) as made:
        yield made


@pytest.fixture
def models(scripted: ScriptedUpstream) -> Iterator[genai.Client]:
    with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=scripted.base_url)) as made:
        yield made


def answering(told: Retold) -> Script:
    """The answer in one piece."""
    return whole(told.body, content_type=told.content_type.decode())


def dripping(told: Retold) -> Script:
    """The same in pieces that end anywhere, within characters as well."""
    length = b"content-length: %d\r\n\r\n" % len(told.body)
    return [send(head(content_type=told.content_type.decode()) + length), drip(told.body, size=7)]


def text_in(answer: Answer) -> Answer:
    """The same answer with a text that is JSON."""
    answer["text"] = {"format": {"type": "json_schema", "name": "Greeting", "schema": {}}}
    return answer


class Greeting(pydantic.BaseModel):
    """What structured output is parsed into."""

    text: str


def test_a_chat_completion_is_whole_with_its_new_id_and_the_usage_of_the_first(
    client: openai.OpenAI, scripted: ScriptedUpstream
) -> None:
    scripted.replies(answering(retelling.told("openai.chat", retelling.chat(TEXT), stream=False)))
    done = client.chat.completions.create(model="m", messages=ASK)
    assert (done.id, done.created, done.object) == ("chatcmpl-" + NEW_ID, CREATED, "chat.completion")
    assert done.choices[0].message.content == TEXT
    assert done.usage is not None
    assert done.usage.total_tokens == 15


@pytest.mark.parametrize("script", [answering, dripping])
def test_the_chat_stream_helper_gives_the_final_completion_and_its_usage(
    client: openai.OpenAI, scripted: ScriptedUpstream, script: Any
) -> None:
    scripted.replies(script(retelling.told("openai.chat", retelling.chat(TEXT), stream=True)))
    deltas, done = "", ""
    with client.chat.completions.stream(model="m", messages=ASK, stream_options={"include_usage": True}) as stream:
        for event in stream:
            if event.type == "content.delta":
                deltas += event.delta
            elif event.type == "content.done":
                done = event.content
        final = stream.get_final_completion()
    assert deltas == done == final.choices[0].message.content == TEXT
    assert (final.id, final.created, final.choices[0].finish_reason) == ("chatcmpl-" + NEW_ID, CREATED, "stop")
    assert final.usage is not None
    assert (final.usage.total_tokens, final.usage.prompt_tokens_details.cached_tokens) == (15, 4)  # type: ignore[union-attr] # the sample has them
    assert (final.service_tier, final.system_fingerprint) == ("default", "fp_1")


def test_a_chat_stream_shows_usage_on_its_last_chunk_only_where_it_was_asked_for(
    client: openai.OpenAI, scripted: ScriptedUpstream
) -> None:
    for asked in (True, False):
        scripted.replies(answering(retelling.told("openai.chat", retelling.chat(TEXT), stream=True, usage=asked)))
        chunks = list(client.chat.completions.create(model="m", messages=ASK, stream=True))
        assert [chunk.usage is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [asked]
        assert (chunks[-1].choices == []) is asked
        assert all(("usage" in chunk.model_fields_set) is asked for chunk in chunks)
        assert {chunk.id for chunk in chunks} == {"chatcmpl-" + NEW_ID}
        assert chunks[0].choices[0].delta.role == "assistant"
        assert len(chunks) > 8


def test_reasoning_comes_before_the_content_under_its_provider_s_name(
    client: openai.OpenAI, scripted: ScriptedUpstream
) -> None:
    scripted.replies(answering(retelling.told("openai.chat", retelling.reasoned(TEXT), stream=True)))
    deltas = [
        chunk.choices[0].delta
        for chunk in client.chat.completions.create(model="m", messages=ASK, stream=True)
        if chunk.choices
    ]
    thoughts = [getattr(delta, "reasoning_content", None) or "" for delta in deltas]
    assert "".join(thoughts) == f"So: {TEXT}"
    assert "".join(delta.content or "" for delta in deltas) == TEXT
    assert max(at for at, thought in enumerate(thoughts) if thought) < min(
        at for at, delta in enumerate(deltas) if delta.content
    )


def test_structured_output_is_parsed_from_a_stream(client: openai.OpenAI, scripted: ScriptedUpstream) -> None:
    said = json.dumps({"text": TEXT})
    scripted.replies(answering(retelling.told("openai.chat", retelling.chat(said), stream=True)))
    with client.chat.completions.stream(model="m", messages=ASK, response_format=Greeting) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == Greeting(text=TEXT)
    scripted.replies(answering(retelling.told("openai.responses", text_in(retelling.response(said)), stream=True)))
    with client.responses.stream(model="m", input="?", text_format=Greeting) as stream:
        assert stream.get_final_response().output_parsed == Greeting(text=TEXT)


@pytest.mark.parametrize("script", [answering, dripping])
def test_the_responses_helper_follows_every_event_to_the_final_response(
    client: openai.OpenAI, scripted: ScriptedUpstream, script: Any
) -> None:
    scripted.replies(script(retelling.told("openai.responses", retelling.response(TEXT), stream=True)))
    with client.responses.stream(model="m", input="Say hello") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == TEXT
    assert [event.snapshot for event in events if event.type == "response.output_text.delta"][-1] == TEXT
    assert (
        "".join(event.delta for event in events if event.type == "response.reasoning_summary_text.delta")
        == f"So: {TEXT}"
    )
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (final.id, final.created_at, final.status) == ("resp_" + NEW_ID, CREATED, "completed")
    assert final.output_text == TEXT
    assert final.usage is not None
    assert final.usage.total_tokens == 15
    thought = final.output[0]
    assert thought.type == "reasoning"
    assert (thought.encrypted_content, thought.summary[0].text) == ("gAAAAABo", f"So: {TEXT}")
    kinds = list(dict.fromkeys(event.type for event in events))
    assert kinds == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.completed",
    ]


def test_a_response_is_whole(client: openai.OpenAI, scripted: ScriptedUpstream) -> None:
    scripted.replies(answering(retelling.told("openai.responses", retelling.response(TEXT), stream=False)))
    done = client.responses.create(model="m", input="Say hello")
    assert (done.id, done.created_at, done.output_text) == ("resp_" + NEW_ID, CREATED, TEXT)


def test_a_message_is_whole(messages: anthropic.Anthropic, scripted: ScriptedUpstream) -> None:
    scripted.replies(answering(retelling.told("anthropic.messages", retelling.message(TEXT), stream=False)))
    done = messages.messages.create(model="m", max_tokens=9, messages=ASK)
    assert done.id == "msg_" + NEW_ID
    assert done.content[-1].model_dump(exclude_none=True) == {"type": "text", "text": TEXT}


@pytest.mark.parametrize("script", [answering, dripping])
def test_the_message_helper_gives_the_final_message_with_thinking_signature_and_usage(
    messages: anthropic.Anthropic, scripted: ScriptedUpstream, script: Any
) -> None:
    answer = retelling.message(TEXT)
    scripted.replies(script(retelling.told("anthropic.messages", answer, stream=True)))
    with messages.messages.stream(model="m", max_tokens=9, messages=ASK) as stream:
        assert "".join(stream.text_stream) == TEXT
        final = stream.get_final_message()
    assert [block.model_dump(exclude_none=True) for block in final.content] == answer["content"]
    told = final.usage.model_dump(exclude_none=True)
    assert told == answer["usage"]
    assert (final.id, final.stop_reason, final.model) == ("msg_" + NEW_ID, "end_turn", "claude-sonnet-5")


def test_the_events_of_a_message_come_in_the_provider_s_order(
    messages: anthropic.Anthropic, scripted: ScriptedUpstream
) -> None:
    scripted.replies(answering(retelling.told("anthropic.messages", retelling.message("Hello"), stream=True)))
    events = list(messages.messages.create(model="m", max_tokens=9, messages=ASK, stream=True))
    assert [event.type for event in events] == [
        "message_start",
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_stop"),
        "message_delta",
        "message_stop",
    ]  # the SDK keeps `ping` to itself


@pytest.mark.parametrize("script", [answering, dripping])
def test_gemini_streams_its_pieces_and_ends_with_the_usage(
    models: genai.Client, scripted: ScriptedUpstream, script: Any
) -> None:
    scripted.replies(script(retelling.told("gemini.generate", retelling.gemini(TEXT), stream=True)))
    chunks = list(models.models.generate_content_stream(model="m", contents="Say hello"))
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]  # type: ignore[index,union-attr] # told above
    assert "".join(part.text or "" for part in parts if not part.thought) == TEXT
    assert "".join(part.text or "" for part in parts if part.thought) == f"So: {TEXT}"
    assert parts[-1].thought_signature
    assert chunks[-1].usage_metadata is not None
    assert chunks[-1].usage_metadata.total_token_count == 15
    assert {chunk.response_id for chunk in chunks} == {NEW_ID}
    finishes = [chunk.candidates[0].finish_reason for chunk in chunks]  # type: ignore[index] # told above
    assert finishes == [None] * (len(chunks) - 1) + [types.FinishReason.STOP]
    assert len(chunks) > 8


def test_gemini_content_is_whole(models: genai.Client, scripted: ScriptedUpstream) -> None:
    scripted.replies(answering(retelling.told("gemini.generate", retelling.gemini(TEXT), stream=False)))
    done = models.models.generate_content(model="m", contents="Say hello")
    assert (done.text, done.response_id) == (TEXT, NEW_ID)
