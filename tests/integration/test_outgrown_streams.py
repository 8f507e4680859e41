"""Streams that cost more than was held for them: more is held while they run, or they end where their rule says so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

import pytest
import redis

from proxy.domain.row import Outcome, Row
from tests.support.at_rest import store_of, wait_rest
from tests.support.callers import ask, calling
from tests.support.policies import policy
from tests.support.running import RunningProxy, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import joined, pause, send, streamed
from tests.support.waiting import until

TOKEN = 1_000_000  # nano-dollars
COLD = 1_024  # output tokens that are held for, while nothing is known of the model
LONG = 6_000
RULES = """\
  - name: open
    match: { models: ["openai-open-*"] }
    budget: { limit: $1000/day, per: model }
  - name: finish
    match: { models: ["openai-finish-*"] }
    budget: { limit: $2/day, per: model }
  - name: cut
    match: { models: ["openai-cut-*"] }
    budget: { limit: $2/day, per: model, on_outgrown: cut }
  - name: most
    match: { models: ["openai-most-*"] }
    budget: { limit: $1000/day, per: model, reserve: max }
  - name: watched
    mode: audit
    match: { models: ["openai-watched-*"] }
    budget: { limit: $2/day, per: model, on_outgrown: cut, reserve: max }
"""


def chunk(text: str, end: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": end}
    return b"data: " + json.dumps({"id": "c1", "model": "m", "choices": [choice]}).encode() + b"\n\n"


def long_stream() -> list[bytes]:
    """Six thousand tokens in bundles of a hundred events."""
    return [chunk(" the") * 100] * (LONG // 100)


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """A token of output costs a tenth of a cent, input nothing."""
    home = tmp_path_factory.mktemp("outgrown")
    (home / "policies").mkdir()
    (home / "policies" / "p.yaml").write_text(policy(RULES))
    served = {"one": openai_like(scripted.base_url, prices="{ input: 0, output: 1000 }")}
    with RunningProxy(home, served, budget="") as running:
        yield running


@pytest.fixture
def raw(proxy: RunningProxy) -> Iterator[redis.Redis]:
    with redis.Redis(unix_socket_path=str(store_of(proxy)), decode_responses=True) as client:
        yield client


def held(raw: redis.Redis, model: str) -> int:
    """Nano-dollars that the model's budget holds now."""
    return sum(int(raw.hget(key, "r") or 0) for key in raw.scan_iter(f"*:m:*model:{model}:*"))


def row_of(proxy: RunningProxy, model: str) -> Row:
    (row,) = [row for row in wait_rest(proxy) if row.model_requested == model]
    return row


async def test_a_stream_that_outgrows_its_hold_holds_what_it_costs_while_it_runs(
    proxy: RunningProxy, scripted: ScriptedUpstream, raw: redis.Redis
) -> None:
    scripted.replies(joined(streamed(long_stream(), every=0.002, then=pause(2.0)), send(b"0\r\n\r\n")))
    async with calling(proxy, "openai-open-1", stream=True) as caller:

        async def grown() -> bool:
            return held(raw, "openai-open-1") >= 0.9 * LONG * TOKEN

        await until(grown)
        assert held(raw, "openai-open-1") <= 1.6 * LONG * TOKEN
        answer = await caller.answer()
    assert answer.body.count(b"data:") == LONG
    row = row_of(proxy, "openai-open-1")
    assert row.cost_nusd == pytest.approx(LONG * TOKEN, rel=0.02)
    assert row.held_nusd >= 0.9 * LONG * TOKEN
    assert held(raw, "openai-open-1") == 0


async def test_where_there_is_no_room_a_stream_may_finish_and_others_see_what_it_costs(
    proxy: RunningProxy, scripted: ScriptedUpstream, raw: redis.Redis
) -> None:
    scripted.replies(joined(streamed(long_stream(), every=0.002, then=pause(2.0)), send(b"0\r\n\r\n")))
    async with calling(proxy, "openai-finish-1", stream=True) as caller:

        async def grown() -> bool:
            return held(raw, "openai-finish-1") >= 4 * COLD * TOKEN

        await until(grown)
        assert (await ask(proxy, "openai-finish-1", stream=True)).status == 429
        assert (await caller.answer()).body.count(b"data:") == LONG
    (row,) = [row for row in wait_rest(proxy) if row.model_requested == "openai-finish-1" and row.attempt == 1]
    assert row.outcome is Outcome.OK
    assert row.cost_nusd == pytest.approx(LONG * TOKEN, rel=0.02)


async def test_where_its_rule_says_so_a_stream_without_room_is_cut_and_booked_truly(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(streamed(long_stream(), every=0.02))
    answer = b""
    async with calling(proxy, "openai-cut-1", stream=True) as caller:
        with suppress(ConnectionError):  # it ends without an end
            while piece := await caller.reader.read(65536):
                answer += piece
    assert not answer.endswith(b"0\r\n\r\n")
    events = answer.count(b'"content": " the"')
    assert COLD <= events <= 4 * COLD
    last = json.loads(answer.rpartition(b"data: ")[2].partition(b"\n")[0])
    assert last["error"]["code"] == "insufficient_quota"
    assert "p/cut" in last["error"]["message"]
    assert b"[DONE]" not in answer
    row = row_of(proxy, "openai-cut-1")
    assert (row.outcome, row.error) == (Outcome.PROXY_ERROR, "insufficient_quota")
    assert row.cost_nusd == pytest.approx(events * TOKEN, rel=0.1)


async def test_a_stream_that_passes_its_ceiling_is_cut_and_told_whose_budget_holds_the_most(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    """Not every provider keeps to the ceiling that was written into the request."""
    scripted.replies(streamed(long_stream() * 2, every=0.005))
    answer = b""
    async with calling(proxy, "openai-most-1", stream=True) as caller:
        with suppress(ConnectionError):  # it ends without an end
            while piece := await caller.reader.read(65536):
                answer += piece
    last = json.loads(answer.rpartition(b"data: ")[2].partition(b"\n")[0])
    assert "p/most holds the most that a call can cost. Ask" in last["error"]["message"]
    row = row_of(proxy, "openai-most-1")
    assert row.refused is not None
    assert (row.error, row.refused.rule) == ("insufficient_quota", "p/most")


async def test_a_stream_that_keeps_to_its_hold_is_not_cut_although_the_budget_is_full(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(streamed([chunk(" the") * 100] * 10 + [b"data: [DONE]\n\n"]))
    answer = await ask(proxy, "openai-cut-2", stream=True)
    assert answer.body.endswith(b"data: [DONE]\n\n")


async def test_a_max_hold_in_audit_neither_clamps_nor_cuts(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(streamed([*long_stream(), b"data: [DONE]\n\n"]))
    answer = await ask(proxy, "openai-watched-1", stream=True)
    assert answer.body.endswith(b"data: [DONE]\n\n")
    assert "max_tokens" not in json.loads(scripted.seen[-1].body)
    assert "max_completion_tokens" not in json.loads(scripted.seen[-1].body)
    assert row_of(proxy, "openai-watched-1").outcome is Outcome.OK
