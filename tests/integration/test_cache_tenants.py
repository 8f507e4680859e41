"""Whoever asks, whatever they share and whatever is flushed or deleted: an answer is only given to those it was kept for.

Keys are made from requests and principals as a walk makes them, answers are kept as an attempt keeps them, and they lie on a
real engine, asked by two workers. All orgs have one secret here: nothing but where an answer lies keeps them apart.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import msgspec
import redis
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule, run_state_machine_as_test

from proxy.dedup.cache_control import caller_wishes
from proxy.domain.ask import Ask
from proxy.domain.decision import Decision, Reuse
from proxy.domain.principal import Principal
from proxy.domain.reuse import CacheKey
from proxy.domain.usage import Usage, UsageSource
from proxy.ports import Headers
from proxy.steps.cache_status import REFRESH
from proxy.steps.recording import Recording
from proxy.steps.reusing import look, scope_of
from proxy.stores.answers.asking import StoreAnswers
from proxy.stores.engine import Engine, cache_flags
from tests.support.cached import a_worker, settled
from tests.support.engines import short_folder
from tests.support.plans import make_call, make_plan, make_visit, make_world
from tests.support.reusing import said

PEOPLE = (  # org, team, pseudonym: names of one kind that pass for another's, or for both
    Principal("k_1", "acme", "growth", "p_1"),
    Principal("k_2", "acme", "growth", "p_2"),
    Principal("k_3", "acme", "p_1", "growth"),
    Principal("k_1", "beta", "growth", "p_1"),
    Principal("k_1", "acme|team:growth", "growth", "p_1"),
    Principal("k_5", "acme", "growth|g", "p_1|g"),
    Principal("k_6", "acme", "org", "org"),
)
SHARES, MODEL = ("user", "team", "org"), "gpt-5.1"
QUESTIONS = {  # in other words the same, or not
    "Explain how the sails are set by a crew": "a crew",
    "Please explain how the sails are set by a crew.": "a crew",
    "Explain how the sails are set by a crew of 12": "12",
}


Owner = tuple[str, str, str]  # org, share, and who of it


def owner_of(who: Principal, share: str) -> Owner:
    """Whose answers somebody is given."""
    return who.org, share, {"user": who.pseudonym, "team": who.team, "org": ""}[share]


class Asked(NamedTuple):
    """A request, and whose answers it may be given."""

    who: Principal
    share: str
    text: str

    @property
    def place(self) -> Place:
        """Where its answer is, as plain words say."""
        return Place(owner_of(self.who, self.share), QUESTIONS[self.text])


class Place(NamedTuple):
    """Where an answer is: whose it is, and what was meant."""

    owner: Owner
    meaning: str


class Led(NamedTuple):
    """A duty to find an answer."""

    asked: Asked
    worker: int
    recording: Recording
    at: int


@dataclass
class Head:
    """Of a good answer. Satisfies ``ports.Answer``."""

    status: int = 200
    coding: bytes = b""
    headers: Headers = ()

    async def read(self) -> bytes:
        return b""

    async def piece(self) -> bytes:
        return b""

    def arrived(self, most: int) -> bytes:
        return b""[:most]

    def close(self) -> None: ...


texts = st.sampled_from(sorted(QUESTIONS))
requests = st.builds(Asked, st.sampled_from(PEOPLE), st.sampled_from(SHARES), texts)
workers = st.integers(0, 1)
wishes = st.sampled_from((None, None, None, "no-cache", "only-if-cached"))


def told(body: bytes) -> str:
    """What an answer says."""
    return str(json.loads(body)["choices"][0]["message"]["content"])


class Tenants(RuleBasedStateMachine):
    """Two workers on one engine, and what they must know, as a dictionary."""

    engine: ClassVar[Engine]
    leads, names = Bundle("leads"), Bundle("names")

    def __init__(self) -> None:
        super().__init__()
        with redis.Redis(unix_socket_path=str(self.engine.socket)) as client:
            client.flushall()
        self.runner, self.stack = asyncio.Runner(), AsyncExitStack()
        self.stored: dict[Place, str] = {}
        self.key_of: dict[Place, CacheKey] = {}
        self.ended: dict[Any, int] = {}  # when an owner's answers were flushed, or one of them was deleted
        self.time = 0

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize()
    def begin(self) -> None:
        async def enter() -> list[StoreAnswers]:
            entered = (a_worker(self.engine.url, wait_s=0.01, lease_s=30) for _ in range(2))
            return [await self.stack.enter_async_context(one) for one in entered]

        self.workers: list[StoreAnswers] = self.run(enter())

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()

    @rule(text=texts, worker=workers, first=st.integers(0, len(PEOPLE) - 1))
    def everybody_asks(self, text: str, worker: int, first: int) -> None:
        for who in PEOPLE[first:] + PEOPLE[:first]:
            for share in SHARES:
                self.ask(Asked(who, share, text), worker, None)

    @rule(asked=requests, worker=workers, wish=wishes)
    def ask(self, asked: Asked, worker: int, wish: str | None) -> None:
        """Who finds nothing is answered at once."""
        self.answer(self.begin_to_ask(asked, worker, wish))

    @rule(target=leads, asked=requests, worker=workers, wish=wishes)
    def begin_to_ask(self, asked: Asked, worker: int, wish: str | None) -> Led | None:
        """Who finds nothing is answered later, or never."""
        world = make_world()
        world.answers = self.workers[worker]
        call = msgspec.structs.replace(make_call(), principal=asked.who)
        body = {"model": MODEL, "messages": [{"role": "user", "content": asked.text}]}
        ask = Ask(make_plan().ask.endpoint, MODEL, json.dumps(body).encode())
        terms = Reuse("p/reuse", "near", False, asked.share, 3600.0, None, False, 0, ())
        decision = Decision("d_1", "41c9e02", reuse=terms)
        plan = make_plan(call=call, ask=ask, model=MODEL, decision=decision)
        found = self.run(look(world, make_visit(principal=asked.who), plan, caller_wishes(wish)))
        place, cached = asked.place, found.plan.cached
        if found.hit is not None:
            assert place in self.stored, "given what nobody kept for them"
            assert told(found.hit.entry.body) == self.stored[place]
            assert wish != "no-cache"
        elif found.recording is not None:
            assert wish != "only-if-cached"
            assert place not in self.stored or cached.result == REFRESH
            self.key_of[place] = found.recording._sought.key
            return Led(asked, worker, found.recording, self.time)
        else:
            assert place not in self.stored
            assert cached.reason in ("waited", "not-cached")
        return None

    @rule(target=names, asked=requests)
    def hear_of(self, asked: Asked) -> str:
        """Somebody is told the name of an answer, who may delete it or not."""
        return self.key_of[asked.place].name if asked.place in self.key_of else "0" * 32

    @rule(led=consumes(leads))
    def fail(self, led: Led | None) -> None:
        async def end() -> None:
            if led is not None:
                led.recording.stop()
                await settled(self.workers[led.worker])

        self.run(end())

    @rule(led=consumes(leads))
    def answer(self, led: Led | None) -> None:
        if led is None:
            return
        self.time += 1
        place = led.asked.place
        text = f"Of {place}: number {self.time}"
        usage = Usage(input=9, output=9, model=MODEL, complete=True, usage_source=UsageSource.REPORTED)

        async def end() -> None:
            led.recording.begin(Head(), is_stream=False)
            led.recording.take(json.dumps(said(text, model=MODEL)).encode())
            led.recording.end(usage)
            await settled(self.workers[led.worker])

        self.run(end())
        if led.at >= max(self.ended.get(place.owner, 0), self.ended.get(place, 0)):
            self.stored[place] = text

    @rule(who=st.sampled_from(PEOPLE), share=st.sampled_from(SHARES), worker=workers)
    def flush(self, who: Principal, share: str, worker: int) -> None:
        self.run(self.workers[worker].flush(who.org, scope_of(share, who)))
        owner = owner_of(who, share)
        self.end(owner, {place for place in self.stored if place.owner == owner})
        self.look_around(worker)

    @rule(who=st.sampled_from(PEOPLE), name=names, worker=workers)
    def delete(self, who: Principal, name: str, worker: int) -> None:
        """As ``DELETE /v1/cache/{id}`` does."""
        scopes = [scope_of(share, who) for share in SHARES]
        is_gone = self.run(self.workers[worker].forget(who.org, scopes, name))
        theirs = {owner_of(who, share) for share in SHARES}
        places = {place for place, key in self.key_of.items() if key.name == name and place.owner in theirs}
        assert is_gone or not places & self.stored.keys()
        for place in places:
            self.end(place, {place})
        self.look_around(worker)

    def look_around(self, worker: int) -> None:
        """What was flushed or deleted was nobody else's: all the rest is there."""
        for place, key in self.key_of.items():
            found = self.run(self.workers[worker].peek(key))
            assert (told(found.entry.body) if found else None) == self.stored.get(place)

    def end(self, what: Any, places: set[Place]) -> None:
        self.time += 1
        self.ended[what] = self.time
        for place in places:
            self.stored.pop(place, None)


def test_no_two_tenants_ever_share_an_answer() -> None:
    with short_folder() as folder:
        engine = Engine("cache", folder, cache_flags(maxmemory_mb=32))
        engine.start()

        class Here(Tenants):
            pass

        Here.engine = engine
        try:
            run_state_machine_as_test(Here, settings=settings(max_examples=30, stateful_step_count=30, deadline=None))
        finally:
            engine.stop()
