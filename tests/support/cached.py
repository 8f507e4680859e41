"""Keys, entries and workers of the cache as tests write them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from proxy.config.store_url import parse_endpoint
from proxy.domain.reuse import CacheKey, Entry, Hit, Missed
from proxy.domain.usage import Usage, UsageSource
from proxy.ports import Lead
from proxy.stores.answers.asking import StoreAnswers
from proxy.stores.answers.spots import CHANNEL
from proxy.stores.store import Store
from proxy.stores.subscription import Subscription

LEASE_S = 0.4
STUCK_S = 20.0  # generous: it only proves that nothing is stuck


def a_key(text: str = "hello", scope: str = "team:growth", org: str = "acme", **more: Any) -> CacheKey:
    """The key of a prompt, as a secret would make it."""
    digest = hashlib.blake2b(f"{org} {scope} {text}".encode(), digest_size=32).digest()
    fields: dict[str, Any] = {"name": digest.hex()[:32], "digest": digest, "exact": digest[::-1]} | more
    return CacheKey(org, scope, **fields)


def an_entry(key: CacheKey, text: str = "an answer", **more: Any) -> Entry:
    """An answer to the prompt of a key."""
    fields: dict[str, Any] = {
        "id": "0190f0c6-1111-7000-8000-000000000001",
        "api": "openai.chat",
        "model": "gpt-5.1",
        "digest": key.digest,
        "exact": key.exact,
        "created": 1_795_435_200.0,
        "ttl_s": 60.0,
        "usage": Usage(input=12, output=7, complete=True, usage_source=UsageSource.REPORTED, model="gpt-5.1"),
        "body": b'{"choices":[{"message":{"content":"%s"}}]}' % text.encode(),
    }
    return Entry(**fields | more)


@asynccontextmanager
async def a_worker(
    url: str, *, listens: bool = True, deadline_s: float = 2.0, **settings: Any
) -> AsyncIterator[StoreAnswers]:
    """The cache as one worker has it, patient by default: tests judge what happens, not how fast this machine is."""
    store = Store(parse_endpoint(url), may_evict=True, deadline_s=deadline_s)
    answers = StoreAnswers(store, **{"lease_s": LEASE_S, "deadline_s": deadline_s} | settings)
    ear = Subscription(parse_endpoint(url), CHANNEL, answers.heard)
    store.start()
    listening = asyncio.create_task(ear.run())
    async with AsyncExitStack() as stack:
        stack.push_async_callback(store.close)
        stack.push_async_callback(answers.close)
        stack.callback(listening.cancel)
        await store.wait_up(STUCK_S)
        if listens:
            async with asyncio.timeout(STUCK_S):
                await ear.listening.wait()
        else:
            listening.cancel()
        yield answers


async def led(answers: StoreAnswers, key: CacheKey, caller: str = "k_1", **wish: Any) -> Lead:
    """Ask where there is no answer."""
    found = await answers.ask(key, caller=caller, **wish)
    assert not isinstance(found, Hit | Missed), found
    return found


async def hit(answers: StoreAnswers, key: CacheKey, caller: str = "k_1", **wish: Any) -> Hit:
    """Ask where there is one."""
    found = await answers.ask(key, caller=caller, **wish)
    assert isinstance(found, Hit), found
    return found


async def stored(answers: StoreAnswers, key: CacheKey, text: str = "an answer", **more: Any) -> Entry:
    """Have an answer stored."""
    entry = an_entry(key, text, **more)
    answers.put(key, entry)  # there is no lease that a slow machine could lose meanwhile
    await settled(answers)
    return entry


async def settled(answers: StoreAnswers) -> None:
    """What was told the cache has arrived."""
    async with asyncio.timeout(STUCK_S):
        while answers._tasks:
            await asyncio.wait(answers._tasks)


async def waiting(answers: StoreAnswers, count: int) -> None:
    """So many asks of this worker wait for somebody's answer."""
    async with asyncio.timeout(STUCK_S):
        while sum(len(flight._waiting) for flight in answers._flights.values()) != count:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.002)
