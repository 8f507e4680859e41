"""What people are told beside the callers: budgets that cross thresholds, rules that warn, exemptions that end, and the like.

Pure. The name under which each is told once is made of the rule and the scope, for budgets also of period and threshold.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from proxy.domain.meter import Draw
from proxy.domain.notice import Notice, Telling
from proxy.policy.amount_words import amount_text
from proxy.policy.levels import Reading
from proxy.policy.periods import period_at
from proxy.policy.rule import Exemption

KEPT_S: Final = 35 * 86_400  # as long as spent periods stay in the store
HOUR_S: Final = 3600
_MICRO: Final = 1_000_000


def crossing_name(draw: Draw, mark: int) -> str:
    """Of a crossing: its meter with the period, and the threshold in nUSD: another limit has other thresholds."""
    return f"{draw.key.partition(':m:')[2]}@{mark}"


def crossing(one: Reading, draw: Draw, mark: int, now_us: int, generation: str) -> Telling:
    """A budget has crossed a threshold."""
    wish = one.wish
    base = wish.base or wish.limit
    notice = Notice(
        type="budget.crossed",
        rule=wish.rule,
        mode=wish.mode,
        scope=wish.scope,
        owner=wish.owner,
        period=wish.period,
        mark=f"{round(mark * 100 / base, 2):g}%",
        level=amount_text(wish.unit, one.after),
        limit=amount_text(wish.unit, base),
        resets_at=period_at(wish.period, wish.timezone, now_us).resets_at or "",
        generation=generation,
    )
    return Telling(crossing_name(draw, mark), draw.period_end + KEPT_S if draw.period_end else 0, notice)


def warning_name(rule: str, scope: str, now_us: int) -> str:
    """Of a warning: it is told once in an hour, by the clock."""
    return f"{rule}:{scope}@{now_us // _MICRO // HOUR_S}"


def warning(rule: str, scope: str, owner: str, now_us: int, generation: str) -> Telling:
    """A rule in `warn` has spoken, or a budget that only warns is spent."""
    notice = Notice(type="rule.warned", rule=rule, mode="warn", scope=scope, owner=owner, generation=generation)
    return Telling(warning_name(rule, scope, now_us), now_us // _MICRO + 2 * HOUR_S, notice)


def expiry(one: Exemption, generation: str) -> Telling:
    """An exemption will end soon."""
    notice = Notice(
        type="exemption.expires",
        exemption=one.name,
        owner=one.owner,
        reason=one.reason,
        expires_at=datetime.fromtimestamp(one.until, UTC).isoformat(timespec="seconds"),
        generation=generation,
    )
    return Telling(f"exemption:{one.name}@{int(one.until)}", int(one.until) + KEPT_S, notice)


def near_off(rule: str, differ: int, count: int, generation: str, now_s: int) -> Telling:
    """Of the answers given under a rule for another wording, too many differed when they were asked again."""
    notice = Notice(
        type="cache.near_off",
        rule=rule,
        level=f"{differ} of {count}",
        reason="stored answers given for another wording that differed when they were asked again",
        generation=generation,
    )
    return Telling(f"near-off:{rule}@{generation}", now_s + KEPT_S, notice)
