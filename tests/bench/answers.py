"""What asking for a stored answer costs: ``python -m tests.bench.answers``.

CPU time in microseconds, of the worker (its loop and socket included) and of the engine, for answers of three sizes: a hit; a
miss with its deposit; and a wait for an answer that another call of the same worker is about to find. Then what one of them
waits for the engine when nothing else is under way. The smallest of several rounds: what a busy machine adds is no cost.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Callable
from time import perf_counter_ns, process_time_ns
from typing import Final

from proxy.domain.reuse import CacheKey, Hit, Missed
from proxy.stores.answers.asking import StoreAnswers
from proxy.stores.answers.coding import pack, unpack
from proxy.stores.engine import Engine
from tests.bench.meters import alone, engine_cpu_ns
from tests.support.cached import a_key, a_worker, an_entry, settled, waiting
from tests.support.engines import running_engine

ROUNDS: Final = 8
CALLS: Final = 1024
AT_ONCE: Final = 64
WORDS: Final = [a_key(f"word {n}").name[: 3 + n % 7] for n in range(400)]
SIZES: Final = (40, 400, 8000)

Work = Callable[[StoreAnswers, CacheKey, int], Awaitable[None]]


def body(words: int) -> bytes:
    """An answer of so many words."""
    text = " ".join(WORDS[n * 7 % 400] for n in range(words))
    return (
        b'{"id":"chatcmpl-BwZq1","object":"chat.completion","created":1795435200,"model":"gpt-5.1-2025-11-13","choices":'
        b'[{"index":0,"message":{"role":"assistant","content":"%s","refusal":null,"annotations":[]},"logprobs":null,'
        b'"finish_reason":"stop"}],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29},'
        b'"service_tier":"default","system_fingerprint":"fp_44709d6fcb"}'
    ) % text.encode()


async def hits(answers: StoreAnswers, key: CacheKey, number: int) -> None:
    """Ask where there is an answer."""
    assert isinstance(await answers.ask(key, caller=f"k_{number}", only_if_cached=False), Hit)


async def misses(answers: StoreAnswers, key: CacheKey, number: int) -> None:
    """Ask where there is none, find it, and have it stored."""
    mine = a_key(f"{key.name} {number}")
    lead = await answers.ask(mine, caller="k_1")
    assert not isinstance(lead, Hit | Missed)
    lead.deposit(an_entry(mine, body=body(40)))


async def cost(engine: Engine, work: Work, words: int) -> tuple[float, float]:
    """The smallest CPU time per call: of the worker and of the engine."""
    assert engine.pid is not None
    figures = []
    async with a_worker(engine.url, lease_s=3.0) as answers:
        for number in range(ROUNDS):
            key = a_key(f"{work.__name__} {words} {number}")
            answers.put(key, an_entry(key, body=body(words)))
            await settled(answers)
            ours, theirs = process_time_ns(), engine_cpu_ns(engine.pid)
            for first in range(0, CALLS, AT_ONCE):
                await asyncio.gather(*(work(answers, key, at) for at in range(first, first + AT_ONCE)))
            await settled(answers)
            figures.append((process_time_ns() - ours, engine_cpu_ns(engine.pid) - theirs))
    return min(ours for ours, _ in figures) / CALLS / 1000, min(theirs for _, theirs in figures) / CALLS / 1000


async def together(engine: Engine) -> float:
    """The smallest CPU time of the worker for one of those who wait for an answer that is on its way."""
    figures = []
    async with a_worker(engine.url, lease_s=3.0) as answers:
        for number in range(ROUNDS):
            key = a_key(f"together {number}")
            lead = await answers.ask(key, caller="k_1")
            assert not isinstance(lead, Hit | Missed)
            began = process_time_ns()
            asks = [asyncio.create_task(answers.ask(key, caller="k_2")) for _ in range(CALLS)]
            await waiting(answers, CALLS)
            lead.deposit(an_entry(key, body=body(40)))
            await asyncio.gather(*asks)
            figures.append(process_time_ns() - began)
    return min(figures) / CALLS / 1000


async def round_trip(engine: Engine) -> tuple[float, float]:
    """What a hit takes alone, in microseconds of the wall: the median and the 99th of a hundred."""
    async with a_worker(engine.url) as answers:
        key = a_key("alone")
        answers.put(key, an_entry(key, body=body(40)))
        await settled(answers)
        taken = []
        for number in range(2000):
            began = perf_counter_ns()
            await hits(answers, key, number)
            taken.append((perf_counter_ns() - began) / 1000)
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98]


def main() -> None:
    """Print the figures."""
    for words in SIZES:
        entry = an_entry(a_key(), body=body(words))
        parcel = pack(entry)
        assert parcel is not None
        value = parcel.head + b"1" * 16 + parcel.rest
        print(f"an answer of {len(entry.body) / 1000:.1f} KB, stored in {len(value) / 1000:.1f} KB:")
        alone("packed", lambda entry=entry: pack(entry), 100)  # type: ignore[misc]  # its default binds this round's
        alone("unpacked", lambda value=value: unpack(value), 100)  # type: ignore[misc]  # as above
    for kind in ("valkey", "redis"):
        with running_engine(kind) as engine:
            for words in SIZES:
                ours, theirs = asyncio.run(cost(engine, hits, words))
                print(
                    f"{kind}: a hit of {len(body(words)) / 1000:.1f} KB: worker {ours:.1f} µs, engine {theirs:.1f} µs"
                )
            ours, theirs = asyncio.run(cost(engine, misses, SIZES[0]))
            print(f"{kind}: a miss and its deposit: worker {ours:.1f} µs, engine {theirs:.1f} µs")
            print(f"{kind}: a wait within the worker: {asyncio.run(together(engine)):.1f} µs")
            median, slow = asyncio.run(round_trip(engine))
            print(f"{kind}: a hit alone takes {median:.0f} µs (p99 {slow:.0f} µs)")


if __name__ == "__main__":
    main()
