"""Models are listed here: the upstreams' own lists made one, as each official SDK reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from google import genai

from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import failing, whole

OPENAI_LIST = {
    "object": "list",
    "data": [
        {"id": "gpt-5.1", "object": "model", "created": 1_700_000_000, "owned_by": "openai", "extra": {"kept": 1}},
        {"id": "gpt-5-mini", "object": "model", "created": 1_700_000_001, "owned_by": "openai"},
        {"id": "gpt-unheard-of", "object": "model", "created": 1, "owned_by": "openai"},
        {"id": "whisper-9", "object": "model", "created": 1, "owned_by": "openai"},
        {"id": 7},
        "no entry",
    ],
}
VLLM_LIST = [{"id": "meta/llama", "object": "model", "created": 2, "owned_by": "vllm"}]
ANTHROPIC_LIST = {
    "data": [
        {
            "type": "model",
            "id": "claude-sonnet-4-5",
            "display_name": "Claude Sonnet 4.5",
            "created_at": "2025-09-29T00:00:00Z",
        }
    ],
    "has_more": False,
}
GEMINI_LIST = {"models": [{"name": "models/gemini-2.5-flash", "displayName": "Gemini", "inputTokenLimit": 1048576}]}


def body(value: Any) -> Any:
    return whole(json.dumps(value).encode())


@pytest.fixture(scope="module")
def origin() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(origin: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    url = origin.base_url
    origin.replies(body(OPENAI_LIST), path="/openai/models", always=True)
    origin.replies(body(VLLM_LIST), path="/vllm/models", always=True)
    origin.replies(failing(500), path="/broken/models", always=True)
    origin.replies(body(ANTHROPIC_LIST), path="/v1/models", always=True)
    origin.replies(body(GEMINI_LIST), path="/v1beta/models", always=True)
    upstreams = {
        "openai": f'{{ dialect: openai, base_url: "{url}/openai", models: ["gpt-*"], prices_from: openai, '
        "aliases: { fast: gpt-5-mini } }",
        "vllm": f'{{ dialect: openai, base_url: "{url}/vllm", models: ["vllm/*"], strip_prefix: "vllm/", '
        "prices: { input: 1, output: 2 } }",
        "broken": f'{{ dialect: openai, base_url: "{url}/broken", models: [only-here, "any-*"], prices: {{ input: 1, output: 2 }} }}',
        "anthropic": f'{{ dialect: anthropic, base_url: "{url}", models: ["claude-*"], prices_from: anthropic }}',
        "gemini": f'{{ dialect: gemini, base_url: "{url}", models: ["gemini-*"], prices_from: google }}',
    }
    with RunningProxy(tmp_path_factory.mktemp("models"), upstreams) as running:
        yield running


def test_an_openai_client_sees_every_model_that_it_could_call_and_no_other(proxy: RunningProxy) -> None:
    with openai.OpenAI(base_url=f"{proxy.base_url}/v1", api_key=proxy.key) as client:
        listed = {model.id: model for model in client.models.list()}
        assert set(listed) == {"gpt-5.1", "gpt-5-mini", "fast", "vllm/meta/llama", "only-here"}
        assert listed["gpt-5.1"].model_dump()["extra"] == {"kept": 1}  # as the upstream wrote it
        assert listed["fast"].created == listed["gpt-5-mini"].created
        assert listed["only-here"].owned_by == "broken"  # its upstream has no list; the configuration names it
        assert client.models.retrieve("vllm/meta/llama").owned_by == "vllm"
        with pytest.raises(openai.NotFoundError, match="no model 'whisper-9' for you"):
            client.models.retrieve("whisper-9")


def test_an_anthropic_client_sees_its_own_shape(proxy: RunningProxy) -> None:
    with anthropic.Anthropic(base_url=proxy.base_url, api_key=proxy.key) as client:
        (model,) = client.models.list()
        assert (model.id, model.display_name) == ("claude-sonnet-4-5", "Claude Sonnet 4.5")
        assert client.models.retrieve("claude-sonnet-4-5").id == model.id


def test_a_gemini_client_sees_its_own_shape(proxy: RunningProxy) -> None:
    client = genai.Client(api_key=proxy.key, http_options={"base_url": proxy.base_url})
    (model,) = client.models.list()
    assert (model.name, model.input_token_limit) == ("models/gemini-2.5-flash", 1048576)
    client.close()


def test_lists_are_kept_and_asked_with_our_key_and_never_with_the_callers(
    proxy: RunningProxy, origin: ScriptedUpstream
) -> None:
    with openai.OpenAI(base_url=f"{proxy.base_url}/v1", api_key=proxy.key) as client:
        for _ in range(3):
            client.models.list()
    asked = [seen for seen in origin.seen if seen.path == "/openai/models"]
    assert len(asked) == 1
    assert all(proxy.key not in value for seen in origin.seen for _, value in seen.headers)


def test_a_list_leaves_a_row_without_an_upstream(proxy: RunningProxy) -> None:
    with openai.OpenAI(base_url=f"{proxy.base_url}/v1", api_key=proxy.key) as client:
        request_id = client.models.with_raw_response.list().headers["x-request-id"]
    (row,) = proxy.wait_rows(request_id=request_id)
    assert (row.attempt, row.outcome, row.status, row.upstream, row.cost_nusd) == (0, "ok", 200, None, 0)


def test_strangers_see_no_models(proxy: RunningProxy) -> None:
    with (
        openai.OpenAI(base_url=f"{proxy.base_url}/v1", api_key="tg_nobody", max_retries=0) as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.models.list()
