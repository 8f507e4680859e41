"""A stream that outgrows its hold while the store is away: it may finish, or is cut as its rules say for that time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from functools import partial

import pytest

from proxy.domain.row import Outcome
from proxy.stores.engine import Engine
from tests.support.at_rest import wait_rest
from tests.support.callers import calling
from tests.support.engines import running_engine
from tests.support.killing import all_serve
from tests.support.policies import policy
from tests.support.running import RunningProxy, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import joined, pause, send, streamed
from tests.support.waiting import until

EVENTS = 4_000
END = b"\r\n0\r\n\r\n"  # of a body in chunks; its connection stays for the next call
RULES = """\
  - name: finish
    match: { models: ["openai-finish"] }
    budget: { limit: $1000/day, per: org }
  - name: cut
    match: { models: ["openai-cut"] }
    budget: { limit: $1000/day, per: org, on_outgrown: cut }
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with running_engine("valkey") as found:
        yield found


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    """Ten tokens, then a pause in which the store may go away, then thousands."""
    event = {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {"content": " the"}, "finish_reason": None}]}
    chunk = b"data: " + json.dumps(event).encode() + b"\n\n"
    bundle = b"%x\r\n%b\r\n" % (100 * len(chunk), chunk * 100)
    steps = [step for _ in range(EVENTS // 100) for step in (send(bundle), pause(0.02))]
    with ScriptedUpstream() as upstream:
        answer = joined(streamed([chunk * 10], then=pause(1.0)), steps, send(b"0\r\n\r\n"))
        yield upstream.replies(answer, always=True)


@pytest.fixture(scope="module")
def proxy(
    scripted: ScriptedUpstream, engine: Engine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningProxy]:
    """A token of output costs a tenth of a cent: a thousand are held for, while nothing is known of the model."""
    home = tmp_path_factory.mktemp("outgrown")
    (home / "policies").mkdir()
    (home / "policies" / "p.yaml").write_text(policy(RULES, "on_store_down: { meters: deny }\n"))
    served = {"one": openai_like(scripted.base_url, prices="{ input: 0, output: 1000 }")}
    with RunningProxy(home, served, budget="", more=f'store: {{ url: "{engine.url}" }}') as running:
        yield running


async def test_without_the_store_a_stream_finishes_or_is_cut_as_its_rules_say(
    proxy: RunningProxy, engine: Engine
) -> None:
    await until(partial(all_serve, proxy))
    finish, cut = await asyncio.gather(
        _streamed(proxy, engine, "openai-finish"), _streamed(proxy, engine, "openai-cut")
    )
    engine.start()
    assert finish.count(b'" the"') == EVENTS + 10
    assert 1_000 <= cut.count(b'" the"') < EVENTS
    assert b"insufficient_quota" in cut
    rows = {row.model_requested: row for row in wait_rest(proxy, engine.socket)}
    assert rows["openai-finish"].outcome is Outcome.OK
    assert (rows["openai-cut"].outcome, rows["openai-cut"].error) == (Outcome.PROXY_ERROR, "insufficient_quota")


async def _streamed(proxy: RunningProxy, engine: Engine, model: str) -> bytes:
    """All that comes of a stream in whose pause the store goes away."""
    answer = b""
    async with calling(proxy, model, stream=True) as caller:
        with suppress(ConnectionError):
            while not answer.endswith(END) and (piece := await caller.reader.read(65536)):
                answer += piece
                if answer.count(b'" the"') == 10:
                    await asyncio.sleep(0.3)  # the other one is held, too
                    await asyncio.to_thread(engine.stop)
    return answer
