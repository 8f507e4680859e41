"""Whatever is asked, stored, flushed and forgotten, in any order and by two workers, is as a model in plain Python says.

What is served is what was stored for this very request, by this very tenant, and not flushed since.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, ClassVar

import redis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from proxy.domain.reuse import CacheKey, Entry, Hit, Missed
from proxy.ports import Lead
from proxy.stores.answers.asking import StoreAnswers
from proxy.stores.engine import Engine
from tests.support.cached import a_key, a_worker, an_entry, settled

TENANTS = (("acme", "team:growth"), ("acme", "org"), ("acme|team:growth", ""))
NAME = "0123456789abcdef" * 2  # of all that is asked: a name says nothing
tenants, workers, callers = st.sampled_from(TENANTS), st.integers(0, 1), st.sampled_from(("k_1", "k_2"))


@st.composite
def asked(draw: st.DrawFn) -> CacheKey:
    """One of two requests of some tenant."""
    org, scope = draw(tenants)
    return a_key("same", scope, org, name=NAME, digest=draw(st.sampled_from((b"d" * 32, b"d" * 31 + b"e"))))


class Cache(RuleBasedStateMachine):
    """Two workers on one engine."""

    url: ClassVar[str]
    leads = Bundle("leads")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.stored: dict[tuple[str, str, str], Entry] = {}
        self.marks: dict[tuple[str, str, str, str], int] = {}
        self.generation: dict[tuple[str, str], int] = {}
        self.number = 0
        self.forgets = 0
        self.forgotten: dict[tuple[str, str, str], int] = {}  # when an answer was deleted last

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        async def enter() -> list[StoreAnswers]:
            return [await self.stack.enter_async_context(a_worker(self.url, wait_s=0.01, lease_s=30)) for _ in range(2)]

        self.workers: list[StoreAnswers] = self.run(enter())

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()

    @rule(target=leads, key=asked(), worker=workers, caller=callers, fresh=st.booleans(), cached=st.booleans())
    def ask(self, key: CacheKey, worker: int, caller: str, fresh: bool, cached: bool) -> Any:  # noqa: FBT001 - drawn
        wish: dict[str, bool] = {"only_if_cached": True} if cached else {"fresh": fresh}
        found = self.run(self.workers[worker].ask(key, caller=caller, **wish))
        place, there = self.place(key), self.there(key)
        if isinstance(found, Hit):
            assert there is not None, "served what nobody stored for this request of this tenant"
            assert found.entry == there
            assert not wish.get("fresh")
            if not cached:
                assert self.marks.get((*place, caller), 0) != 1
                self.marks.setdefault((*place, caller), 1)
        elif isinstance(found, Missed):
            assert found.why in ("waited", "not-cached")
            assert there is None
        else:
            assert not cached
            if not fresh and there is not None:
                assert found.is_refresh
                assert self.marks[*place, caller] == 1
                self.marks[*place, caller] = 2
            else:
                assert not found.is_refresh
            return key, worker, found, self.generation.get((key.org, key.scope), 0), self.forgets
        return None

    @rule(lead=consumes(leads), gives_up=st.booleans(), alone=st.booleans())
    def end(self, lead: tuple[CacheKey, int, Lead, int, int] | None, gives_up: bool, alone: bool) -> None:  # noqa: FBT001 - drawn
        if lead is None:
            return
        key, worker, duty, generation, forgets = lead
        entry = self.an_entry(key)

        async def told() -> None:
            if gives_up:
                duty.give_up(alone=alone)
            duty.deposit(entry)
            duty.give_up()
            await settled(self.workers[worker])

        self.run(told())
        is_deleted = self.forgotten.get(self.place(key), 0) > forgets
        if not gives_up and not is_deleted and generation == self.generation.get((key.org, key.scope), 0):
            self.stored[self.place(key)] = entry

    @rule(key=asked(), worker=workers, is_shadow=st.booleans())
    def put(self, key: CacheKey, worker: int, is_shadow: bool) -> None:  # noqa: FBT001 - drawn
        entry = self.an_entry(key, is_shadow=is_shadow)

        async def told() -> None:
            self.workers[worker].put(key, entry)
            await settled(self.workers[worker])

        self.run(told())
        self.stored[self.place(key)] = entry

    @rule(key=asked(), worker=workers)
    def peek(self, key: CacheKey, worker: int) -> None:
        found = self.run(self.workers[worker].peek(key))
        stored = self.stored.get(self.place(key))
        assert (found.entry if found else None) == (stored if stored and stored.digest == key.digest else None)

    @rule(tenant=tenants, worker=workers)
    def flush(self, tenant: tuple[str, str], worker: int) -> None:
        self.run(self.workers[worker].flush(*tenant))
        self.generation[tenant] = self.generation.get(tenant, 0) + 1
        self.stored = {place: entry for place, entry in self.stored.items() if place[:2] != tenant}

    @rule(org=tenants.map(lambda tenant: tenant[0]), worker=workers)
    def flush_all(self, org: str, worker: int) -> None:
        self.run(self.workers[worker].flush_all(org))
        for tenant in TENANTS:
            if tenant[0] == org:
                self.generation[tenant] = self.generation.get(tenant, 0) + 1
        self.stored = {place: entry for place, entry in self.stored.items() if place[0] != org}

    @rule(key=asked(), worker=workers, scopes=st.lists(tenants.map(lambda tenant: tenant[1]), max_size=3))
    def forget(self, key: CacheKey, worker: int, scopes: list[str]) -> None:
        gone = self.run(self.workers[worker].forget(key.org, scopes, key.name))
        places = {(key.org, scope, key.name) for scope in scopes}
        assert gone or not places & self.stored.keys()
        self.forgets += 1
        self.forgotten |= dict.fromkeys(places, self.forgets)
        self.stored = {place: entry for place, entry in self.stored.items() if place not in places}

    @invariant()
    def nothing_is_wrong(self) -> None:
        for answers in getattr(self, "workers", ()):
            assert answers.troubles.keys() <= {"strange"}

    def place(self, key: CacheKey) -> tuple[str, str, str]:
        return key.org, key.scope, key.name

    def there(self, key: CacheKey) -> Entry | None:
        found = self.stored.get(self.place(key))
        return found if found and found.digest == key.digest and not found.is_shadow else None

    def an_entry(self, key: CacheKey, **more: Any) -> Entry:
        self.number += 1
        return an_entry(key, f"{key.org} {key.scope} {self.number}", **more)


def test_two_tenants_never_share_an_entry(engine: Engine) -> None:
    class Here(Cache):
        url = engine.url

        def __init__(self) -> None:
            with redis.Redis(unix_socket_path=str(engine.socket)) as client:
                client.flushall()
            super().__init__()

    run_state_machine_as_test(Here, settings=settings(max_examples=40, stateful_step_count=30, deadline=None))
