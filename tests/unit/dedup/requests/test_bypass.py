"""Requests that make or read state, that look things up, or that are not text: left alone in every format."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dedup.eligible import ineligible
from proxy.dedup.requests.base import LARGEST_PICTURE
from tests.support.sent import a_body, a_request, the_terms

CHAT, RESPONSES, MESSAGES, GEMINI = "openai.chat", "openai.responses", "anthropic.messages", "gemini.generate"
PICTURE = "data:image/png;base64,aGk="


def reason(api: str, **members: Any) -> str:
    """Why the usual request with these members is left alone."""
    return ineligible(a_request(api, a_body(api) | members), the_terms())


def said(api: str, content: Any) -> str:
    """Why a request whose user says this is left alone."""
    if api == RESPONSES:
        return reason(api, input=[{"role": "user", "content": content}])
    if api == GEMINI:
        return reason(api, contents=[{"role": "user", "parts": content}])
    return reason(api, messages=[{"role": "user", "content": content}])


@pytest.mark.parametrize(
    ("api", "members"),
    [
        (CHAT, {"store": True}),
        (CHAT, {"deferred": True}),
        (CHAT, {"messages": [{"role": "assistant", "audio": {"id": "a_1"}}, {"role": "user", "content": "go on"}]}),
        (RESPONSES, {"store": True}),
        (RESPONSES, {"previous_response_id": "resp_1"}),
        (RESPONSES, {"conversation": "conv_1"}),
        (RESPONSES, {"background": True}),
        (RESPONSES, {"prompt": {"id": "pmpt_1"}}),
        (RESPONSES, {"input": [{"type": "item_reference", "id": "msg_1"}]}),
        (RESPONSES, {"input": [{"type": "web_search_call", "id": "ws_1"}]}),
        (MESSAGES, {"container": "c_1"}),
        (GEMINI, {"cachedContent": "cachedContents/1"}),
        (GEMINI, {"cached_content": "cachedContents/1"}),
        (GEMINI, {"cachedContent": "cachedContents/1", "cached_content": None}),
        (GEMINI, {"store": True}),
    ],
)
def test_state_at_the_provider_is_left_alone(api: str, members: dict[str, Any]) -> None:
    assert reason(api, **members) == "stateful"


@pytest.mark.parametrize(
    ("api", "members"),
    [
        (CHAT, {"store": False}),
        (CHAT, {"store": None}),
        (RESPONSES, {"store": False}),
        (RESPONSES, {"background": False}),
        (RESPONSES, {"previous_response_id": None}),
        (MESSAGES, {"container": None}),
    ],
)
def test_state_that_is_switched_off_is_none(api: str, members: dict[str, Any]) -> None:
    assert reason(api, **members) == ""


@pytest.mark.parametrize(
    ("api", "members"),
    [
        (CHAT, {"web_search_options": {}}),
        (CHAT, {"search_parameters": {"mode": "auto"}}),
        (CHAT, {"enable_search": True}),
        (CHAT, {"plugins": [{"id": "web"}]}),
        (CHAT, {"data_sources": [{"type": "azure_search"}]}),
        (CHAT, {"tools": [{"type": "builtin_function", "function": {"name": "$web_search"}}]}),
        (CHAT, {"tools": [{"type": "mcp"}]}),
        (CHAT, {"tools": "all"}),
        (CHAT, {"model": "gpt-4o-search-preview"}),
        (CHAT, {"model": "openai/gpt-5.1:online"}),
        (CHAT, {"model": "perplexity/sonar-pro"}),
        (CHAT, {"model": "groq/compound"}),
        (RESPONSES, {"tools": [{"type": "web_search_preview"}]}),
        (RESPONSES, {"tools": [{"type": "function", "name": "f"}, {"type": "file_search"}]}),
        (RESPONSES, {"tools": [{"type": "code_interpreter"}]}),
        (RESPONSES, {"tools": [{"type": "mcp"}]}),
        (RESPONSES, {"tools": [{"type": "image_generation"}]}),
        (RESPONSES, {"tools": [None]}),
        (RESPONSES, {"model": "o3-deep-research"}),
        (MESSAGES, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        (MESSAGES, {"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]}),
        (MESSAGES, {"tools": [{"type": 7}]}),
        (MESSAGES, {"mcp_servers": [{"type": "url", "url": "https://x.example"}]}),
        (GEMINI, {"tools": [{"googleSearch": {}}]}),
        (GEMINI, {"tools": {"code_execution": {}}}),
        (GEMINI, {"tools": [{"functionDeclarations": [], "urlContext": {}}]}),
    ],
)
def test_what_the_provider_looks_up_or_runs_is_left_alone(api: str, members: dict[str, Any]) -> None:
    assert reason(api, **members) == "server-tools"


@pytest.mark.parametrize(
    ("api", "tool"),
    [
        (CHAT, {"type": "function", "function": {"name": "web_search"}}),
        (CHAT, {"type": "custom", "custom": {"name": "f"}}),
        (RESPONSES, {"type": "function", "name": "f"}),
        (RESPONSES, {"type": "apply_patch"}),
        (MESSAGES, {"name": "f", "input_schema": {}}),
        (MESSAGES, {"type": "custom", "name": "f", "input_schema": {}}),
        (MESSAGES, {"type": "bash_20250124", "name": "bash"}),
        (GEMINI, {"functionDeclarations": [{"name": "f"}]}),
        (GEMINI, {"function_declarations": [{"name": "f"}]}),
    ],
)
def test_tools_that_the_caller_runs_are_no_obstacle(api: str, tool: dict[str, Any]) -> None:
    assert reason(api, tools=[tool]) == ""


@pytest.mark.parametrize(
    ("api", "members"),
    [
        (CHAT, {"n": 2}),
        (CHAT, {"n": 0}),
        (CHAT, {"n": "1"}),
        (CHAT, {"n": True}),
        (CHAT, {"best_of": 3}),
        (GEMINI, {"generationConfig": {"candidateCount": 2}}),
        (GEMINI, {"generation_config": {"candidate_count": 2}}),
        (GEMINI, {"generationConfig": {"candidateCount": 1, "candidate_count": 2}}),
    ],
)
def test_several_answers_are_left_alone(api: str, members: dict[str, Any]) -> None:
    assert reason(api, **members) == "choices"


@pytest.mark.parametrize(
    ("api", "members"),
    [
        (CHAT, {"logprobs": True}),
        (CHAT, {"logprobs": True, "top_logprobs": 2}),
        (CHAT, {"prompt_logprobs": 1}),
        (RESPONSES, {"top_logprobs": 2}),
        (RESPONSES, {"include": ["message.output_text.logprobs"]}),
        (GEMINI, {"generationConfig": {"responseLogprobs": True}}),
        (GEMINI, {"generationConfig": {"logprobs": 3}}),
    ],
)
def test_log_probabilities_are_left_alone(api: str, members: dict[str, Any]) -> None:
    assert reason(api, **members) == "logprobs"


@pytest.mark.parametrize(
    ("api", "members"),
    [
        (CHAT, {"modalities": ["text", "audio"]}),
        (CHAT, {"audio": {"voice": "alloy"}}),
        (GEMINI, {"generationConfig": {"responseModalities": ["TEXT", "IMAGE"]}}),
        (GEMINI, {"generationConfig": {"response_modalities": ["AUDIO"]}}),
        (GEMINI, {"generationConfig": {"speechConfig": {}}}),
    ],
)
def test_answers_that_are_no_text_are_left_alone(api: str, members: dict[str, Any]) -> None:
    assert reason(api, **members) == "media-out"


@pytest.mark.parametrize(
    ("api", "part"),
    [
        (CHAT, {"type": "image_url", "image_url": {"url": "https://x.example/cat.png"}}),
        (CHAT, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * LARGEST_PICTURE}}),
        (CHAT, {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}),
        (CHAT, {"type": "file", "file": {"file_id": "file_1"}}),
        (CHAT, {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,aGk="}}),
        (RESPONSES, {"type": "input_image", "file_id": "file_1"}),
        (RESPONSES, {"type": "input_image", "image_url": PICTURE, "file_id": "file_1"}),
        (RESPONSES, {"type": "input_image", "image_url": "https://x.example/cat.png"}),
        (RESPONSES, {"type": "input_file", "file_data": "aGk="}),
        (MESSAGES, {"type": "image", "source": {"type": "url", "url": "https://x.example/cat.png"}}),
        (MESSAGES, {"type": "image", "source": {"type": "file", "file_id": "file_1"}}),
        (MESSAGES, {"type": "document", "source": {"type": "base64", "data": "aGk="}}),
        (MESSAGES, {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "document"}]}),
        (GEMINI, {"fileData": {"fileUri": "gs://x/y"}}),
        (GEMINI, {"inlineData": {"mimeType": "audio/wav", "data": "aGk="}}),
        (GEMINI, {"text": "see", "file_data": {"file_uri": "gs://x/y"}}),
        (GEMINI, {"executableCode": {"code": "1"}}),
    ],
)
def test_files_sound_and_pictures_that_are_only_linked_are_left_alone(api: str, part: dict[str, Any]) -> None:
    assert said(api, [part]) == "media-in"


@pytest.mark.parametrize(
    ("api", "part"),
    [
        (CHAT, {"type": "image_url", "image_url": {"url": PICTURE}}),
        (RESPONSES, {"type": "input_image", "image_url": PICTURE}),
        (MESSAGES, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}),
        (GEMINI, {"inlineData": {"mimeType": "image/png", "data": "aGk="}}),
        (GEMINI, {"inline_data": {"mime_type": "image/png", "data": "aGk="}}),
    ],
)
def test_a_picture_that_comes_with_the_request_is_no_obstacle(api: str, part: dict[str, Any]) -> None:
    assert said(api, [part]) == ""


@pytest.mark.parametrize(
    ("api", "members"),
    [
        (CHAT, {"messages": None}),
        (CHAT, {"messages": ["hello"]}),
        (CHAT, {"messages": [{"role": "user", "content": {"type": "text"}}]}),
        (CHAT, {"messages": [{"role": "user", "content": ["hello"]}]}),
        (RESPONSES, {"input": None}),
        (RESPONSES, {"input": ["hello"]}),
        (MESSAGES, {"messages": {}}),
        (MESSAGES, {"messages": ["hello"]}),
        (MESSAGES, {"system": {"type": "text"}}),
        (GEMINI, {"generationConfig": []}),
    ],
)
def test_what_is_not_understood_is_left_alone(api: str, members: dict[str, Any]) -> None:
    assert reason(api, **members) == "unknown"
