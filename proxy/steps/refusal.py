"""A hold that found no room, in words: which rule, how much, when it resets, whom to ask."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from proxy.domain.decision import Obligation
from proxy.domain.errors import CallError, PolicyNote, QuotaSpent, Throttled, Unavailable
from proxy.domain.meter import Held, Hold, HoldState, Level, MeterKind, Unit
from proxy.domain.money import format_usd
from proxy.policy.periods import period_at
from proxy.steps.visit import Plan

CENT = 10_000_000  # nUSD
LARGE = 1000 * CENT  # above ten dollars, fractions of a cent are noise
LONG_WAIT_US = 60_000_000  # beyond a minute an SDK's own retries only burn time


def refused_hold(plan: Plan, hold: Hold, held: Held) -> CallError:
    """The refusal of the first enforced meter without room."""
    if held.state is not HoldState.REFUSED:
        return Unavailable(
            "The limits could not be checked just now; the call was not forwarded. Try again.", retry_after_s=1.0
        )
    for obligation, draw, level in zip(plan.decision.obligations, hold.draws, held.levels, strict=True):
        if level.over and draw.enforce:
            return _refusal(plan, obligation, draw.amount, level, held.now_us)
    return Unavailable(
        "The limits could not be checked just now; the call was not forwarded. Try again.", retry_after_s=1.0
    )


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
            f"The budget {obligation.rule} allows {note.limit} per {obligation.period} and {note.used} of it is spent or held; "
            f"this call would hold {amount_text(obligation.unit, amount)} and {amount_text(obligation.unit, room)} is left."
            + (f" It resets at {resets}." if resets else "")
            + (f" Ask {obligation.owner}." if obligation.owner else "")
        )
        return QuotaSpent(text, policy=note)
    wait_s = max(0.0, level.wait_us / 1_000_000)
    text = f"The limit {obligation.rule} allows {note.limit} {obligation.unit}; {note.used} are in use."
    if level.wait_us < 0 or level.wait_us > LONG_WAIT_US:
        return QuotaSpent(text, policy=note)
    rate = "tokens" if obligation.unit is Unit.TOKENS else "requests"  # OpenAI names the spent rate in the error's type
    return Throttled(f"{text} Room in {math.ceil(wait_s)} s.", param=rate, retry_after_s=wait_s, policy=note)


def _resets_at(obligation: Obligation, level: Level, now_us: int) -> str | None:
    if obligation.kind is MeterKind.BUDGET:
        return period_at(obligation.period, obligation.timezone, now_us).resets_at
    if level.wait_us < 0:
        return None
    return datetime.fromtimestamp((now_us + level.wait_us) / 1_000_000, UTC).isoformat(timespec="seconds")


def amount_text(unit: Unit, amount: int) -> str:
    """An amount as people write it: dollars to the cent where cents suffice, else to the millionth."""
    if unit is not Unit.NUSD:
        return f"{amount:,}"
    return "$" + format_usd(amount, places=2 if amount % CENT == 0 or amount >= LARGE else 6)
