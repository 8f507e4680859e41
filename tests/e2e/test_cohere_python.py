"""Cohere's SDK with only its base URL and key changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import cohere
import cohere.core
import httpx
import pytest

from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import close, failing, garbage, streamed, whole

UPSTREAM = """{{ dialect: cohere, base_url: "{url}", key: env:SCRIPTED_KEY, models: ["*"], prices: [
    {{ match: "embed-pictures", input: 1, image_input: 4 }}, {{ match: "embed-*", input: 1 }},
    {{ match: "rerank-*", per_search: 0.002 }}, {{ input: 1, output: 2 }}] }}""".replace("\n", " ")
ASK: Any = [{"role": "user", "content": "Say hello"}]
USAGE = {"billed_units": {"input_tokens": 12, "output_tokens": 3}, "tokens": {"input_tokens": 507, "output_tokens": 5}}
CHAT: dict[str, Any] = {
    "id": "c-1",
    "finish_reason": "COMPLETE",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "Hello there"}]},
    "usage": USAGE,
}
PICTURE = "data:image/png;base64,iVBORw0KGgo="


def event(kind: str, **more: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


def said(text: str) -> bytes:
    return event("content-delta", index=0, delta={"message": {"content": {"text": text}}})


STREAM = [
    event(
        "message-start",
        id="c-1",
        delta={"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": []}},
    ),
    event("content-start", index=0, delta={"message": {"content": {"type": "text", "text": ""}}}),
    said("Hello"),
    said(" there"),
    event("content-end", index=0),
    event("message-end", delta={"finish_reason": "COMPLETE", "usage": USAGE}),
]


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    upstreams = {"cohere": UPSTREAM.format(url=scripted.base_url)}
    with RunningProxy(tmp_path_factory.mktemp("home"), upstreams, env={"SCRIPTED_KEY": "provider-secret"}) as running:
        yield running


@pytest.fixture
def client(proxy: RunningProxy) -> Iterator[cohere.ClientV2]:
    with cohere.ClientV2(api_key=proxy.key, base_url=proxy.base_url + "/p/crm", max_retries=0) as made:
        yield made


def test_a_chat_is_billed_by_its_billed_units(
    client: cohere.ClientV2, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    before = len(proxy.rows())
    scripted.replies(whole(CHAT))
    answer = client.with_raw_response.chat(model="command-a-03-2025", messages=ASK)
    content: Any = answer.data.message.content
    assert content[0].text == "Hello there"
    row = proxy.wait_rows(before + 1)[-1]
    assert (row.usage.input, row.usage.output, row.usage.cached_read, row.cost_nusd) == (12, 3, 0, 18_000)
    assert (row.via, row.usage.usage_source, row.endpoint) == ("path", "reported", "/v2/chat")
    assert scripted.seen[-1].header("authorization") == "Bearer provider-secret"
    assert scripted.seen[-1].header("x-client-name") is None


def test_a_stream_is_metered_at_its_end(
    client: cohere.ClientV2, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    before = len(proxy.rows())
    scripted.replies(streamed(STREAM, every=0.01))
    events: list[Any] = list(client.chat_stream(model="command-a-03-2025", messages=ASK))
    texts = [one.delta.message.content.text for one in events if one.type == "content-delta"]
    assert (texts, events[-1].type) == (["Hello", " there"], "message-end")
    row = proxy.wait_rows(before + 1)[-1]
    assert (row.usage.input, row.usage.output, row.cost_nusd, row.stream) == (12, 3, 18_000, True)


def test_a_stream_that_breaks_ends_as_coheres_own_end_with_an_error(
    client: cohere.ClientV2, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    before = len(proxy.rows())
    scripted.replies(streamed(STREAM[:4], every=0.05, then=close()))
    with pytest.raises(httpx.RemoteProtocolError):  # the connection breaks, so that it cannot pass for a whole one
        list(client.chat_stream(model="command-a-03-2025", messages=ASK))
    scripted.replies(streamed(STREAM[:4], every=0.05, then=close()))
    stream: Any = client.chat_stream(model="command-a-03-2025", messages=ASK)
    end = [next(stream) for _ in range(5)][-1]
    stream.close()
    assert end.type == "message-end"
    assert end.delta is not None
    assert end.delta.finish_reason == "ERROR"
    assert "cohere" in str(end.delta.error)
    row = proxy.wait_rows(before + 2)[-1]
    assert (row.outcome, row.usage.usage_source, row.usage.complete) == ("upstream_error", "estimated", False)
    assert row.usage.output == 2


def test_embeddings_of_texts_and_pictures_are_billed_each_at_its_price(
    client: cohere.ClientV2, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    before = len(proxy.rows())
    units = {"input_tokens": 4, "image_tokens": 100}
    answer = {
        "id": "e",
        "embeddings": {"float": [[0.5]]},
        "meta": {"billed_units": units},
        "response_type": "embeddings_by_type",
    }
    scripted.replies(whole(answer))
    done = client.embed(model="embed-pictures", input_type="image", images=[PICTURE], embedding_types=["float"])
    assert done.embeddings.float_ == [[0.5]]
    row = proxy.wait_rows(before + 1)[-1]
    assert (row.usage.input, row.usage.image_input, row.usage.output, row.cost_nusd) == (104, 100, 0, 404_000)
    with pytest.raises(cohere.ForbiddenError, match="no price for pictures"):
        client.embed(model="embed-v4.0", input_type="image", images=[PICTURE], embedding_types=["float"])
    assert len(scripted.seen) == 1


def test_rankings_are_billed_by_the_search(
    client: cohere.ClientV2, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    before = len(proxy.rows())
    scripted.replies(
        whole(
            {
                "id": "r",
                "results": [{"index": 0, "relevance_score": 0.9}],
                "meta": {"billed_units": {"search_units": 2}},
            }
        )
    )
    documents = ["a document"] * 150
    assert client.rerank(model="rerank-v4.0-pro", query="which?", documents=documents).results[0].index == 0
    row = proxy.wait_rows(before + 1)[-1]
    assert (row.usage.web_searches, row.usage.input, row.cost_nusd, row.held_nusd) == (2, 0, 4_000_000, 4_000_000)
    with pytest.raises(cohere.ForbiddenError, match="no price for searches"):
        client.rerank(model="command-a-03-2025", query="which?", documents=documents)


def test_refusals_are_the_errors_of_the_sdk_with_our_words(
    client: cohere.ClientV2, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    with (
        cohere.ClientV2(api_key="tg_wrong", base_url=proxy.base_url) as stranger,
        pytest.raises(cohere.UnauthorizedError, match="No valid key"),
    ):
        stranger.chat(model="m", messages=ASK)
    with pytest.raises(cohere.BadRequestError, match="'max_tokens' must be"):
        client.chat(model="m", messages=ASK, max_tokens=0)
    with (
        cohere.Client(api_key=proxy.key, base_url=proxy.base_url) as older,
        pytest.raises(cohere.NotFoundError, match="use version 2"),
    ):
        older.chat(message="hi")
    assert not scripted.seen
    scripted.replies(failing(429, message="trial key"))
    with pytest.raises(cohere.TooManyRequestsError, match="trial key"):
        client.chat(model="m", messages=ASK)
    scripted.replies(garbage())
    with pytest.raises(cohere.core.ApiError, match="cohere") as failed:
        client.chat(model="m", messages=ASK)
    assert failed.value.status_code == 502


async def test_the_async_client_streams_too(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(streamed(STREAM, every=0.01))
    async with cohere.AsyncClientV2(api_key=proxy.key, base_url=proxy.base_url) as client:
        kinds = [one.type async for one in client.chat_stream(model="command-a-03-2025", messages=ASK)]
    assert kinds[-1] == "message-end"
