"""The verb ``waste``: a ladder on what usage shows of a scope. It speaks of repeats and errors; it never ranks people.

A rung stands when the condition has stood for the ``after`` of all rungs up to it. Rungs that stand all act: what is
answered from the cache is also slowed down; of two that do the same the later one acts. Since when the condition holds is
a fact that somebody keeps (``Watch``); where it stops holding, the ladder begins anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import Final

import msgspec

from proxy.domain.decision import Denial, Kind, Watch
from proxy.domain.trace import Said
from proxy.policy.facts import Facts, Recent
from proxy.policy.rules.cache import reuse, told
from proxy.policy.rules.rate import meter
from proxy.policy.saying import Bound, Effects, Say, Saying
from proxy.policy.scopes import scope
from proxy.policy.terms import Rung, Waste

_WORDS: Final[Mapping[str, str]] = MappingProxyType({
    "redundancy": "more than {:.0%} of the input repeated earlier prompts",
    "errors": "more than {:,.0f} calls ended in an error",
    "abandoned": "more than {:,.0f} answers were abandoned",
    "requests": "more than {:,.0f} calls were made",
    "cost": "more than ${:,.2f} were spent",
})  # fmt: skip


def bind(bound: Bound, terms: Waste) -> Say:
    """Watch the scope."""
    rule, where = bound.rule.id, scope(terms.per, bound.ground)
    stand_after = tuple(accumulate(rung.after_s for rung in terms.then))
    ladder = [_together(bound, terms, terms.then[: count + 1]) for count in range(len(terms.then))]
    calm = bound.says(Said.OK)
    over = bound.says(Said.OK, "", Effects(watch=Watch(rule, where, 0, 0)))

    def say(facts: Facts) -> Saying:
        remembered = _since(facts, rule)
        if not holds(terms, facts.recent(where)):
            return calm if remembered is None else over
        since = facts.clock if remembered is None else min(remembered, facts.clock)
        rung = sum([facts.clock - since >= after for after in stand_after])
        watch = Watch(rule, where, since, rung)
        if not rung:
            return bound.says(Said.OK, "no rung stands yet", Effects(watch=watch))
        detail, effects = ladder[rung - 1]
        return bound.says(Said.WASTE, detail, msgspec.structs.replace(effects, watch=watch))

    return say


def holds(terms: Waste, recent: Recent) -> bool:
    """Tell whether every threshold is passed, on enough requests to judge."""
    if getattr(recent, f"requests_{terms.over}") < terms.at_least:
        return False
    return all(getattr(recent, f"{name}_{terms.over}") > threshold for name, threshold in terms.above)


def condition(terms: Waste) -> str:
    """What is looked for, in words."""
    found = " and ".join(_WORDS[name].format(threshold) for name, threshold in terms.above)
    return f"in the last {terms.over} {found}"


def _since(facts: Facts, rule: str) -> int | None:
    for known, at in facts.waste_since:
        if known == rule:
            return at
    return None


def _together(bound: Bound, terms: Waste, rungs: Sequence[Rung]) -> tuple[str, Effects]:
    """What the rungs do together, in words and in deed."""
    rule, why = bound.rule, condition(terms)
    acts = {rung.do: rung for rung in rungs}
    effects = Effects(from_ladder=True)
    done = []
    if warn := acts.get("warn"):
        effects = msgspec.structs.replace(effects, warning=warn.reason or rule.message or f"{why[0].upper()}{why[1:]}.")
        done.append("warn")
    if (cached := acts.get("cache")) and cached.cache is not None:
        effects = msgspec.structs.replace(effects, reuse=reuse(rule.id, cached.cache))
        done.append(f"cache {told(cached.cache)}")
    if (throttle := acts.get("throttle")) and throttle.pace is not None:
        wish = meter(bound, throttle.pace, terms.per)
        effects = msgspec.structs.replace(effects, meters=(wish,))
        done.append(f"throttle to {wish.told}")
    if deny := acts.get("deny"):
        denied = bound.denies(Kind.FORBIDDEN, deny.reason or f"{why[0].upper()}{why[1:]}.").effects
        effects = msgspec.structs.replace(effects, denial=_denial(denied))
        done.append("deny")
    return f"{why}: {', '.join(done)}", effects


def _denial(effects: Effects | None) -> Denial | None:
    return effects.denial if effects else None
