"""Kill -9 under load loses no call: what an upstream saw is in the journal once, and counters equal the journal."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from itertools import count
from pathlib import Path

from proxy.domain.row import Rank
from tests.support.at_rest import wait_rest
from tests.support.callers import ANSWERS, STREAMS, ask, model_of, upstreams
from tests.support.killing import kill, workers_of
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import pause, streamed, whole

LIVES, WORKER_KILLS = 5, 4  # of the whole proxy, and of workers in each of its lives: 25 kills in all
CALLERS = 12


class Load:
    """Callers that ask without a pause, each call with a model of its own, and note what they were answered."""

    def __init__(self, proxy: RunningProxy, seed: int) -> None:
        self._proxy = proxy
        self._random = random.Random(seed)
        self._numbers = count(1)
        self.answered: set[str] = set()  # models of calls whose whole answer came

    async def run(self) -> None:
        """Ask until cancelled."""
        async with asyncio.TaskGroup() as callers:
            for _ in range(CALLERS):
                callers.create_task(self._ask())

    async def _ask(self) -> None:
        while True:
            family = self._random.choice(["openai", "anthropic"])
            model = f"{family}-{next(self._numbers)}"
            try:
                heard = await ask(self._proxy, model, stream=family == "openai")
            except TimeoutError:
                raise AssertionError(f"{model} is stuck") from None
            except (OSError, EOFError):
                await asyncio.sleep(0.02)  # killed under the call, or nobody is there just now
                continue
            if heard.status == 200:
                self.answered.add(model)
            else:
                assert heard.status == 503, heard  # a worker that ends, or one whose store just went


def script(scripted: ScriptedUpstream) -> None:
    """Answers take a moment, so that every kill meets calls at each of their steps."""
    scripted.replies(streamed(STREAMS["openai"], every=0.03), path="/v1/chat/completions", always=True)
    scripted.replies([pause(0.05), *whole(ANSWERS["anthropic"])], path="/v1/messages", always=True)


async def kill_workers(proxy: RunningProxy, rng: random.Random) -> None:
    """Kill workers, one after the other; the rest serve, and those killed are started again."""
    for _ in range(WORKER_KILLS):
        await asyncio.sleep(rng.uniform(0.1, 0.6))
        async with asyncio.timeout(20):
            while not (pids := workers_of(proxy)):
                await asyncio.sleep(0.02)
        kill(rng.choice(pids))


async def kill_everything(proxy: RunningProxy, rng: random.Random) -> None:
    """Kill the supervisor, and every other time all workers in the same breath; the engines follow their parent."""
    await asyncio.sleep(rng.uniform(0.1, 0.4))
    workers = workers_of(proxy)
    assert proxy.process is not None
    kill(proxy.process.pid, *(workers if rng.random() < 0.5 else ()))
    proxy.kill()


async def test_after_25_kills_under_load_every_call_that_the_upstream_saw_is_in_the_journal_once(tmp_path: Path) -> None:
    rng = random.Random(25)
    with ScriptedUpstream() as scripted:
        script(scripted)
        proxy = RunningProxy(tmp_path, upstreams(scripted.base_url), workers=2, lease="1s")
        load = Load(proxy, seed=25)
        with proxy:
            running = asyncio.create_task(load.run())
            for _ in range(LIVES):
                await kill_workers(proxy, rng)
                await kill_everything(proxy, rng)
                await asyncio.to_thread(proxy.start)
                assert not running.done(), running.result()
            await asyncio.sleep(0.3)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            rows = await asyncio.to_thread(wait_rest, proxy)

        attempts = Counter((row.model_requested, row.attempt) for row in rows)
        assert not [call for call, times in attempts.items() if times > 1]
        seen = Counter(map(model_of, scripted.seen))
        assert not [model for model, times in seen.items() if times > 1]
        forwarded = {row.model_requested: row for row in rows if row.attempt == 1}
        assert not set(seen) - set(forwarded), "the upstream saw calls that no row tells of"
        assert load.answered <= set(seen)
        assert len(load.answered) > 100
        swept = [row for row in rows if row.rank is Rank.SWEPT]
        assert swept, "no kill met a call"
        assert all(row.cost_nusd > 0 for row in swept)
        for model in load.answered:
            assert forwarded[model].cost_nusd > 0
