"""What the policy refuses, as the error that the caller is told: which rule, how much, when it resets, whom to ask."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from proxy.domain.decision import Decision, Kind, Obligation, Reserve
from proxy.domain.errors import (
    CallError,
    CapExceeded,
    ContentRefused,
    Forbidden,
    PolicyNote,
    QuotaSpent,
    Throttled,
    Unavailable,
)
from proxy.domain.meter import Held, Hold, HoldState, Level, MeterKind, Unit
from proxy.policy.amount_words import amount_text, limit_text
from proxy.policy.levels import widened
from proxy.policy.periods import period_at
from proxy.steps.visit import Plan

PLACE_S = 2.0  # until a live call may have ended: nobody knows when; an SDK's own two retries then cover some seconds
LONG_WAIT_US = 60_000_000  # beyond a minute an SDK's own retries only burn time


def refused(decision: Decision) -> CallError:
    """The refusal of the rule that is told first; the others stand in the decision's trace."""
    denial = decision.denials[0]
    note = PolicyNote(rule=denial.rule, decision=decision.id, owner=denial.owner or None)
    param = denial.param or None
    if denial.kind is Kind.FORBIDDEN:
        return Forbidden(denial.message, param=param, policy=note)
    if denial.kind is Kind.CONTENT:
        return ContentRefused(denial.message, policy=note)
    code = "tags_required" if denial.kind is Kind.TAGS else None
    return CapExceeded(denial.message, code=code, param=param, policy=note)


def refused_hold(plan: Plan, hold: Hold, held: Held) -> CallError:
    """The refusal of the first enforced meter without room."""
    if held.state is not HoldState.REFUSED:
        return Unavailable(
            "The limits could not be checked just now; the call was not forwarded. Try again.", retry_after_s=1.0
        )
    for obligation, draw, level in zip(plan.decision.obligations, hold.draws, held.levels, strict=True):
        if level.over and draw.enforce:
            wish = widened(obligation, level.granted) if level.granted else obligation
            return _refusal(plan, wish, draw.amount, level, held.now_us)
    return Unavailable(
        "The limits could not be checked just now; the call was not forwarded. Try again.", retry_after_s=1.0
    )


def used_up(decision: Decision) -> QuotaSpent:
    """The end of a stream that cost the most that a budget holds for a call, as providers' ceilings do not always hold."""
    holds = [wish for wish in decision.obligations if wish.reserve is Reserve.MAX and wish.enforce]
    rule, owner = (holds[0].rule, holds[0].owner) if holds else ("", "")
    text = (
        f"The answer has used up all that was held for it; {rule or 'its budget'} holds the most that a call can cost."
    )
    note = PolicyNote(rule=rule, decision=decision.id, owner=owner or None)
    return QuotaSpent(f"{text} Ask {owner}." if owner else text, policy=note)


def _refusal(plan: Plan, obligation: Obligation, amount: int, level: Level, now_us: int) -> CallError:
    resets = _resets_at(obligation, level, now_us)
    note = PolicyNote(
        rule=obligation.rule,
        decision=plan.decision.id,
        limit=amount_text(obligation.unit, obligation.limit),
        used=amount_text(obligation.unit, level.level),
        resets_at=resets,
        owner=obligation.owner or None,
    )
    if obligation.kind is MeterKind.BUDGET:
        room = max(0, obligation.limit - level.level)
        text = (
            f"The budget {obligation.rule} allows {limit_text(obligation)} per {obligation.period} and {note.used} of it is "
            f"spent or held; this call would hold {amount_text(obligation.unit, amount)} and "
            f"{amount_text(obligation.unit, room)} is left." + (f" It resets at {resets}." if resets else "")
        )
        return QuotaSpent(_with_words(text, obligation), policy=note)
    wait_s = max(0.0, level.wait_us / 1_000_000)
    if obligation.kind is MeterKind.PARALLEL and level.wait_us >= 0:
        text = f"The limit {obligation.rule} allows {obligation.limit:,} calls at one time, and {note.used} run. Try again when one ends."
        return Throttled(_with_words(text, obligation), param="requests", retry_after_s=PLACE_S, policy=note)
    text = f"The limit {obligation.rule} allows {limit_text(obligation)}; {note.used} are in use."
    if level.wait_us < 0 or level.wait_us > LONG_WAIT_US:
        return QuotaSpent(_with_words(text, obligation), policy=note)
    rate = "tokens" if obligation.unit is Unit.TOKENS else "requests"  # OpenAI names the spent rate in the error's type
    text = _with_words(f"{text} Room in {math.ceil(wait_s)} s.", obligation)
    return Throttled(text, param=rate, retry_after_s=wait_s, policy=note)


def _with_words(text: str, obligation: Obligation) -> str:
    """Add the rule's own words, and whom to ask."""
    ask = f"Ask {obligation.owner}." if obligation.owner else ""
    return " ".join(filter(None, [text, obligation.message, ask]))


def _resets_at(obligation: Obligation, level: Level, now_us: int) -> str | None:
    if obligation.kind is MeterKind.BUDGET:
        return period_at(obligation.period, obligation.timezone, now_us).resets_at
    if level.wait_us < 0 or obligation.kind is MeterKind.PARALLEL:
        return None
    return datetime.fromtimestamp((now_us + level.wait_us) / 1_000_000, UTC).isoformat(timespec="seconds")
