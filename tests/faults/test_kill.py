"""Kill -9 under load loses no call: what an upstream saw is in the journal once, and counters equal the journal."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from functools import partial
from itertools import count
from pathlib import Path

from proxy.domain.row import Outcome, Rank
from proxy.domain.usage import UsageSource
from tests.support.at_rest import wait_rest
from tests.support.callers import ANSWERS, STREAMS, ask, calling, model_of, upstreams
from tests.support.killing import engines_of, kill, workers_of
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import joined, pause, streamed, whole
from tests.support.waiting import until

LIVES, WORKER_KILLS = 5, 4  # of the whole proxy, and of workers in each of its lives: 25 kills in all
CALLERS = 12


class Load:
    """Callers that ask without a pause, each call with a model of its own, and note what they were answered."""

    def __init__(self, proxy: RunningProxy, seed: int) -> None:
        self._proxy = proxy
        self._random = random.Random(seed)
        self._numbers = count(1)
        self.answered: set[str] = set()  # models of calls whose whole answer came
        self.ending = False  # no further calls

    async def run(self) -> None:
        """Ask until ``ending``."""
        async with asyncio.TaskGroup() as callers:
            for _ in range(CALLERS):
                callers.create_task(self._ask())

    async def _ask(self) -> None:
        while not self.ending:
            family = self._random.choice(["openai", "anthropic"])
            model = f"{family}-{next(self._numbers)}"
            try:
                heard = await ask(self._proxy, model, stream=family == "openai")
            except TimeoutError:
                raise AssertionError(f"{model} is stuck") from None
            except (OSError, EOFError):
                await asyncio.sleep(0.05)  # killed under the call, or nobody is there just now
                continue
            if heard.status == 200:
                self.answered.add(model)
            else:
                assert heard.status == 503, heard  # a worker that ends, or one whose store just went


def script(scripted: ScriptedUpstream) -> None:
    """Answers take a moment, so that every kill meets calls at each of their steps."""
    scripted.replies(streamed(STREAMS["openai"], every=0.03), path="/v1/chat/completions", always=True)
    scripted.replies(joined(pause(0.05), whole(ANSWERS["anthropic"])), path="/v1/messages", always=True)


async def has_workers(proxy: RunningProxy) -> bool:
    return bool(workers_of(proxy))


async def kill_workers(proxy: RunningProxy, rng: random.Random) -> None:
    """Kill workers, one after the other; the rest serve, and those killed are started again."""
    for _ in range(WORKER_KILLS):
        await asyncio.sleep(rng.uniform(0.1, 0.6))
        await until(partial(has_workers, proxy))
        kill(rng.choice(workers_of(proxy)))


async def kill_everything(proxy: RunningProxy, rng: random.Random, life: int) -> None:
    """Kill the supervisor alone, whose children follow it, or its workers in the same breath, or the engines as well."""
    await asyncio.sleep(rng.uniform(0.1, 0.4))
    workers, engines = workers_of(proxy), engines_of(proxy)
    assert proxy.process is not None
    kill(proxy.process.pid, *[(), workers, workers + engines][life % 3])
    proxy.kill()


async def test_after_25_kills_under_load_every_call_that_the_upstream_saw_is_in_the_journal_once(
    tmp_path: Path,
) -> None:
    rng = random.Random(25)
    with ScriptedUpstream() as scripted:
        script(scripted)
        proxy = RunningProxy(tmp_path, upstreams(scripted.base_url), workers=2, lease="1s")
        load = Load(proxy, seed=25)
        with proxy:
            running = asyncio.create_task(load.run())
            for life in range(LIVES):
                await kill_workers(proxy, rng)
                await kill_everything(proxy, rng, life)
                await asyncio.to_thread(proxy.start)
                assert not running.done(), running.result()
            await asyncio.sleep(0.3)
            load.ending = True
            await running
            rows = await asyncio.to_thread(wait_rest, proxy)

        attempts = Counter((row.model_requested, row.attempt) for row in rows)
        assert not [call for call, times in attempts.items() if times > 1]
        seen = Counter(map(model_of, scripted.seen))
        assert not [model for model, times in seen.items() if times > 1]
        forwarded = {row.model_requested: row for row in rows if row.attempt == 1}
        assert not set(seen) - set(forwarded), "the upstream saw calls that no row tells of"
        assert load.answered <= set(seen)
        assert len(load.answered) > 2 * CALLERS
        assert {row.outcome for row in rows} <= {Outcome.OK, Outcome.PROXY_ERROR}  # no caller left by itself
        swept = [row for row in rows if row.rank is Rank.SWEPT]
        assert swept, "no kill met a call"
        assert all(row.cost_nusd > 0 for row in swept)
        for model in load.answered:
            assert forwarded[model].cost_nusd > 0


async def test_a_worker_that_outlives_its_supervisor_and_the_one_in_its_place_do_not_disturb_each_other(
    tmp_path: Path,
) -> None:
    with ScriptedUpstream() as scripted:
        scripted.replies(streamed(STREAMS["openai"], every=0.25), path="/v1/chat/completions")
        scripted.replies(whole(ANSWERS["anthropic"]), path="/v1/messages", always=True)
        proxy = RunningProxy(tmp_path, upstreams(scripted.base_url, more=", on_disconnect: {drain: {max: 9s}}"))
        with proxy:
            assert (await ask(proxy, "anthropic-before")).status == 200
            async with calling(proxy, "openai-drained", stream=True) as caller:
                await caller.head()
            await asyncio.sleep(0.2)  # it is noticed
            proxy.kill()  # its worker reads on for the caller who left, and books that when the next one has begun
            await asyncio.to_thread(proxy.start)
            for _ in range(20):
                assert (await ask(proxy, "anthropic-after")).status == 200
            rows = await asyncio.to_thread(wait_rest, proxy)
            log = proxy.log.read_text()
    assert Counter(row.model_requested for row in rows) == {
        "anthropic-before": 1,
        "openai-drained": 1,
        "anthropic-after": 20,
    }
    assert {row.usage.usage_source for row in rows} == {UsageSource.REPORTED}
    assert {row.rank for row in rows} == {Rank.FINAL}
    assert [row.outcome for row in rows if row.model_requested == "openai-drained"] == [Outcome.CLIENT_ABORT]
    assert "journal_row_odd" not in log
