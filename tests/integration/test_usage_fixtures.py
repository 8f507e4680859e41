"""Recorded exchanges of real providers, replayed through the running proxy: the row says exactly what was used."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxy.domain.row import Row
from proxy.domain.usage import Usage
from tests.support.forms import CONTENT_TYPE, Part, form
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import fixture_body, fixture_reply
from tests.support.shared import shared_dir

# Where a client would send a request whose answer is of this kind; the model stands in the body or in the path.
PATHS = {
    "openai.chat": "/v1/chat/completions",
    "openai.responses": "/v1/responses",
    "openai.embeddings": "/v1/embeddings",
    "anthropic.messages": "/v1/messages",
    "gemini.generate": "/v1beta/models/{model}:{verb}",
    "gemini.embed": "/v1beta/models/{model}:embedContent",
    "gemini.interactions": "/v1beta/interactions",
    "openai.images": "/v1/images/generations",
    "openai.audio": "/v1/audio/transcriptions",
    "ollama.native": "/api/generate",
    "cohere.chat": "/v2/chat",
    "cohere.embed": "/v2/embed",
}
CLOUDS = ("bedrock", "google-vertex")  # their fixtures have the path of the recording
CLOUD_BODIES: dict[str, dict[str, Any]] = {
    "bedrock.converse": {"messages": [{"role": "user", "content": [{"text": "hi"}]}]},
    "bedrock.converse_stream": {"messages": [{"role": "user", "content": [{"text": "hi"}]}]},
    "anthropic.messages": {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": []},
    "gemini.generate": {"contents": [{"parts": [{"text": "hi"}]}]},
    "vertex.predict": {"instances": [{"content": "hi"}]},
}
PREDICT = "/v1/projects/theirs/locations/global/publishers/google/models/text-embedding-005:predict"
BODIES: dict[str, dict[str, Any]] = {  # of those that need no more than their model beside this
    "openai.images": {"prompt": "hi", "n": 2},
    "ollama.native": {"prompt": "hi"},
    "cohere.chat": {"messages": [{"role": "user", "content": "hi"}]},
    "cohere.embed": {"texts": ["hi"]},
}
FAMILY = (  # streams are cut on purpose here, which must not make the proxy leave an upstream alone
    '{{ dialect: {family}, base_url: "{url}", models: ["*"], prices: {{ input: 1, output: 2 }}, '
    "breaker: {{ failures: 0 }} }}"
)
COMPARED = tuple(name for name in Usage.__struct_fields__ if name not in {"by_model", "parts", "images"})


def fixtures() -> list[Path]:
    """Fixtures of the dialects that are built; their folder is not beside every checkout."""
    shared = shared_dir()
    if shared is None:
        return []
    every = sorted((shared / "usage-fixtures").glob("*.json"))
    return [path for path in every if json.loads(path.read_text())["api"] in {*PATHS, *CLOUD_BODIES}]


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    url = scripted.base_url
    upstreams = {
        "openai": FAMILY.format(family="openai", url=url + "/v1"),
        "anthropic": FAMILY.format(family="anthropic", url=url),
        "gemini": FAMILY.format(family="gemini", url=url),
        "ollama": FAMILY.format(family="ollama", url=url),
        "cohere": FAMILY.format(family="cohere", url=url),
        "bedrock": FAMILY.format(family="bedrock", url=url),
        "vertex": FAMILY.format(family="vertex", url=url + "/v1/projects/ours/locations/europe-west1"),
    }
    with RunningProxy(tmp_path_factory.mktemp("home"), upstreams) as running:
        yield running


def request_of(fixture: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A path and a body that could have had this answer."""
    api, stream = fixture["api"], fixture["stream"]
    if fixture["provider"] in CLOUDS:
        return fixture["url"] or PREDICT, CLOUD_BODIES[api]
    path = PATHS[api].format(model="some-model", verb="streamGenerateContent?alt=sse" if stream else "generateContent")
    if api.startswith("gemini") and api != "gemini.interactions":
        return path, {"contents": [{"parts": [{"text": "hi"}]}]}
    if "responses/compact" in (fixture["url"] or ""):
        path += "/compact"
    body: dict[str, Any] = {"model": "some-model", "stream": stream}
    if api in BODIES:
        body |= BODIES[api]
    elif api == "anthropic.messages":
        body |= {"max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]}
    elif api == "openai.chat":
        body |= {"messages": [{"role": "user", "content": "hi"}], "stream_options": {"include_usage": True}}
        if not stream:
            del body["stream_options"]
    else:
        body |= {"input": "hi"}
        if not stream:
            del body["stream"]
    return path, body


def ask(proxy: RunningProxy, fixture: dict[str, Any]) -> tuple[bytes, Row]:
    """Send the request; the answer's bytes and the row it left."""
    path, body = request_of(fixture)
    is_form = fixture["api"] == "openai.audio"
    sent = form([Part("model", b"some-model"), Part("file", b"sound", "a.wav")]) if is_form else body
    try:
        status, headers, answer = proxy.post(path, sent, {"Content-Type": CONTENT_TYPE} if is_form else None)
    except OSError as error:  # a cut stream must not look whole
        answer, headers = getattr(error, "partial", b""), {}
        return answer, proxy.wait_rows(len(proxy.rows()))[-1]
    assert status == 200, answer
    return answer, proxy.wait_rows(request_id=headers["x-request-id"])[-1]


@pytest.mark.parametrize("path", fixtures(), ids=lambda path: path.stem)
def test_a_recorded_answer_passes_byte_for_byte_and_leaves_the_usage_it_must(
    path: Path, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    fixture = json.loads(path.read_text())
    expected, whole = fixture["expected"], fixture["expected"]["complete"]
    rng = random.Random(path.stem)
    for crlf in (False, True):
        data = fixture_body(fixture, crlf=crlf)
        splits = [rng.randrange(len(data)) for _ in range(rng.choice([0, 3, 40]))] if fixture["stream"] else None
        scripted.forget()
        scripted.replies(fixture_reply(fixture, crlf=crlf, splits=splits))
        answer, row = ask(proxy, fixture)
        assert answer == data
        found = {name: getattr(row.usage, name) for name in COMPARED}
        wanted = {name: expected[name] for name in COMPARED}
        if not whole or expected["usage_source"] == "none":
            # The provider told less than is billed: the rest is counted, and never less than what it told.
            assert row.usage.usage_source in {"partial", "estimated"}
            assert (row.usage.input or 0) >= (expected["input"] or 0)
            assert (row.usage.output or 0) >= (expected["output"] or expected.get("output_estimate_o200k") or 0)
            assert row.usage.model == expected["model"]
            continue
        assert found == wanted
        if "by_model" in expected:
            keys = ("model", "input", "output", "cached_read", "cache_write")
            assert [{k: getattr(part, k) for k in keys} for part in row.usage.by_model] == expected["by_model"]


@pytest.mark.parametrize(
    "path", [path for path in fixtures() if json.loads(path.read_text())["stream"]], ids=lambda path: path.stem
)
def test_a_recorded_stream_that_is_cut_anywhere_is_booked_and_never_looks_whole(
    path: Path, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    fixture = json.loads(path.read_text())
    rng = random.Random(path.stem)
    data = fixture_body(fixture)
    for _ in range(2):
        cut = rng.randrange(1, len(data))
        scripted.forget()
        scripted.replies(fixture_reply(fixture, splits=[cut // 2], cut=cut))
        before = len(proxy.rows())
        request_path, body = request_of(fixture)
        with pytest.raises((OSError, EOFError, ValueError)):
            _broken_read(proxy, request_path, body)
        row = proxy.wait_rows(before + 1)[-1]
        assert row.outcome == "upstream_error"
        assert row.usage.input is not None


def _broken_read(proxy: RunningProxy, path: str, body: dict[str, Any]) -> None:
    """Read to the end, which must not come cleanly."""
    import http.client  # noqa: PLC0415 - only here

    try:
        proxy.post(path, body)
    except http.client.HTTPException as error:
        raise EOFError(str(error)) from None
