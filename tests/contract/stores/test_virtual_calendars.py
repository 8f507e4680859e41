"""Calendar budgets over years of changing clocks and months of unequal length, by the production scripts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from proxy.domain.decision import Obligation
from proxy.domain.meter import Charge, HoldState, MeterKind, Unit
from proxy.policy.draws import Amounts, draw
from proxy.stores.virtual import Move, Settling, Taking, VirtualMeters
from tests.support.meters import ORG, a_hold

CALL = Amounts(1, 1, 1, 1)
# Where clocks change by an hour, at midnight, by half an hour, and never.
ZONES = ("Europe/Berlin", "America/New_York", "America/Havana", "Australia/Lord_Howe", "Asia/Kolkata", "UTC")
MICRO = 1_000_000


def budget(period: str, zone: str, limit: int) -> Obligation:
    return Obligation("org/b", MeterKind.BUDGET, Unit.NUSD, "org", limit, period=period, timezone=zone)


def spending(wish: Obligation, times: list[datetime]) -> list[Move]:
    """A call of one nano-dollar at each time, settled at once."""
    moves: list[Move] = []
    for number, at in enumerate(times):
        at_us = int(at.timestamp()) * MICRO
        one = draw(wish, ORG, CALL, at_us)
        moves.append(Taking(a_hold(f"c{number}", one), at_us))
        charge = Charge(one.key, MeterKind.BUDGET, 1, 0, one.period_end)
        moves.append(Settling(ORG, f"c{number}", (charge,), at_us))
    return moves


def named(period: str, zone: str, at: datetime) -> object:
    """The calendar's own word for the period that contains a time."""
    local = at.astimezone(ZoneInfo(zone))
    if period == "month":
        return local.year, local.month
    if period == "week":
        return local.isocalendar()[:2]
    return local.date() if period == "day" else (local.utcoffset(), local.replace(minute=0, tzinfo=None))


def changes(zone: str) -> list[datetime]:
    """When its clocks change in 2028, a leap year; the first of March where they never do."""
    hours = [datetime(2028, 1, 1, tzinfo=UTC) + timedelta(hours=n) for n in range(366 * 24)]
    found = [
        later for at, later in pairwise(hours)
        if at.astimezone(ZoneInfo(zone)).utcoffset() != later.astimezone(ZoneInfo(zone)).utcoffset()
    ]  # fmt: skip
    return found or [datetime(2028, 3, 1, tzinfo=UTC)]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("period", "limit", "step", "around"),
    [
        ("hour", 4, timedelta(minutes=10), timedelta(days=1)),
        ("day", 20, timedelta(hours=1), timedelta(days=5)),
        ("week", 50, timedelta(hours=3), timedelta(days=22)),
        ("month", 110, timedelta(hours=6), timedelta(days=70)),
    ],
    ids=["hour", "day", "week", "month"],
)
def test_every_period_admits_its_limit_and_not_one_more(
    period: str, limit: int, step: timedelta, around: timedelta, zone: str, virtual: VirtualMeters
) -> None:
    times = sorted({at - around + step * n for at in changes(zone) for n in range(2 * around // step)})
    answers = [held for held in virtual.play(spending(budget(period, zone, limit), times)) if held is not None]
    assert {held.state for held in answers} == {HoldState.ADMITTED, HoldState.REFUSED}
    asked = Counter(named(period, zone, at) for at in times)
    admitted = Counter(
        named(period, zone, at) for at, held in zip(times, answers, strict=True) if held.state is HoldState.ADMITTED
    )
    assert admitted == {name: min(count, limit) for name, count in asked.items()}


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-23", 24)], ids=["spring", "autumn", "usual"]
)
def test_a_day_has_as_many_hours_as_the_clocks_give_it(day: str, hours: int, virtual: VirtualMeters) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    begin = datetime.fromisoformat(day).replace(tzinfo=berlin).astimezone(UTC)
    times = [begin + timedelta(hours=n) for n in range(-1, 26)]
    wish = budget("day", "Europe/Berlin", 10**6)
    levels = [held.levels[0].level for held in virtual.play(spending(wish, times)) if held]
    assert levels[1 : 1 + hours] == list(range(hours))
    assert levels[1 + hours] == 0


def test_a_spent_period_s_wait_ends_when_the_next_one_begins(virtual: VirtualMeters) -> None:
    at = datetime(2026, 11, 30, 22, 30, tzinfo=UTC)  # half an hour before December in Berlin
    at_us = int(at.timestamp()) * MICRO
    wish = budget("month", "Europe/Berlin", 1)
    one = draw(wish, ORG, CALL, at_us)
    _, refused = virtual.hold_many([Taking(a_hold("a", one), at_us), Taking(a_hold("b", one), at_us)])
    assert refused.levels[0].wait_us == 1_800 * MICRO
    then_us = at_us + refused.levels[0].wait_us
    stale, fresh = virtual.hold_many(
        [Taking(a_hold("c", one), then_us), Taking(a_hold("d", draw(wish, ORG, CALL, then_us)), then_us)]
    )
    assert stale.state is HoldState.STALE  # a draw of November is not taken in December
    assert fresh.state is HoldState.ADMITTED


def test_a_call_over_midnight_is_settled_in_the_period_that_admitted_it(virtual: VirtualMeters) -> None:
    at_us = int(datetime(2026, 11, 30, 22, 59, 59, tzinfo=UTC).timestamp()) * MICRO
    wish = budget("month", "Europe/Berlin", 10)
    november, december = draw(wish, ORG, CALL, at_us), draw(wish, ORG, CALL, at_us + MICRO)
    virtual.hold_many([Taking(a_hold("a", november), at_us)])
    charge = Charge(november.key, MeterKind.BUDGET, 7, 0, november.period_end)
    virtual.settle_many([Settling(ORG, "a", (charge,), at_us + 3_600 * MICRO)])
    (fresh,) = virtual.hold_many([Taking(a_hold("b", december), at_us + MICRO)])
    (old,) = virtual.hold_many([Taking(a_hold("c", november), at_us)])
    assert (fresh.levels[0].level, old.levels[0].level) == (0, 7)
