"""google-genai and Anthropic's SDK in their Vertex modes, with only base URL and credential changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic import AnthropicVertex
from google import genai
from google.genai import errors, types
from google.oauth2.credentials import Credentials

from tests.e2e import answers
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import streamed, whole

GEMINI = "gemini-2.5-flash"
CLAUDE = "claude-sonnet-4-5@20250929"
OURS = "/v1/projects/ours/locations/europe-west1"


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """A proxy whose access token lies in a file, as whoever renews it leaves it there."""
    home = tmp_path_factory.mktemp("home")
    (home / "token").write_text("ya29.first")
    (home / "token").chmod(0o600)
    upstream = (
        f'{{ dialect: vertex, base_url: "{scripted.base_url}{OURS}", key: "file:{home / "token"}", models: ["*"], '
        f'prices: [{{ match: "text-*", per_character: 0.0000001 }}, {{ input: 1, output: 2 }}] }}'
    )
    with RunningProxy(home, {"vertex": upstream}) as running:
        yield running


def client_of(proxy: RunningProxy, key: str) -> genai.Client:
    options = types.HttpOptions(base_url=proxy.base_url)
    token = Credentials(token=key)  # type: ignore[no-untyped-call] # google-auth has no types
    return genai.Client(vertexai=True, project="theirs", location="us-east5", credentials=token, http_options=options)


@pytest.fixture
def client(proxy: RunningProxy) -> Iterator[genai.Client]:
    with client_of(proxy, proxy.key) as made:
        yield made


def test_gemini_s_content_is_asked_for_in_our_project(
    client: genai.Client, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(answers.GEMINI))
    assert client.models.generate_content(model=GEMINI, contents="Say hello").text == "Hello there"
    seen = scripted.seen[-1]
    assert seen.target == f"{OURS}/publishers/google/models/{GEMINI}:generateContent"
    assert seen.header("authorization") == "Bearer ya29.first"
    row = proxy.wait_rows(dialect="vertex", stream=False)[-1]
    assert (row.usage.input, row.usage.output, row.model, row.cost_nusd) == (12, 3, GEMINI, 18_000)
    assert row.endpoint == "/v1beta1/projects/{project}/locations/{location}/publishers/google/models/{model}:generateContent"  # fmt: skip


def test_gemini_s_stream_comes_piece_by_piece(
    client: genai.Client, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(streamed(answers.gemini_stream()))
    pieces = [chunk.text for chunk in client.models.generate_content_stream(model=GEMINI, contents="Say hello")]
    assert pieces == ["Hello", " there"]
    row = proxy.wait_rows(dialect="vertex", stream=True)[-1]
    assert (row.usage.input, row.usage.output) == (12, 3)


def test_tokens_are_counted_for_nothing(client: genai.Client, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole({"totalTokens": 12}))
    assert client.models.count_tokens(model=GEMINI, contents="Say hello").total_tokens == 12


def test_embeddings_are_billed_by_the_character(
    client: genai.Client, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    vector = {"embeddings": {"statistics": {"token_count": 3, "truncated": False}, "values": [0.5]}}
    scripted.replies(whole({"predictions": [vector], "metadata": {"billableCharacterCount": 9}}))
    made = client.models.embed_content(model="text-embedding-005", contents="Say hello")
    assert made.embeddings is not None
    assert made.embeddings[0].values == [0.5]
    row = proxy.wait_rows(model="text-embedding-005")[-1]
    assert (row.usage.input, row.usage.characters, row.usage.output, row.cost_nusd) == (3, 9, 0, 900)


def test_a_bad_key_is_a_client_error_in_google_s_form(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    with client_of(proxy, "tg_wrong") as stranger, pytest.raises(errors.ClientError) as caught:
        stranger.models.generate_content(model=GEMINI, contents="Say hello")
    assert (caught.value.code, caught.value.status) == (401, "UNAUTHENTICATED")
    assert scripted.seen == []


def test_claude_is_asked_for_in_our_project_whole_and_streamed(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(
        whole(answers.ANTHROPIC_MESSAGE), streamed(answers.anthropic_stream()), whole({"input_tokens": 12})
    )
    asked: Any = {"model": CLAUDE, "messages": [{"role": "user", "content": "Say hello"}]}
    url = f"{proxy.base_url}/p/crm@PAY-12/v1"
    with AnthropicVertex(region="us-east5", project_id="theirs", access_token=proxy.key, base_url=url) as client:
        message = client.messages.create(max_tokens=9, **asked)
        with client.messages.stream(max_tokens=9, **asked) as stream:
            text = stream.get_final_text()
        counted = client.messages.count_tokens(**asked)
    assert (message.usage.output_tokens, text, counted.input_tokens) == (3, "Hello there", 12)
    models = f"{OURS}/publishers/anthropic/models"
    assert [one.target for one in scripted.seen] == [
        f"{models}/{CLAUDE.replace('@', '%40')}:rawPredict",
        f"{models}/{CLAUDE.replace('@', '%40')}:streamRawPredict",
        f"{models}/count-tokens:rawPredict",
    ]
    first, second, free = proxy.wait_rows(3, dialect="vertex_anthropic")
    assert [(row.usage.input, row.usage.output, row.ref) for row in (first, second)] == [(12, 3, "PAY-12")] * 2
    assert (free.cost_nusd, free.model) == (0, CLAUDE)


def test_a_renewed_token_is_used_without_a_restart(
    client: genai.Client, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    (proxy.home / "token").write_text("ya29.second")
    scripted.replies(whole(answers.GEMINI), always=True)
    end = time.monotonic() + 20
    while not scripted.seen or scripted.seen[-1].header("authorization") != "Bearer ya29.second":
        assert time.monotonic() < end, "the token was not renewed"
        client.models.generate_content(model=GEMINI, contents="Say hello")
        time.sleep(0.1)
