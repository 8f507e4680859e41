"""A call that went over two upstreams, as its caller, its SDK and the reports see it."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
import pytest

from proxy.domain.row import Outcome
from tests.support.callers import ANSWERS, FAMILIES, ask, calling, model_of
from tests.support.pairs import GOOD, INPUT, answer, rows_of
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import (
    cut_after,
    failing,
    reset,
    silence,
    streamed,
)
from tests.support.waiting import until

STREAMING = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
PER_FAMILY = pytest.mark.parametrize("family", FAMILIES)


async def test_each_upstream_is_asked_by_its_own_name_of_the_model(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    first.replies(failing(503), failing(503))
    second.replies(answer("openai", stream=False), answer("openai", stream=True))
    for stream in (False, True):
        heard = await ask(proxy, "openai-fast", stream=stream)
        rows = await rows_of(proxy, heard, 2)
        assert [row.model_requested for row in rows] == ["openai-fast"] * 2
        assert [(row.upstream, row.cost_nusd) for row in rows] == [("named", 0), ("stripped", GOOD)]
        assert (model_of(first.seen[-1]), model_of(second.seen[-1])) == ("gpt-one", "two/gpt")


async def test_a_caller_who_leaves_during_the_second_attempt_cancels_it(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    first.replies(failing(503))
    second.replies([silence()])
    before = {row.request_id for row in proxy.rows()}
    async with calling(proxy, "anthropic-model") as caller:
        await second.wait_seen()
        caller.leave()
        await second.wait_closed(second.seen[-1].connection)

    async def both() -> bool:
        return len([row for row in proxy.rows() if row.request_id not in before]) == 2

    await until(both)
    rows = [row for row in proxy.rows() if row.request_id not in before]
    assert [row.outcome for row in rows] == [Outcome.UPSTREAM_ERROR, Outcome.CLIENT_ABORT]
    assert rows[1].cost_nusd == (rows[1].usage.input or 0) * INPUT[1]


async def test_an_answer_cut_short_of_its_length_is_no_answer(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    body = json.dumps(ANSWERS["openai"]).encode()
    first.replies(cut_after(body, len(body) - 1))
    second.replies(answer("openai", stream=False))
    heard = await ask(proxy, "openai-model")
    assert json.loads(heard.body) == ANSWERS["openai"]


def test_official_sdks_see_one_good_answer(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    first.replies(failing(529), streamed([], then=reset()), failing(503), streamed([], then=reset()))
    for family in ("openai", "anthropic"):
        second.replies(answer(family, stream=False), answer(family, stream=True))
    with openai.OpenAI(base_url=f"{proxy.base_url}/v1", api_key=proxy.key, max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "hello"}]
        done = client.chat.completions.create(model="openai-model", messages=messages)
        assert done.choices[0].message.content == "Hello there"
        chunks = client.chat.completions.create(model="openai-model", messages=messages, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello there"
    with anthropic.Anthropic(base_url=proxy.base_url, api_key=proxy.key, max_retries=0) as claude:
        message = claude.messages.create(
            model="anthropic-model", max_tokens=100, messages=[{"role": "user", "content": "hello"}]
        )
        assert message.content[0].type == "text"
        with claude.messages.stream(
            model="anthropic-model", max_tokens=100, messages=[{"role": "user", "content": "hello"}]
        ) as stream:
            assert stream.get_final_text() == "Hello there"


async def test_reports_count_calls_and_metrics_count_what_was_asked(
    proxy: RunningProxy, first: ScriptedUpstream, second: ScriptedUpstream
) -> None:
    first.replies([silence()])
    second.replies(answer("openai", stream=False))
    await rows_of(proxy, await ask(proxy, "openai-model"), 2)
    rows = [row for row in proxy.rows() if row.attempt]
    calls, cost = len({row.request_id for row in rows}), sum(row.cost_nusd for row in rows)
    assert calls < len(rows)
    done = proxy.cli("report", "spend", "--format", "json", "--state", str(proxy.home / "state"))
    total = json.loads(done.stdout)["total"]
    assert (total["calls"], round(float(total["cost_usd"]) * 1e9)) == (calls, cost)

    async def counted() -> bool:
        shown = proxy.get("/metrics", base=proxy.admin_url).decode()
        return (
            'tallygate_failovers_total{upstream="openai-model-first"}' in shown
            and 'tallygate_upstream_failures_total{reason="timeout",upstream="openai-model-first"}' in shown
        )

    await until(counted)
