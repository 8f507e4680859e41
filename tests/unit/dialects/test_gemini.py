"""Requests and errors in Gemini's format."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from google import genai
from google.genai import errors as google
from google.genai import types

from proxy.dialects.gemini import Gemini
from proxy.domain import errors
from proxy.domain.ask import Ask
from proxy.domain.upstream import Secret, Upstream
from tests.support.canned import client

DIALECT = Gemini()
UPSTREAM = Upstream("gemini", "gemini", "https://generativelanguage.googleapis.com", key=Secret("goog"))
PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
SMALL: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}


def understood(members: dict[str, Any] | str, path: str = PATH, query: str = "") -> Ask:
    match = DIALECT.match("POST", path)
    assert match is not None
    body = members if isinstance(members, str) else json.dumps(members)
    return match.dialect.understand(match, body.encode(), query, {})


@pytest.mark.parametrize(
    ("path", "api", "stream", "metered"),
    [
        (PATH, "gemini.generate", False, True),
        ("/v1/models/gemini-2.5-flash:generateContent", "gemini.generate", False, True),
        ("/v1beta/models/gemini-2.5-flash:streamGenerateContent", "gemini.generate", True, True),
        ("/v1beta/models/gemini-2.5-flash:countTokens", "gemini.generate", False, False),
        ("/v1beta/models/gemini-2.5-flash:embedContent", "gemini.embed", False, True),
        ("/v1beta/models/gemini-2.5-flash:batchEmbedContents", "gemini.embed", False, True),
    ],
)
def test_the_path_names_model_and_operation(path: str, api: str, stream: bool, metered: bool) -> None:  # noqa: FBT001 - parameters
    ask = understood(SMALL, path)
    assert (ask.endpoint.api, ask.model, ask.stream) == (api, "gemini-2.5-flash", stream)
    assert ask.endpoint.metered == metered
    assert DIALECT.outgoing(ask, UPSTREAM, "other").target == path.replace("gemini-2.5-flash", "other")


def test_models_are_listed_and_shown() -> None:
    listing = DIALECT.match("GET", "/v1beta/models")
    one = DIALECT.match("GET", "/v1beta/models/gemini-2.5-flash")
    assert listing is not None
    assert one is not None
    assert (listing.model, one.model) == (None, "gemini-2.5-flash")
    ask = DIALECT.understand(one, b"", "key=secret&pageSize=3", {})
    assert DIALECT.outgoing(ask, UPSTREAM, ask.model).target == "/v1beta/models/gemini-2.5-flash?pageSize=3"
    assert not listing.endpoint.metered


@pytest.mark.parametrize(
    "path", ["/v1beta/models/m:deleteModel", "/v1beta/files", "/v1beta/models/m", "/v1beta/models:generateContent"]
)
def test_other_operations_are_not_ours(path: str) -> None:
    assert DIALECT.match("POST", path) is None


@pytest.mark.parametrize("name", ["..%2f..%2fx", "%2e%2e", "a%3fkey", "a%20b", "%0d%0a"])
def test_a_model_cannot_leave_its_segment(name: str) -> None:
    with pytest.raises(errors.BadRequest):
        understood(SMALL, f"/v1beta/models/{name}:generateContent")


def test_a_key_in_the_query_never_goes_on() -> None:
    stream = "/v1beta/models/gemini-2.5-flash:streamGenerateContent"
    ask = understood(SMALL, stream, "key=secret&alt=sse&%6bey=secret&access_token=secret")
    assert ask.query == "alt=sse"
    assert DIALECT.outgoing(ask, UPSTREAM, ask.model).target == f"{stream}?alt=sse"


@pytest.mark.parametrize("snake", [False, True])
def test_a_request_is_understood_in_both_spellings(snake: bool) -> None:  # noqa: FBT001 - parameter
    members = {
        "systemInstruction": {"parts": [{"text": "S"}]},
        "contents": [
            {"parts": [{"text": "one"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
            {"parts": [{"functionCall": {"name": "look", "args": {"at": "two"}}}]},
            {"parts": [{"functionResponse": {"name": "look", "response": {"seen": "three"}}}]},
            {
                "parts": [
                    {"inlineData": {"mimeType": "audio/wav", "data": "A" * 400}},
                    {"executableCode": {"code": "4"}},
                ]
            },
            {"parts": [{"fileData": {"mimeType": "image/png", "fileUri": "gs://x"}}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "look"}]}, {"googleSearch": {}}],
        "generationConfig": {"maxOutputTokens": 50, "candidateCount": 2, "responseSchema": {"type": "STRING"}},
        "serviceTier": "flex",
    }
    text = json.dumps(members)
    if snake:
        for name in ("systemInstruction", "inlineData", "mimeType", "functionCall", "functionResponse", "fileData"):
            text = text.replace(name, "".join(f"_{c.lower()}" if c.isupper() else c for c in name))
        for name in ("functionDeclarations", "generationConfig", "maxOutputTokens", "candidateCount", "responseSchema"):
            text = text.replace(name, "".join(f"_{c.lower()}" if c.isupper() else c for c in name))
        text = text.replace("serviceTier", "service_tier").replace("executableCode", "executable_code")
    ask = understood(text)
    assert ask.features.texts == ("S", "one", '{"at":"two"}', '{"seen":"three"}', "4")
    assert (ask.features.messages, ask.features.images, ask.features.media_bytes) == (5, 2, 300)
    assert ask.features.tools_bytes > 0
    assert (ask.max_output, ask.choices, ask.service_tier) == (50, 2, "flex")
    assert ask.tools == ("look", "googleSearch")


@pytest.mark.parametrize(
    "members",
    [
        {"generationConfig": {"maxOutputTokens": "50"}},
        {"generationConfig": {"maxOutputTokens": 5, "max_output_tokens": 500}},
        {"generationConfig": {}, "generation_config": {}},
        {"generationConfig": []},
        {"model": "models/another"},
        {"requests": [{"model": "models/another"}]},
    ],
)
def test_a_request_that_could_be_read_twice_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(errors.BadRequest):
        understood(SMALL | members)


def test_nothing_to_edit_forwards_the_same_bytes() -> None:
    ask = understood(SMALL | {"generationConfig": {"maxOutputTokens": 50}})
    sent = DIALECT.outgoing(ask, UPSTREAM, ask.model, max_output=50)
    assert sent.body is ask.body
    assert (sent.target, sent.edits) == (PATH, ())


@pytest.mark.parametrize(
    ("config", "written"),
    [
        ("", ',"generationConfig":{"maxOutputTokens":9}'),
        (',"generationConfig":null', ',"generationConfig":{"maxOutputTokens":9}'),
        (',"generationConfig": { "topK" : 1 }', ',"generationConfig": { "topK" : 1 ,"maxOutputTokens":9}'),
        (',"generation_config":{"max_output_tokens":99}', ',"generation_config":{"max_output_tokens":9}'),
    ],
)
def test_a_ceiling_is_written_where_the_caller_writes_it(config: str, written: str) -> None:
    sent = DIALECT.outgoing(understood(f'{{"contents":[] {config}}}'), UPSTREAM, "gemini-2.5-flash", max_output=9)
    assert sent.body == f'{{"contents":[] {written}}}'.encode()
    assert sent.edits == ("generationConfig",)


def test_a_new_name_of_the_model_reaches_path_and_batch() -> None:
    path = "/v1beta/models/short:batchEmbedContents"
    ask = understood('{"requests":[{"model":"models/short", "content":{}},{"content":{}}]}', path)
    sent = DIALECT.outgoing(ask, UPSTREAM, "long", max_output=9)
    assert sent.target == "/v1beta/models/long:batchEmbedContents"
    assert sent.body == b'{"requests":[{"model":"models/long", "content":{}},{"content":{}}]}'


def test_an_embedding_has_no_ceiling() -> None:
    ask = understood({"content": {"parts": [{"text": "a"}]}}, "/v1beta/models/e:embedContent")
    assert DIALECT.outgoing(ask, UPSTREAM, "e", max_output=9).body is ask.body
    assert ask.features.texts == ("a",)


def test_the_key_goes_into_google_s_header() -> None:
    assert DIALECT.credential(UPSTREAM) == (b"x-goog-api-key", b"goog")
    gateway = Upstream("g", "gemini", "https://g", key=Secret("token"), auth_header="authorization")
    assert DIALECT.credential(gateway) == (b"authorization", b"Bearer token")


@contextmanager
def sdk(status: int, content: bytes, content_type: str = "application/json") -> Iterator[genai.Client]:
    """google-genai before an answer of ours."""
    with client(status, content, content_type) as wire:
        options = types.HttpOptions(httpx_client=wire, retry_options=types.HttpRetryOptions(attempts=1))
        yield genai.Client(api_key="k", http_options=options)


@pytest.mark.parametrize(
    ("error", "expected", "status"),
    [
        (errors.BadRequest("x"), google.ClientError, "INVALID_ARGUMENT"),
        (errors.Unauthenticated("x"), google.ClientError, "UNAUTHENTICATED"),
        (errors.Forbidden("x"), google.ClientError, "PERMISSION_DENIED"),
        (errors.NotFound("x"), google.ClientError, "NOT_FOUND"),
        (errors.TooLarge("x"), google.ClientError, "INVALID_ARGUMENT"),
        (errors.Throttled("x", retry_after_s=1.5), google.ClientError, "RESOURCE_EXHAUSTED"),
        (errors.QuotaSpent("x"), google.ClientError, "RESOURCE_EXHAUSTED"),
        (errors.UpstreamFailed("x"), google.ServerError, "UNAVAILABLE"),
        (errors.UpstreamTimedOut("x"), google.ServerError, "DEADLINE_EXCEEDED"),
        (errors.Unavailable("x"), google.ServerError, "UNAVAILABLE"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_sdk_raises_the_right_error(error: errors.CallError, expected: type[google.APIError], status: str) -> None:
    with sdk(error.status, DIALECT.error_body(error, "r-1")) as made, pytest.raises(expected) as caught:
        made.models.generate_content(model="m", contents="x")
    assert (caught.value.code, caught.value.status, caught.value.message) == (error.status, status, "x")


def test_a_broken_stream_raises_in_the_sdk() -> None:
    first = b'data: {"candidates":[{"content":{"parts":[{"text":"a"}]}}]}\r\n\r\n'
    event = DIALECT.error_event(errors.UpstreamFailed("gone"), "r-1")
    with sdk(200, first + event, "text/event-stream") as made, pytest.raises(google.ServerError) as caught:
        list(made.models.generate_content_stream(model="m", contents="x"))
    assert (caught.value.code, caught.value.status) == (502, "UNAVAILABLE")


def test_a_broken_array_raises_in_the_sdk_and_is_not_closed() -> None:
    match = DIALECT.match("POST", "/v1beta/models/m:streamGenerateContent")
    assert match is not None
    ask = DIALECT.understand(match, b"{}", "", {})
    event = DIALECT.error_event(errors.UpstreamFailed("gone"), "r-1", ask)
    assert json.loads(b"[{}" + event + b"]")[1]["error"]["status"] == "UNAVAILABLE"
    first = b'[{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}\n'
    with sdk(200, first + event, "application/json") as made, pytest.raises((google.APIError, ValueError)):
        list(made.models.generate_content_stream(model="m", contents="x"))
    events = DIALECT.understand(match, b"{}", "alt=sse", {})
    assert DIALECT.error_event(errors.UpstreamFailed("gone"), "r-1", events).startswith(b"data: ")


def test_a_refusal_tells_its_rule_and_when_to_come_back() -> None:
    note = errors.PolicyNote("config/budget", "d_1", used="$3")
    told = json.loads(DIALECT.error_body(errors.Throttled("x", retry_after_s=1.5, policy=note), "r-1"))
    assert told["policy"] == {"rule": "config/budget", "decision": "d_1", "used": "$3"}
    assert {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.500s"} in told["error"]["details"]
