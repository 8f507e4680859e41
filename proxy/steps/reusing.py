"""The step between decide and hold: whether an answer that is there, or on its way, may be this call's answer, too.

It needs the plan, because what is compared is the request as it would be sent: redacted, routed, clamped, for one upstream.
A call is looked up before it waits for anything else, so that a repeat waits in no queue and holds no money. Whoever finds
nothing has the duty to find an answer for all who ask the same meanwhile: its attempt keeps what it is told.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from re import Pattern
from typing import Final, NamedTuple

import jiter
import msgspec

from proxy.dedup.cache_control import CacheControl
from proxy.dedup.canonical import compile_volatile
from proxy.dedup.eligible import ineligible
from proxy.dedup.envelope import Sent
from proxy.dedup.key import Keys, request_keys
from proxy.domain.ask import Ask
from proxy.domain.decision import Reuse
from proxy.domain.principal import Principal
from proxy.domain.reuse import CacheKey, Hit, Missed
from proxy.steps.cache_status import (
    COALESCED,
    HIT,
    MISS,
    NEAR,
    OFF_WORD,
    REFRESH,
    SHADOW,
    CacheStatus,
    bypass,
)
from proxy.steps.counted_only import CountedOnly
from proxy.steps.recording import Keeper, Recording, Sought
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

AGAIN: Final = "refresh"  # the reason where the caller had the answer a moment ago
EXACT: Final = "exact"  # the mode of a rule whose near answers are not trusted (``near_trust``)
_AUDIT: Final = "audit"
_NONE, _FAILED = "not-cached", "failed"  # of ``domain.reuse.Missed``
_WHOLE, _STREAMED = ":rawPredict", ":streamRawPredict"  # Anthropic's messages on Vertex AI
_REPLAYED: Final = (  # operations whose answers can be told again
    ("openai.chat", "/chat/completions"),
    ("openai.responses", "/responses"),
    ("anthropic.messages", "/v1/messages"),
    ("anthropic.messages", _WHOLE),
    ("anthropic.messages", _STREAMED),
    ("gemini.generate", ":generateContent"),
    ("gemini.generate", ":streamGenerateContent"),
)


class Found(NamedTuple):
    """What a look came to: the plan, which knows it, and an answer, or a recording that must be ended, or neither."""

    plan: Plan
    hit: Hit | None = None
    recording: Recording | None = None


def may_reuse(visit: Visit, ask: Ask) -> bool:
    """Whether any rule in force could let this operation be answered without an upstream."""
    endpoint = ask.endpoint
    if not (visit.generation.policy.caches and endpoint.generates):
        return False
    path = endpoint.upstream_path
    if path.endswith((_WHOLE, _STREAMED)) and ask.stream != path.endswith(_STREAMED):
        return False  # path and body do not agree on how the answer is to be told
    return any(endpoint.api == api and path.endswith(end) for api, end in _REPLAYED)


def scope_of(share: str, who: Principal) -> str:
    """Whose answers are meant by a rule's ``share`` (user, team, org)."""
    return {"user": f"user:{who.pseudonym}", "team": f"team:{who.team}"}.get(share, "org")


def caller_of(who: Principal) -> str:
    """Whose asking again counts: a key's, and where all tokens of an issuer go by one word, a person's."""
    return f"{who.key_id}:{who.pseudonym}"


async def look(world: World, visit: Visit, plan: Plan, wishes: CacheControl) -> Found:
    """Look for an answer to the call as planned. Never raises for what is wrong with the cache."""
    terms = plan.decision.reuse
    if terms is None or terms.mode == OFF_WORD:
        return Found(plan)
    if terms.verify_millionths and world.near.is_off(terms.rule, visit.generation.id):
        terms = msgspec.structs.replace(terms, mode=EXACT)
    plan = replace(plan, made=plan.outgoing())
    sent = _sent(visit, plan)
    if why := "no-store" if wishes.no_store else _found_by_rules(plan) or ineligible(sent, terms):
        return Found(replace(plan, cached=bypass(why)))
    keys = _keys(visit, plan, sent, terms)
    who = plan.call.principal
    key = CacheKey(who.org, scope_of(terms.share, who), keys.name, keys.digest, keys.exact)
    search = _Search(world, plan, key, keys.masked, terms)
    if not terms.shadow:
        return await search.asked(wishes)
    if wishes.only_if_cached:  # a rule in shadow gives none, and who is not served is not counted
        return Found(replace(plan, cached=CacheStatus(MISS, _NONE, keys.name)))
    return await search.counted()


def may_stand_in(found: Found) -> bool:
    """Whether an upstream that stands in may be looked up: this look came to no answer, and the cache has more to say."""
    return found.hit is None and (found.recording is not None or found.plan.cached.reason in (_NONE, _FAILED))


class _Search:
    """One call's look at one key."""

    def __init__(self, world: World, plan: Plan, key: CacheKey, masked: tuple[str, ...], terms: Reuse) -> None:
        self._world, self._plan, self._key, self._masked, self._terms = world, plan, key, masked, terms

    async def counted(self) -> Found:
        """What would have been reused, where a rule only counts."""
        hit = await self._world.answers.peek(self._key)
        if hit is not None and hit.ttl_s > 0 and hit.age_s <= self._terms.ttl_s:
            status = CacheStatus(SHADOW, "shadow", self._key.name, is_near=hit.entry.exact != self._key.exact)
            return Found(replace(self._plan, cached=status))
        keeper = CountedOnly(self._world.answers, self._key)
        return self._leading(CacheStatus(MISS, "shadow", self._key.name), keeper)

    async def asked(self, wishes: CacheControl) -> Found:
        """An answer, or the duty to find one."""
        age_s = self._terms.ttl_s if wishes.max_age_s is None else min(wishes.max_age_s, self._terms.ttl_s)
        unwanted = "no-cache" if wishes.no_cache else "max-age" if not age_s else ""  # nothing is that young
        found = await self._world.answers.ask(
            self._key,
            caller=caller_of(self._plan.call.principal),
            max_age_s=age_s,
            fresh=bool(unwanted),
            only_if_cached=wishes.only_if_cached,
        )
        name = self._key.name
        if isinstance(found, Hit):
            is_near = found.entry.exact != self._key.exact
            result = COALESCED if found.coalesced else NEAR if is_near else HIT
            status = CacheStatus(result, "", name, is_near, found.ttl_s, found.age_s)
            return Found(replace(self._plan, cached=status), hit=found)
        if isinstance(found, Missed):
            return Found(replace(self._plan, cached=CacheStatus(MISS, found.why, name)))
        if found.is_older and age_s < self._terms.ttl_s:
            unwanted = "max-age"
        if unwanted or found.is_refresh:
            return self._leading(CacheStatus(REFRESH, unwanted or AGAIN, name), found)
        return self._leading(CacheStatus(MISS, "stale" if found.is_older else "", name), found)

    def _leading(self, status: CacheStatus, keeper: Keeper) -> Found:
        """Whatever is found now is kept by the attempt that is made."""
        plan, terms = self._plan, self._terms
        sought = Sought(
            key=self._key,
            api=plan.ask.endpoint.api,
            models=_names(plan),
            masked=self._masked,
            call_id=plan.call.request_id,
            ttl_s=terms.ttl_s,
            is_shadow=terms.shadow,
        )
        recording = Recording(self._world.gauge, keeper, sought, self._world.clock.now)
        return Found(replace(plan, cached=status), recording=recording)


def _sent(visit: Visit, plan: Plan) -> Sent:
    out = plan.outgoing()
    return Sent(plan.ask.endpoint.api, out.target, plan.headers(visit.request), jiter.from_json(out.body))


def _keys(visit: Visit, plan: Plan, sent: Sent, terms: Reuse) -> Keys:
    """The call's keys. Two upstreams that call a model the same may mean two models."""
    upstream = plan.upstream
    scope = "\0".join((scope_of(terms.share, plan.call.principal), upstream.name, upstream.base_url))
    secret = visit.generation.directory.answers_key
    return request_keys(secret, scope, sent, terms.mode, compiled(terms.volatile), forms=visit.forms)


@lru_cache(maxsize=64)
def compiled(volatile: tuple[str, ...]) -> tuple[Pattern[str], ...]:
    """A rule's own patterns."""
    return compile_volatile(volatile)


def _found_by_rules(plan: Plan) -> str:
    """Why content rules keep the call out of the cache: what they found goes on to the model as it is."""
    if (seen := plan.screened) is None:
        return ""
    replaced = seen.looked.ruling.sides.replaced
    left = [
        name
        for wish, names in seen.looked.found
        if wish.mode != _AUDIT  # nobody may feel a rule in audit
        for name in names
        if name not in replaced
    ]
    return "content" if left or seen.unread else ""


def _names(plan: Plan) -> tuple[str, ...]:
    """What the model that was asked for may call itself; empty where the upstream's word on it is not to be trusted."""
    if not plan.upstream.trust_served_model:
        return ()
    named = plan.decision.route.model if plan.decision.route else plan.ask.model
    return (plan.model, named)
