"""Requests of InvokeModel: each vendor's members."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from proxy.dialects.bedrock import Bedrock
from proxy.dialects.bedrock_tap import InvokeTap
from proxy.domain.ask import Ask
from proxy.domain.upstream import Upstream

Json = dict[str, Any]
DIALECT = Bedrock()
UPSTREAM = Upstream("aws", "bedrock", "https://bedrock-runtime.us-east-1.amazonaws.com")
NOVA = "us.amazon.nova-micro-v1:0"
CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OWN = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
SMALL: Json = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}]}
PROMPT: Json = {"anthropic_version": "bedrock-2023-05-31", "messages": [{"role": "user", "content": "Hello"}]}


def understood(members: Json, model: str) -> Ask:
    match = DIALECT.match("POST", f"/model/{quote(model, safe='')}/invoke")
    assert match is not None
    return DIALECT.understand(match, json.dumps(members).encode(), "", {})


@pytest.mark.parametrize(
    ("model", "body", "ceiling", "text"),
    [
        (CLAUDE, PROMPT | {"max_tokens": 9}, 9, ("Hello",)),
        (OWN, PROMPT | {"max_tokens": 9}, 9, ("Hello",)),
        (NOVA, SMALL | {"inferenceConfig": {"maxTokens": 9}}, 9, ("Hello",)),
        (OWN, SMALL | {"inferenceConfig": {"max_new_tokens": 9}}, 9, ("Hello",)),
        ("amazon.titan-text-express-v1", {"inputText": "Hello", "textGenerationConfig": {"maxTokenCount": 9}}, 9, ("Hello",)),
        ("us.meta.llama3-3-70b-instruct-v1:0", {"prompt": "Hello", "max_gen_len": 9}, 9, ("Hello",)),
        ("mistral.mistral-7b-instruct-v0:2", {"prompt": "Hello", "max_tokens": 9}, 9, ("Hello",)),
        ("cohere.command-r-v1:0", {"message": "Hello", "max_tokens": 9}, 9, ("Hello",)),
        ("ai21.jamba-1-5-mini-v1:0", {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 9}, 9, ("user", "Hello")),
        ("openai.gpt-oss-20b-1:0", {"prompt": "Hello", "max_completion_tokens": 9, "max_tokens": 8}, 9, ("Hello",)),
        ("us.meta.llama3-3-70b-instruct-v1:0", {"prompt": "Hello", "max_tokens": 9}, None, ("Hello",)),
    ],
)  # fmt: skip
def test_every_vendor_has_its_own_ceiling_and_prompt(
    model: str, body: Json, ceiling: int | None, text: tuple[str, ...]
) -> None:
    ask = understood(body, model)
    assert (ask.max_output, ask.features.texts) == (ceiling, text)
    assert ask.endpoint.clamps


@pytest.mark.parametrize(
    ("model", "body", "clamped"),
    [
        (CLAUDE, PROMPT, {"max_tokens": 5}),
        (NOVA, SMALL, {"inferenceConfig": {"maxTokens": 5}}),
        (NOVA, SMALL | {"inferenceConfig": {"topP": 1}}, {"inferenceConfig": {"topP": 1, "maxTokens": 5}}),
        ("amazon.titan-text-lite-v1", {"inputText": "a"}, {"textGenerationConfig": {"maxTokenCount": 5}}),
        ("meta.llama3-8b-instruct-v1:0", {"prompt": "a"}, {"max_gen_len": 5}),
        ("cohere.command-r-v1:0", {"message": "a"}, {"max_tokens": 5}),
    ],
)
def test_a_ceiling_is_written_where_each_vendor_reads_it(model: str, body: Json, clamped: Json) -> None:
    ask = understood(body, model)
    sent = DIALECT.outgoing(ask, UPSTREAM, model, max_output=5)
    assert json.loads(sent.body) == body | clamped
    assert sent.edits == tuple(clamped)


def test_a_model_of_nobody_known_takes_no_ceiling() -> None:
    ask = understood({"prompt": "a", "max_tokens": 3}, OWN)
    assert (ask.endpoint.clamps, ask.max_output) == (False, None)


@pytest.mark.parametrize(
    ("model", "body", "api"),
    [
        ("amazon.titan-embed-text-v2:0", {"inputText": "a"}, "bedrock.embed"),
        ("cohere.embed-english-v3", {"texts": ["a"], "input_type": "search_document"}, "bedrock.embed"),
        (OWN, {"texts": ["a"], "input_type": "search_document"}, "bedrock.embed"),
        ("amazon.nova-canvas-v1:0", {"taskType": "TEXT_IMAGE", "imageGenerationConfig": {"numberOfImages": 3}}, "bedrock.image"),
        ("stability.stable-image-ultra-v1:1", {"prompt": "a cat"}, "bedrock.image"),
    ],
)  # fmt: skip
def test_what_writes_no_text_is_told_from_what_does(model: str, body: Json, api: str) -> None:
    ask = understood(body, model)
    assert (ask.endpoint.api, ask.endpoint.generates, ask.max_output) == (api, False, None)
    assert ask.choices == (3 if "canvas" in model else 1)
    assert isinstance(DIALECT.tap(ask), InvokeTap)


def test_files_in_any_vendor_s_body_are_sizes_and_no_text() -> None:
    picture = "QUJD" * 1000
    body = {
        "prompt": "What is this?",
        "images": [picture],
        "extra": {"image_url": {"url": f"data:image/png;base64,{picture}"}, "data": picture},
        "text": "data: is the plural of datum " * 100,
    }
    features = understood(body, "us.meta.llama3-2-11b-instruct-v1:0").features
    assert (features.images, features.media_bytes) == (2, 3000)
    assert [text[:4] for text in features.texts] == ["What", "data"]
