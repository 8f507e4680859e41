"""ollama-python with only its host and a header changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import ollama
import pytest

from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import close, reset, streamed, whole

UPSTREAM = '{{ dialect: ollama, base_url: "{url}", models: [llama3.2, "embed-*"], aliases: {{ fast: llama3.2 }}, prices: {{ input: 1, output: 2 }} }}'
LINES = "application/x-ndjson"
ASK: Any = [{"role": "user", "content": "Why is the sky blue?"}]
CHUNK: dict[str, Any] = {"model": "llama3.2", "created_at": "2026-08-01T00:00:00Z", "done": False}
DONE: dict[str, Any] = {
    **CHUNK,
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 26,
    "eval_count": 3,
    "total_duration": 5,
}


def line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


def said(text: str) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text}}


CHAT = [line({**CHUNK, **said(word)}) for word in ("It", " scatters", ".")] + [line({**DONE, **said("")})]


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with RunningProxy(tmp_path_factory.mktemp("home"), {"home": UPSTREAM.format(url=scripted.base_url)}) as running:
        yield running


@pytest.fixture
def client(proxy: RunningProxy) -> Iterator[ollama.Client]:
    with ollama.Client(host=proxy.base_url + "/p/crm@PAY-12", headers={"Authorization": f"Bearer {proxy.key}"}) as made:
        yield made


def last(proxy: RunningProxy, before: int) -> Any:
    return proxy.wait_rows(before + 1)[-1]


def test_a_chat_streams_line_by_line_and_its_row_is_right(
    client: ollama.Client, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    before = len(proxy.rows())
    scripted.replies(streamed(CHAT, every=0.01, content_type=LINES))
    chunks = list(client.chat(model="fast", messages=ASK, stream=True))
    assert "".join(chunk.message.content or "" for chunk in chunks) == "It scatters."
    assert (chunks[-1].done, chunks[-1].eval_count) == (True, 3)
    row = last(proxy, before)
    assert (row.usage.input, row.usage.output, row.cost_nusd, row.usage.usage_source) == (26, 3, 32_000, "reported")
    assert (row.project, row.ref, row.stream, row.model_requested, row.model) == (
        "crm",
        "PAY-12",
        True,
        "fast",
        "llama3.2",
    )
    sent = scripted.seen[-1]
    assert (json.loads(sent.body)["model"], sent.header("authorization")) == ("llama3.2", None)
    assert proxy.key not in str(sent.headers)


def test_whole_answers_generated_text_and_embeddings_are_metered(
    client: ollama.Client, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    before = len(proxy.rows())
    scripted.replies(whole({**DONE, **said("It scatters.")}))
    assert client.chat(model="llama3.2", messages=ASK).message.content == "It scatters."
    scripted.replies(whole({**DONE, "response": "It scatters.", "context": [1, 2, 3]}))
    assert client.generate(model="llama3.2", prompt="Why?", options={"num_predict": 9}).response == "It scatters."
    scripted.replies(whole({"model": "embed-x", "embeddings": [[0.5]], "prompt_eval_count": 8}))
    assert client.embed(model="embed-x", input=["four words of text"]).embeddings == [[0.5]]
    scripted.replies(whole({"embedding": [0.5]}))
    assert client.embeddings(model="embed-x", prompt="four words of text").embedding == [0.5]
    rows = proxy.wait_rows(before + 4)[before:]
    assert [(row.usage.input, row.usage.output, row.usage.usage_source) for row in rows[:3]] == [
        (26, 3, "reported"),
        (26, 3, "reported"),
        (8, 0, "reported"),
    ]
    assert (rows[3].usage.usage_source, rows[3].usage.output) == ("estimated", 0)
    assert (rows[3].usage.input or 0) > 3


def test_models_are_listed_and_shown(client: ollama.Client, scripted: ScriptedUpstream) -> None:
    scripted.replies(
        whole({"models": [{"name": "llama3.2", "model": "llama3.2", "size": 7}, {"name": "secret", "model": "secret"}]})
    )
    assert {model.model for model in client.list().models} == {"llama3.2", "fast"}
    scripted.replies(whole({"details": {"family": "llama"}, "model_info": {}, "capabilities": ["completion"]}))
    shown = client.show("fast")
    assert shown.details is not None
    assert shown.details.family == "llama"
    assert json.loads(scripted.seen[-1].body)["model"] == "llama3.2"


def test_an_error_line_of_the_server_is_raised_and_the_text_before_it_is_booked(
    client: ollama.Client, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    before = len(proxy.rows())
    scripted.replies(streamed([CHAT[0], CHAT[1], line({"error": "unexpected EOF"})], content_type=LINES))
    with pytest.raises(ollama.ResponseError, match="unexpected EOF"):
        list(client.chat(model="llama3.2", messages=ASK, stream=True))
    usage = last(proxy, before).usage
    assert (usage.usage_source, usage.complete) == ("estimated", False)
    assert (usage.output or 0) >= 2


@pytest.mark.parametrize("end", [close, reset])
def test_a_stream_that_breaks_ends_with_a_line_that_the_client_raises_on(
    client: ollama.Client, proxy: RunningProxy, scripted: ScriptedUpstream, end: Any
) -> None:
    before = len(proxy.rows())
    scripted.replies(streamed(CHAT[:2], every=0.05, content_type=LINES, then=end()))
    stream = client.chat(model="llama3.2", messages=ASK, stream=True)
    assert [next(stream).message.content for _ in range(2)] == ["It", " scatters"]
    with pytest.raises(ollama.ResponseError, match="home"):
        next(stream)
    row = last(proxy, before)
    assert (row.outcome, row.usage.usage_source) == ("upstream_error", "estimated")
    assert (row.usage.output or 0) >= 2


def test_refusals_are_response_errors_with_our_words(client: ollama.Client, scripted: ScriptedUpstream) -> None:
    for call, status, words in (
        (lambda: client.chat(model="llama3.1", messages=ASK), 404, "Did you mean llama3.2"),
        (lambda: client.pull("llama3.2"), 404, "changes the models on a server"),
        (lambda: client.delete("llama3.2"), 404, "changes the models on a server"),
        (lambda: client.create("mine", from_="llama3.2"), 404, "changes the models on a server"),
        (client.ps, 404, "/api/tags"),
    ):
        with pytest.raises(ollama.ResponseError, match=words) as refused:
            call()
        assert refused.value.status_code == status
    scripted.replies(whole({"error": "model 'llama3.2' not found"}, 404))
    with pytest.raises(ollama.ResponseError, match="not found") as passed:
        client.chat(model="llama3.2", messages=ASK)
    assert passed.value.status_code == 404
    assert len(scripted.seen) == 1


def test_a_stranger_is_told_so_before_anything_is_streamed(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    with ollama.Client(host=proxy.base_url, headers={"Authorization": "Bearer tg_wrong"}) as stranger:
        with pytest.raises(ollama.ResponseError, match="No valid key") as refused:
            stranger.chat(model="llama3.2", messages=ASK)
        assert refused.value.status_code == 401
        with pytest.raises(ollama.ResponseError, match="No valid key"):
            list(stranger.generate(model="llama3.2", prompt="hi", stream=True))
    assert not scripted.seen


async def test_the_async_client_streams_too(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(streamed([line({**CHUNK, "response": "Hi"}), line({**DONE, "response": ""})], content_type=LINES))
    async with ollama.AsyncClient(host=proxy.base_url, headers={"Authorization": f"Bearer {proxy.key}"}) as client:
        stream = await client.generate(model="llama3.2", prompt="Say hi", stream=True)
        assert "".join([chunk.response or "" async for chunk in stream]) == "Hi"
