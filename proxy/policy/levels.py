"""What the store's answer means for the rules: who must give way, what the caller is told, which thresholds were crossed.

Pure: a level is that of a meter before the hold, the amount is what the hold takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from proxy.domain.decision import Obligation, Warned
from proxy.domain.meter import Draw, Level, MeterKind
from proxy.policy.amount_words import amount_text, limit_text


class Reading(msgspec.Struct, frozen=True):
    """A meter as it stood when a call was to be held on it; ``wish`` includes what the store knew of grants by command."""

    wish: Obligation
    amount: int
    level: Level

    @property
    def after(self) -> int:
        """The level with this call."""
        return self.level.level + self.amount


def readings(wishes: Iterable[Obligation], draws: Iterable[Draw], levels: Iterable[Level]) -> tuple[Reading, ...]:
    """Put together what stands in the same order. Without levels (nothing was asked) there are none."""
    return tuple(
        Reading(widened(wish, level.granted) if level.granted else wish, draw.amount, level)
        for wish, draw, level in zip(wishes, draws, levels, strict=False)
    )


def widened(wish: Obligation, granted: int) -> Obligation:
    """A budget with what was granted to it by command, thresholds in proportion; ``granted`` in nano-dollars."""
    base = wish.base or wish.limit
    marks = tuple([mark * (base + granted) // base for mark in wish.warn_at]) if base else wish.warn_at
    return msgspec.structs.replace(
        wish, limit=wish.limit + granted, base=base + granted, granted=wish.granted + granted, warn_at=marks
    )


def reroute(seen: Iterable[Reading]) -> frozenset[str]:
    """The budgets that send a refused call elsewhere: what ``decide`` is asked with again. Empty: it stays refused.

    Every meter in force without room must be such a budget. Whoever asks again adds what is found to what was found
    before; a call gives way at most once for each of its budgets.
    """
    over = [one.wish for one in seen if one.level.over and one.wish.enforce]
    if not over or any(wish.when_spent != "route" for wish in over):
        return frozenset()
    return frozenset(wish.rule for wish in over)


def warnings(seen: Iterable[Reading]) -> tuple[Warned, ...]:
    """What the caller of an admitted call is told of its meters; rules in audit tell nothing."""
    found = [(one.wish, _warning(one)) for one in seen if one.wish.mode != "audit"]
    return tuple([Warned(wish.rule, text) for wish, text in found if text])


def crossed(one: Reading) -> tuple[int, ...]:
    """Thresholds of a budget that this hold takes it across, in nUSD. Each is crossed once, but for holds given back."""
    return tuple([mark for mark in one.wish.warn_at if one.level.level < mark <= one.after])


def _warning(one: Reading) -> str:
    wish = one.wish
    if one.level.over:
        gave_way = wish.when_spent == "route" and wish.mode == "enforce"  # then the decision tells it
        return "" if wish.enforce or gave_way else _past(one)
    if wish.kind is not MeterKind.BUDGET or not wish.limit:
        return ""
    base = wish.base or wish.limit
    if one.after > base:
        return f"{wish.rule} is spent: {_used(one)} of {limit_text(wish)}, now in its grace"
    if wish.warn_at and one.after >= wish.warn_at[0]:
        return f"{wish.rule} at {one.after * 100 // base}%"
    return ""


def _past(one: Reading) -> str:
    wish = one.wish
    if wish.kind is MeterKind.BUDGET:
        return f"{wish.rule} is spent: {_used(one)} of {limit_text(wish)}"
    return f"{wish.rule} is passed: it allows {limit_text(wish)}"


def _used(one: Reading) -> str:
    return amount_text(one.wish.unit, one.after)


def tightest(seen: Sequence[Reading]) -> Reading | None:
    """The budget in force with the least left, as a share of its limit; None without one."""
    budgets = [one for one in seen if one.wish.kind is MeterKind.BUDGET and one.wish.enforce and one.wish.limit]
    return max(budgets, key=lambda one: (one.after / one.wish.limit, one.wish.rule), default=None)
