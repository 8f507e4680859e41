"""What callers did lately: gathered for the rules that ask about it, and counted when a call ends.

Every call of an identified caller counts once, however many upstreams were asked for it, as its caller saw it end: an error
is any answer that says so, a provider's or ours, a caller who left an attempt abandoned it. Only what a ladder refused
itself is no error: else it would stand on its own refusals. Costs count with each attempt that had them. Lists of models
do not count. Where no rule asks, nothing of this is done.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from proxy.domain.decision import Decision
from proxy.domain.errors import CallError
from proxy.domain.lately import Counts, Lately
from proxy.domain.money import NANO_PER_USD
from proxy.domain.row import Outcome, Row
from proxy.policy.facts import Facts, Recent
from proxy.policy.generation import Policy
from proxy.policy.scopes import scope
from proxy.steps.rows import ending
from proxy.steps.visit import Visit
from proxy.steps.world import World

_FINE: Final = frozenset({Outcome.OK, Outcome.CACHE_HIT, Outcome.COALESCED, Outcome.CLIENT_ABORT})
_LADDER: Final = "waste"  # the verb


class _Whose(NamedTuple):
    """Satisfies ``policy.scopes.Whose``."""

    team: str
    person: str
    key: str
    project: str | None
    model: str


def gathered(world: World, policy: Policy, facts: Facts) -> Facts:
    """The facts with what rules ask about recent usage, as last known here; nothing is waited for."""
    if not policy.counted:
        return facts
    usage, since = [], []
    for one in policy.wants(facts):
        known = world.usage.of(facts.org, one.scope, one.ladders)
        if known.day.requests or known.day.nusd:
            usage.append((one.scope, recent_of(known)))
        since += [(ladder, at) for ladder, at in known.since if ladder in one.ladders]
    return msgspec.structs.replace(facts, usage=tuple(usage), waste_since=tuple(since)) if usage or since else facts


def recent_of(known: Lately) -> Recent:
    """Counts as rules see them."""
    hour, day = known.hour, known.day
    figures: dict[str, Any] = {
        "requests_1h": hour.requests,
        "requests_24h": day.requests,
        "redundancy_1h": _share(hour),
        "redundancy_24h": _share(day),
        "errors_1h": float(hour.errors),
        "errors_24h": float(day.errors),
        "abandoned_1h": float(hour.abandoned),
        "abandoned_24h": float(day.abandoned),
        "cost_24h": day.nusd / NANO_PER_USD,
    }
    return Recent(**{name: figure for name, figure in figures.items() if figure})  # rows leave out what was not set


def _share(counts: Counts) -> float:
    """The part of the input that repeats what the scope had asked before."""
    return round(counts.repeated / counts.looked, 4) if counts.looked else 0.0


def remember(world: World, org: str, decision: Decision) -> None:
    """Keep since when the conditions of ladders hold."""
    for watch in decision.watches:
        world.usage.watch(org, watch)


def booked(world: World, visit: Visit, row: Row) -> None:
    """Count what an attempt cost and, unless another one may follow it, the call."""
    if not visit.generation.policy.counted:
        return
    counts = Counts(nusd=row.cost_nusd)
    if not (row.may_follow or visit.counted):
        visit.counted = True
        left = row.outcome is Outcome.CLIENT_ABORT
        counts = Counts(1, int(row.outcome not in _FINE), int(left), row.cost_nusd)
    _add(world, visit, counts)


def ended(world: World, visit: Visit, error: BaseException) -> None:
    """Count a call that ended without an answer, unless an attempt of it was counted."""
    if visit.counted or not visit.generation.policy.counted:
        return
    visit.counted = True
    outcome, _, _ = ending(error, 0)
    is_error = outcome not in _FINE and not _by_ladder(visit.decision, error)
    left = outcome is Outcome.CLIENT_ABORT and visit.rowed
    _add(world, visit, Counts(1, int(is_error), int(left)))


def _add(world: World, visit: Visit, counts: Counts) -> None:
    if visit.call is not None:
        world.usage.add(visit.call.principal.org, scopes_of(visit), counts)


def scopes_of(visit: Visit) -> list[str]:
    """The scopes of a call that rules ask about; none where nobody was identified."""
    per = visit.generation.policy.counted
    if not per or (call := visit.call) is None:
        return []
    who, what, decision = call.principal, call.attribution, visit.decision
    asked = visit.ask.model if visit.ask else ""
    model = decision.route.model if decision and decision.route else asked
    if not visit.generation.routes.candidates(visit.dialect.family, model):
        per = tuple([one for one in per if one != "model"])  # callers could invent keys without end
    whose = _Whose(what.team, who.pseudonym, who.key_id, what.project, model)
    return [scope(one, whose) for one in per]


def _by_ladder(decision: Decision | None, error: BaseException) -> bool:
    if decision is None or not isinstance(error, CallError) or error.policy is None:
        return False
    return any(note.verb == _LADDER and note.rule == error.policy.rule for note in decision.trace)
