"""After an answer was given that was stored for another wording: a sample of these calls is put to the upstream all the same.

The caller has their answer and notices nothing; what the model says now is compared with what they got. It is the very request
that would have been sent, and an attempt like any other: it has a permit and a hold, and leaves a row, attempt 1 of the call that
was answered as attempt 0, whose team pays for it. It comes after everybody else: it waits in no queue, is not made where a
budget refuses it, and a worker makes few (``near_trust``). Where the two differ, the stored answer is forgotten.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b
from typing import Final

import msgspec

from proxy.dedup.agreement import agree
from proxy.domain.decision import Decision, Reuse
from proxy.domain.errors import CallError, StoreAway, Unavailable
from proxy.domain.meter import Unit
from proxy.domain.reuse import CacheKey, Entry, Hit
from proxy.domain.row import VERIFY
from proxy.policy.notices import near_off
from proxy.ports import Answer
from proxy.steps.attempt import Attempt
from proxy.steps.cache_status import CacheStatus
from proxy.steps.delivery import is_stream
from proxy.steps.detour import GivesWay
from proxy.steps.near_trust import AGREE, DIFFER, FAILED, SKIPPED
from proxy.steps.recording import Recording, Sought
from proxy.steps.reusing import scope_of
from proxy.steps.visit import Plan, Visit
from proxy.steps.world import World

MOST_BYTES: Final = 32 * 1024  # of an answer that is compared: what a look at it may take is bounded
_MILLION: Final = 1_000_000
_OTHERWISE: Final = frozenset(
    ("tool-call", "refusal", "filtered", "empty")
)  # answers, of another kind than the stored one
_SPENT: Final = (Unit.NUSD, Unit.TOKENS)


def verify(world: World, visit: Visit, plan: Plan, hit: Hit) -> None:
    """Have a call that was answered with ``hit`` asked again, if it is of the sample and there is room; returns at once."""
    terms = plan.decision.reuse
    if terms is None or not (terms.verify_millionths and plan.cached.is_near and plan.cached.is_reused):
        return
    if is_sampled(plan.call.request_id, terms.verify_millionths) and world.near.begin(world.clock.monotonic()):
        world.later(_Again(world, visit, plan, hit, terms).run())


def is_sampled(request_id: str, millionths: int) -> bool:
    """Whether a call is of a sample: always the same answer for the same call, and for so many of a million calls."""
    drawn = blake2b(request_id.encode(), digest_size=8, person=b"verify").digest()
    return int.from_bytes(drawn, "big") % _MILLION < millionths


class _Fresh:
    """Satisfies ``recording.Keeper`` and ``recording.Tally``: what came, or why nothing did. It is kept for nobody else."""

    def __init__(self) -> None:
        self.entry: Entry | None = None
        self.why = ""

    async def is_wanted(self) -> bool:
        """Not without the one who asked."""
        return False

    def deposit(self, entry: Entry) -> None:
        """It came whole."""
        self.entry = entry

    def give_up(self, *, alone: bool = False) -> None:
        """``kept`` is told why."""

    def kept(self, why: str) -> None:
        """How it ended."""
        self.why = why


class _Again:
    """One call, asked again."""

    def __init__(self, world: World, visit: Visit, plan: Plan, hit: Hit, terms: Reuse) -> None:
        """Take what is needed of the call before it ends."""
        now = world.clock.monotonic()
        self._world, self._hit, self._terms = world, hit, terms
        self._head = plan.headers(visit.request)
        if (key := plan.dialect.credential(plan.upstream)) is not None:
            self._head.append(key)
        self._plan = replace(
            plan, number=1, cached=CacheStatus(VERIFY, key=plan.cached.key), decision=_of_spending(plan.decision)
        )
        # Its caller counts already, and has been answered; what follows is measured from here.
        self._visit = replace(visit, began=now, read_at=now, opened=False, counted=True, last_piece=b"")

    async def run(self) -> None:
        """Ask, compare, and take the consequences. Raises nothing but cancellation."""
        result = FAILED
        try:
            result = await self._result()
        finally:
            self._world.near.end(result)
        if result in (AGREE, DIFFER):
            self._take(differ=result == DIFFER)
        if result == DIFFER:
            await self._forget()

    async def _result(self) -> str:
        world, plan, served = self._world, self._plan, self._hit.entry.body
        if len(served) > MOST_BYTES or not world.books.healthy:
            return SKIPPED
        permit = world.permits.take((plan.upstream,))
        if permit is None:
            return SKIPPED
        fresh = _Fresh()
        attempt = Attempt(world, self._visit, plan, permit, recording=self._recording(fresh))
        try:
            async with attempt:
                await self._ask(attempt)
        except (CallError, GivesWay):
            return SKIPPED if attempt.hold is None else FAILED
        if (entry := fresh.entry) is None:
            return DIFFER if fresh.why in _OTHERWISE else FAILED
        if len(entry.body) > MOST_BYTES or entry.model != self._hit.entry.model:
            return FAILED
        is_same = await asyncio.to_thread(agree, entry.api, served, entry.body)
        return AGREE if is_same else DIFFER

    def _recording(self, fresh: _Fresh) -> Recording:
        """What reads the answer as those are read that are stored."""
        plan, entry = self._plan, self._hit.entry
        sought = Sought(
            key=CacheKey(plan.call.principal.org, "", plan.cached.key, entry.digest, entry.exact),
            api=plan.ask.endpoint.api,
            models=(),  # it is to be the one that gave the stored answer
            masked=(),  # an answer that repeats what the key leaves out differs by that
            call_id=plan.call.request_id,
            ttl_s=0.0,
            is_shadow=False,
        )
        return Recording(fresh, fresh, sought, self._world.clock.now)

    async def _ask(self, attempt: Attempt) -> None:
        out = self._plan.outgoing()
        attempt.edits = out.edits
        try:
            answer = await attempt.send(out.target, self._head, out.body)
            attempt.answered(answer)
            await (_streamed(attempt, answer) if is_stream(self._plan, answer) else attempt.read())
        except asyncio.CancelledError:  # no caller has left: the worker ends
            raise Unavailable("The proxy ended before an answer came that nobody waits for.") from None

    def _take(self, *, differ: bool) -> None:
        """Count it, if its rule still stands as it was; where too many differ, tell it to those who keep watch."""
        world, rule, generation = self._world, self._terms.rule, self._visit.generation.id
        if generation != world.generation.id:
            return
        share = world.near.compared(rule, generation, differ=differ)
        if share is not None:
            world.notices.tell(near_off(rule, share.differ, share.of, generation, int(world.clock.now())))

    async def _forget(self) -> None:
        """Whoever asks next gets an answer of today."""
        who, share = self._plan.call.principal, self._terms.share
        with suppress(StoreAway):
            await self._world.answers.forget(who.org, (scope_of(share, who),), self._plan.cached.key)


async def _streamed(attempt: Attempt, answer: Answer) -> None:
    while piece := await answer.piece():
        attempt.feed(piece)
        if (cut := attempt.cut) is not None:
            raise cut


def _of_spending(decision: Decision) -> Decision:
    """A decision with limits on money and tokens alone: the request was counted when it was made, and nobody waits for this one."""
    spent = tuple([wish for wish in decision.obligations if wish.unit in _SPENT])
    return msgspec.structs.replace(decision, obligations=spent)
