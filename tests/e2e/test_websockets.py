"""Realtime sessions over WebSocket are refused in words that reach the developer, and nothing is forwarded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator

import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support.families import upstreams
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with RunningProxy(
        tmp_path_factory.mktemp("ws"), upstreams(scripted.base_url), env={"SCRIPTED_KEY": "sk-up"}
    ) as running:
        yield running


async def openai_realtime(proxy: RunningProxy) -> None:
    base = proxy.base_url.replace("http", "ws")
    async with (
        AsyncOpenAI(base_url=f"{proxy.base_url}/v1", api_key=proxy.key, websocket_base_url=f"{base}/v1") as client,
        client.realtime.connect(model="gpt-realtime"),
    ):
        pass


async def gemini_live(proxy: RunningProxy) -> None:
    uri = f"/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key={proxy.key}"
    async with connect(proxy.base_url.replace("http", "ws") + uri):  # google-genai insists on TLS for this one
        pass


@pytest.mark.parametrize("session", [openai_realtime, gemini_live])
async def test_a_realtime_session_is_refused_and_told_what_to_use(
    session: Callable[[RunningProxy], Coroutine[None, None, None]], proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await asyncio.wait_for(session(proxy), 20)
    assert refused.value.response.status_code == 426
    assert b"event streams" in refused.value.response.body
    assert scripted.seen == []
