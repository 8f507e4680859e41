"""What an admitted call makes known to those who keep watch. Costs nothing where no budget is near a threshold and nobody warns.

A hold that takes a budget to a threshold tells of it, and so does one that finds it passed already: answers cost more than
was held for them, so a settlement may be what crossed it. Whoever is told keeps count; here nothing is remembered.
"""

from __future__ import annotations

from collections.abc import Sequence

from proxy.domain.meter import Held, Hold
from proxy.policy.levels import Reading
from proxy.policy.notices import crossing, crossing_name, warning, warning_name
from proxy.ports import Notices
from proxy.steps.visit import Plan


def note_holding(notices: Notices, plan: Plan, seen: Sequence[Reading], hold: Hold, held: Held) -> None:
    """Tell what the store's answer to an admitted hold means for thresholds, and for budgets and rates that only warn."""
    if held.local:  # nobody knows the levels
        return
    for one, draw in zip(seen, hold.draws, strict=True):
        wish = one.wish
        for mark in wish.warn_at:
            if one.after < mark:
                break
            if not notices.knows(crossing_name(draw, mark)):
                notices.tell(crossing(one, draw, mark, held.now_us, plan.call.generation))
        if one.level.over and wish.mode != "audit":
            _warned(notices, plan, wish.rule, wish.scope, wish.owner, held.now_us)
    for note in plan.decision.warnings:
        _warned(notices, plan, note.rule, f"team:{plan.call.attribution.team}", "", held.now_us)


def _warned(notices: Notices, plan: Plan, rule: str, scope: str, owner: str, now_us: int) -> None:
    if not notices.knows(warning_name(rule, scope, now_us)):
        notices.tell(warning(rule, scope, owner, now_us, plan.call.generation))
