"""openai-python's audio with only its base URL and key changed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from proxy.domain.row import Row
from tests.support.forms import Part, form, mp3, wav
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import failing, streamed, whole
from tests.support.uploading import Taker

NODE = Path(__file__).with_name("node")

OPENAI = '{{ dialect: openai, base_url: "{url}/v1", key: env:SCRIPTED_KEY, models: ["*"], prices_from: openai }}'
AZURE = (
    '{{ dialect: openai, base_url: "{url}", key: env:SCRIPTED_KEY, auth_header: api-key, '
    'query: {{ api-version: "2025-04-01-preview" }}, models: [hearing], prices: {{ per_second: 0.0001 }} }}'
)
DURATION: dict[str, Any] = {"text": "Hello there", "usage": {"type": "duration", "seconds": 37}}
TOKENS: dict[str, Any] = {
    "text": "Hello there",
    "usage": {"type": "tokens", "input_tokens": 100, "output_tokens": 10, "total_tokens": 110,
              "input_token_details": {"text_tokens": 0, "audio_tokens": 100}},
}  # fmt: skip


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """A proxy with OpenAI's own prices, and one deployment at Azure."""
    url = scripted.base_url
    upstreams = {"azure": AZURE.format(url=url), "openai": OPENAI.format(url=url)}
    with RunningProxy(tmp_path_factory.mktemp("home"), upstreams, env={"SCRIPTED_KEY": "provider-secret"}) as running:
        yield running


@pytest.fixture
def taker() -> Iterator[Taker]:
    """An upstream that takes bodies of unknown length, too."""
    with Taker() as made:
        yield made


@pytest.fixture
def client(proxy: RunningProxy) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=proxy.base_url + "/v1", api_key=proxy.key, max_retries=0) as made:
        yield made


def row_of(proxy: RunningProxy, headers: Any) -> Row:
    return proxy.wait_rows(request_id=headers["x-request-id"])[-1]


def test_a_transcription_comes_back_with_what_it_cost(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(DURATION), whole(TOKENS))
    raw = client.audio.transcriptions.with_raw_response.create(model="whisper-1", file=("speech.wav", wav(1)))
    assert raw.parse().text == "Hello there"
    assert raw.headers["x-tally-cost-usd"] == "0.003700"
    sent = scripted.seen[-1]
    assert sent.header("authorization") == "Bearer provider-secret"
    assert wav(1) in sent.body
    row = row_of(proxy, raw.headers)
    assert (row.usage.seconds, row.cost_nusd, row.model, row.endpoint) == (37, 3_700_000, "whisper-1", "/v1/audio/transcriptions")  # fmt: skip
    raw = client.audio.transcriptions.with_raw_response.create(model="gpt-4o-transcribe", file=io.BytesIO(wav(1)))
    row = row_of(proxy, raw.headers)
    assert (row.usage.input, row.usage.output, row.cost_nusd) == (100, 10, 100 * 6_000 + 10 * 10_000)


def test_a_file_from_disk_of_many_megabytes_arrives_as_it_was(
    client: openai.OpenAI, scripted: ScriptedUpstream, tmp_path: Path
) -> None:
    scripted.replies(whole(DURATION))
    path = tmp_path / "speech.mp3"
    path.write_bytes(mp3(60_000))
    with path.open("rb") as file:
        assert client.audio.transcriptions.create(model="whisper-1", file=file).text == "Hello there"
    assert path.read_bytes() in scripted.seen[-1].body


def test_a_streamed_transcription_comes_in_events(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    events = [
        {"type": "transcript.text.delta", "delta": "Hello"},
        {"type": "transcript.text.delta", "delta": " there"},
        {"type": "transcript.text.done", **TOKENS},
    ]
    scripted.replies(streamed([f"data: {json.dumps(event)}\n\n".encode() for event in events]))
    with client.audio.transcriptions.with_streaming_response.create(
        model="gpt-4o-mini-transcribe", file=("a.wav", wav(1)), stream=True
    ) as raw:
        found = [event.type for event in raw.parse()]
        headers = raw.headers
    assert found == [event["type"] for event in events]
    row = row_of(proxy, headers)
    assert (row.stream, row.usage.input, row.usage.usage_source) == (True, 100, "reported")


def test_subtitles_come_as_text_and_are_booked_by_the_length_of_the_file(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    answer = b"1\n00:00:00,000 --> 00:00:02,000\nHello there\n\n"
    scripted.replies(whole(answer, content_type="text/plain; charset=utf-8"))
    raw = client.audio.transcriptions.with_raw_response.create(
        model="whisper-1", file=("a.wav", wav(4)), response_format="srt"
    )
    assert raw.parse() == answer.decode()
    row = row_of(proxy, raw.headers)
    assert (row.usage.seconds, row.usage.usage_source, row.cost_nusd) == (4, "estimated", 400_000)
    assert row.price_flag == "usage_missing"


def test_a_translation_passes_the_same_way(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole({"task": "translate", "language": "german", "duration": 8.47, "text": "Hello"}))
    with pytest.deprecated_call():  # by the SDK, and still served
        raw = client.audio.translations.with_raw_response.create(
            model="whisper-1", file=("a.wav", wav(1)), response_format="verbose_json"
        )
    assert raw.parse().text == "Hello"
    row = row_of(proxy, raw.headers)
    assert (row.endpoint, row.usage.seconds, row.usage.usage_source) == ("/v1/audio/translations", 9, "reported")


def test_a_file_may_stand_before_its_model_as_curl_and_node_send_it(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    body = form([Part("file", mp3(5000), "a.mp3"), Part("model", b"whisper-1"), Part("response_format", b"json")])

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(body), 100_000):
            yield body[start : start + 100_000]

    scripted.replies(whole(DURATION))
    boundary = body[2 : body.index(b"\r\n")].decode()
    headers = {
        "authorization": f"Bearer {proxy.key}",
        "content-type": f"multipart/form-data; boundary={boundary}",
        "content-length": str(len(body)),
    }
    answer = httpx.post(proxy.base_url + "/v1/audio/transcriptions", content=pieces(), headers=headers)
    assert answer.json() == DURATION
    assert scripted.seen[-1].body == body


def test_azures_client_reaches_its_deployment(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(DURATION))
    with openai.AzureOpenAI(azure_endpoint=proxy.base_url, api_key=proxy.key, api_version="2024-06-01") as azure:
        raw = azure.audio.transcriptions.with_raw_response.create(model="hearing", file=("a.wav", wav(1)))
    assert raw.parse().text == "Hello there"
    seen = scripted.seen[-1]
    assert seen.target == "/openai/deployments/hearing/audio/transcriptions?api-version=2025-04-01-preview"
    assert seen.header("api-key") == "provider-secret"
    assert row_of(proxy, raw.headers).upstream == "azure"


def test_speech_streams_as_it_is_made_and_is_booked_by_its_characters(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    sound = [os.urandom(30_000) for _ in range(10)]
    scripted.replies(streamed(sound, content_type="audio/mpeg"))
    digest = hashlib.sha256()
    with client.audio.speech.with_streaming_response.create(model="tts-1", voice="alloy", input="Grüße!") as raw:
        assert raw.headers["content-type"] == "audio/mpeg"
        for piece in raw.iter_bytes(4096):
            digest.update(piece)
        headers = raw.headers
    assert digest.digest() == hashlib.sha256(b"".join(sound)).digest()
    row = row_of(proxy, headers)
    assert (row.usage.characters, row.usage.usage_source) == (6, "estimated")
    assert (row.cost_nusd, row.endpoint, row.outcome) == (6 * 15_000, "/v1/audio/speech", "ok")


def test_speech_by_tokens_is_measured_where_it_is_bare_sound_and_reported_where_it_is_events(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(wav(3, 24_000), content_type="audio/wav"))
    bare = client.audio.speech.with_raw_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input="Hello there", response_format="wav"
    )
    row = row_of(proxy, bare.headers)
    assert (row.usage.output, row.usage.usage_source) == (60, "estimated")  # twenty tokens a second
    assert row.cost_nusd == (row.usage.input or 0) * 600 + 60 * 12_000
    events = [
        {"type": "speech.audio.delta", "audio": "AAAA"},
        {"type": "speech.audio.done", "usage": {"input_tokens": 14, "output_tokens": 101, "total_tokens": 115}},
    ]
    scripted.replies(streamed([f"data: {json.dumps(event)}\n\n".encode() for event in events]))
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="alloy", input="Hello there", stream_format="sse"
    ) as raw:
        assert raw.read().count(b"data: ") == 2
        headers = raw.headers
    row = row_of(proxy, headers)
    assert (row.usage.input, row.usage.output, row.usage.usage_source) == (14, 101, "reported")
    assert row.cost_nusd == 14 * 600 + 101 * 12_000


def test_a_model_that_is_not_sold_that_way_is_refused_before_it_is_asked(
    client: openai.OpenAI, scripted: ScriptedUpstream
) -> None:
    with pytest.raises(openai.PermissionDeniedError, match="per character"):
        client.audio.transcriptions.create(model="tts-1", file=("a.wav", wav(1)))
    with pytest.raises(openai.PermissionDeniedError, match="per second"):
        client.audio.speech.create(model="whisper-1", voice="alloy", input="hi")
    assert not scripted.seen


def test_errors_are_the_sdks_own(client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(failing(400, message="Unrecognized file format."))
    with pytest.raises(openai.BadRequestError, match="Unrecognized file format"):
        client.audio.transcriptions.create(model="whisper-1", file=("a.xyz", b"noise"))
    assert proxy.wait_rows(1, upstream_status=400)[-1].cost_nusd == 0
    stranger = client.with_options(api_key="tg_wrong")
    with pytest.raises(openai.AuthenticationError):
        stranger.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(1)))


@pytest.mark.needs("node", "tests/e2e/node/node_modules")
def test_openai_from_npm_sends_its_file_first_and_hears_speech(
    taker: Taker, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    upstreams = {"openai": OPENAI.format(url=taker.base_url)}
    with RunningProxy(home, upstreams, env={"SCRIPTED_KEY": "provider-secret"}) as proxy:
        command = ["node", "audio.mjs", proxy.base_url, proxy.key, "8"]
        done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["text"] == "Hello there"
        first, second = proxy.wait_rows(2)
    assert (first.model_requested, first.usage.seconds, second.usage.characters) == ("whisper-1", 37, 11)
    sent = taker.taken[0]
    assert b'name="file"' in sent.first
    assert b'name="model"' in sent.last
    assert sent.size > 8 << 20


async def test_the_asynchronous_client_uploads_and_listens_too(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(DURATION), streamed([b"sound"] * 3, content_type="audio/mpeg"))
    async with openai.AsyncOpenAI(base_url=proxy.base_url + "/v1", api_key=proxy.key) as client:
        told = await client.audio.transcriptions.create(model="whisper-1", file=("a.wav", wav(20)))
        assert told.text == "Hello there"
        async with client.audio.speech.with_streaming_response.create(model="tts-1", voice="x", input="hi") as raw:
            heard: AsyncIterator[bytes] = raw.iter_bytes()
            assert b"".join([piece async for piece in heard]) == b"sound" * 3
