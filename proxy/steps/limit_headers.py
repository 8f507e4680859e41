"""What the caller is told of the limits that a call was held on, or refused by: what is left, and when it is whole again.

Rates are told in the words of the caller's SDK, of its own limits here; rules in audit or that only warn have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from proxy.domain.decision import Decision
from proxy.domain.meter import Held, Hold, MeterKind, Unit
from proxy.policy.amount_words import amount_text
from proxy.policy.levels import Reading, readings, tightest
from proxy.policy.levels import warnings as meter_warnings
from proxy.policy.periods import period_at

MOST_TEXT = 400  # characters of a rule's words in a header

_SECOND_US, _MS_US = 1_000_000, 1_000
_ANTHROPIC = "anthropic"

Pairs = list[tuple[bytes, bytes]]


def limits(decision: Decision, family: str, hold: Hold | None, held: Held | None) -> Pairs:
    """Headers of budget, rates and warnings; ``family`` is the caller's, of dialects."""
    pairs = [_warning(one.text if one.rule in one.text else f"{one.rule}: {one.text}") for one in decision.warnings]
    if hold is None or held is None:
        return pairs
    if held.local:  # nobody knows what is left, and a figure would be believed
        return [*pairs, _warning("limits are kept locally: the store is away")]
    seen = readings(decision.obligations, hold.draws, held.levels)
    pairs += [_warning(one.text) for one in meter_warnings(seen)]
    return pairs + _figures(seen, seen, family, held.now_us)


def refused_limits(seen: Sequence[Reading], family: str, now_us: int) -> Pairs:
    """The same of a call that was refused and took nothing: first of the limits that refused it."""
    left = [msgspec.structs.replace(one, amount=0) for one in seen]
    return _figures([one for one in left if one.level.over], left, family, now_us)


def _figures(first: Sequence[Reading], seen: Sequence[Reading], family: str, now_us: int) -> Pairs:
    """Of the budgets, and of the rates of each kind, the tightest; of ``first`` where it has one."""
    pairs: Pairs = []
    if (budget := tightest(first) or tightest(seen)) is not None:
        pairs.append((b"x-tally-budget", _budget(budget, now_us)))
    for unit in (Unit.REQUESTS, Unit.TOKENS):
        if (rate := _tightest_rate(first, unit) or _tightest_rate(seen, unit)) is not None:
            pairs += _rate(rate, family, now_us)
    return pairs


def header_text(text: str) -> bytes:
    """People's words as a header can hold them: one line of Latin-1, not too long."""
    line = "".join([sign if sign.isprintable() else " " for sign in text[:MOST_TEXT]])
    return line.strip().encode("latin-1", "replace")


def _warning(text: str) -> tuple[bytes, bytes]:
    return b"x-tally-warning", header_text(text)


def _budget(one: Reading, now_us: int) -> bytes:
    wish = one.wish
    room = amount_text(wish.unit, max(0, wish.limit - one.after))
    resets = period_at(wish.period, wish.timezone, now_us).resets_at
    return f"{wish.rule} remaining={room}{f' resets={resets}' if resets else ''}".encode()


def _tightest_rate(seen: Iterable[Reading], unit: Unit) -> Reading | None:
    """The rate in force with the smallest share left."""
    rates = [one for one in seen if one.wish.kind is MeterKind.RATE and one.wish.unit is unit and one.wish.enforce]
    return max(rates, key=lambda one: (one.after / max(1, one.wish.limit), one.wish.rule), default=None)


def _rate(one: Reading, family: str, now_us: int) -> Pairs:
    """Limit, rest, and when all of it is there again: after a span (OpenAI), or at a time (Anthropic)."""
    wish = one.wish
    whole_us = max(0, one.after) * wish.interval_us
    rest = max(0, wish.limit - one.after)
    if family == _ANTHROPIC:
        at = datetime.fromtimestamp(-(-(now_us + whole_us) // _SECOND_US), UTC)
        told, name = f"{at:%Y-%m-%dT%H:%M:%SZ}", f"anthropic-ratelimit-{wish.unit}-{{}}"
    else:
        told, name = span(whole_us), f"x-ratelimit-{{}}-{wish.unit}"
    values = (("limit", wish.limit), ("remaining", rest), ("reset", told))
    return [(name.format(what).encode(), str(value).encode()) for what, value in values]


def span(microseconds: int) -> str:
    """``120ms``, ``7s``, ``6m0s``, ``1h0m0s``: as OpenAI writes it, rounded up."""
    if microseconds < _SECOND_US:
        return f"{-(-microseconds // _MS_US)}ms"
    minutes, seconds = divmod(-(-microseconds // _SECOND_US), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{seconds}s"
    return f"{minutes}m{seconds}s" if minutes else f"{seconds}s"
