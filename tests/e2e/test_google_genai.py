"""google-genai with only its base URL and key changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google import genai
from google.genai import errors, types

from tests.e2e import answers
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import streamed, whole

MODEL = "gemini-2.5-flash"


def client_of(proxy: RunningProxy, key: str) -> genai.Client:
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=proxy.base_url))


@pytest.fixture
def client(proxy: RunningProxy) -> Iterator[genai.Client]:
    with client_of(proxy, proxy.key) as made:
        yield made


def test_content_is_generated_and_leaves_a_row(
    client: genai.Client, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(answers.GEMINI))
    assert client.models.generate_content(model=MODEL, contents="Say hello").text == "Hello there"
    row = proxy.wait_rows(dialect="gemini")[-1]
    assert (row.usage.input, row.usage.output, row.model) == (12, 3, MODEL)
    assert scripted.seen[-1].header("x-goog-api-key") == "provider-secret"


def test_a_stream_comes_piece_by_piece_with_its_last_usage(
    client: genai.Client, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(streamed(answers.gemini_stream()))
    pieces = [chunk.text for chunk in client.models.generate_content_stream(model=MODEL, contents="Say hello")]
    assert pieces == ["Hello", " there"]
    assert scripted.seen[-1].target.endswith(":streamGenerateContent?alt=sse")
    row = proxy.wait_rows(dialect="gemini", stream=True)[-1]
    assert (row.usage.input, row.usage.output) == (12, 3)


async def test_the_async_client_works_too(client: genai.Client, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(answers.GEMINI))
    answer = await client.aio.models.generate_content(model=MODEL, contents="Say hello")
    await client.aio.aclose()
    assert answer.text == "Hello there"


def test_tokens_are_counted_for_nothing(client: genai.Client, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole({"totalTokens": 12}))
    assert client.models.count_tokens(model=MODEL, contents="Say hello").total_tokens == 12


def test_a_bad_key_is_a_client_error_in_google_s_form(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    with client_of(proxy, "tg_wrong") as stranger, pytest.raises(errors.ClientError) as caught:
        stranger.models.generate_content(model=MODEL, contents="Say hello")
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")
    assert scripted.seen == []
