"""From what a rule wants to what the store must hold."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.decision import Obligation, Reserve
from proxy.domain.meter import MeterKind, Unit
from proxy.policy.draws import Amounts, draw, meter_key
from proxy.stores.rows import pack_draws, unpack_draws

NOON_US = 1_795_435_200_000_000  # 2026-11-23T12:00:00Z
DAY_S = 86_400
AMOUNTS = Amounts(2_000, 5_000, 9_000, 700)
BUDGET = Obligation("config/budget", MeterKind.BUDGET, Unit.NUSD, "org", 10_000)
RATE = Obligation("org/rate", MeterKind.RATE, Unit.REQUESTS, "team:growth", 60, interval_us=1_000_000)


def test_a_budget_s_key_names_org_rule_unit_scope_and_period() -> None:
    found = draw(BUDGET, "acme", AMOUNTS, NOON_US)
    assert found.key == "{acme}:m:config/budget:nusd:org:2026-11-23"
    assert (found.period_start, found.period_end) == (1_795_392_000, 1_795_392_000 + DAY_S)
    assert (found.kind, found.unit, found.limit, found.enforce, found.rule) == (
        MeterKind.BUDGET, Unit.NUSD, 10_000, True, "config/budget",
    )  # fmt: skip


def test_a_rate_has_one_key_for_ever() -> None:
    found = draw(RATE, "acme", AMOUNTS, NOON_US)
    assert found.key == "{acme}:m:org/rate:requests:team:growth"
    assert (found.period_start, found.period_end, found.interval_us) == (0, 0, 1_000_000)
    assert found.key == draw(RATE, "acme", AMOUNTS, NOON_US + 10**12).key


@pytest.mark.parametrize(
    ("unit", "kind", "reserve", "amount"),
    [
        (Unit.NUSD, MeterKind.BUDGET, Reserve.EXPECTED, 5_000),
        (Unit.NUSD, MeterKind.BUDGET, Reserve.MAX, 9_000),
        (Unit.TOKENS, MeterKind.RATE, Reserve.EXPECTED, 700),
        (Unit.REQUESTS, MeterKind.RATE, Reserve.MAX, 1),
        (Unit.CALLS, MeterKind.PARALLEL, Reserve.EXPECTED, 1),
    ],
)
def test_a_meter_holds_in_its_own_unit_what_is_expected_or_the_most_that_can_be(
    unit: Unit, kind: MeterKind, reserve: Reserve, amount: int
) -> None:
    wish = msgspec.structs.replace(BUDGET, unit=unit, kind=kind, reserve=reserve)
    assert draw(wish, "acme", AMOUNTS, NOON_US).amount == amount


@pytest.mark.parametrize("unit", [Unit.NUSD, Unit.TOKENS])
@pytest.mark.parametrize("reserve", [Reserve.EXPECTED, Reserve.MAX])
def test_a_call_beyond_all_counting_wants_more_than_any_limit_has_but_no_more_than_a_store_counts(
    unit: Unit, reserve: Reserve
) -> None:
    absurd = Amounts(2**70, 2**126, 2**126, 2**126)
    found = draw(msgspec.structs.replace(BUDGET, unit=unit, reserve=reserve), "acme", absurd, NOON_US)
    assert unpack_draws(pack_draws((found,)))[0].amount == 2**53 - 1


def test_the_period_is_the_one_of_the_moment_in_the_budget_s_own_time_zone() -> None:
    wish = msgspec.structs.replace(BUDGET, timezone="Europe/Berlin")
    before, after = NOON_US + 11 * 3600 * 10**6 - 1, NOON_US + 11 * 3600 * 10**6
    assert [draw(wish, "acme", AMOUNTS, at).key[-10:] for at in (before, after)] == ["2026-11-23", "2026-11-24"]


def test_a_changed_limit_or_owner_keeps_the_counter() -> None:
    changed = msgspec.structs.replace(BUDGET, limit=1, owner="somebody", reserve=Reserve.MAX, enforce=False)
    assert draw(changed, "acme", AMOUNTS, NOON_US).key == draw(BUDGET, "acme", AMOUNTS, NOON_US).key


@given(
    st.sampled_from((BUDGET, RATE)),
    st.sampled_from(("hour", "day", "week", "month", "total")),
    st.sampled_from(("acme", "other")),
    st.integers(NOON_US, NOON_US + 40 * DAY_S * 10**6),
)
def test_all_keys_of_an_org_share_its_hash_tag_and_a_moment_lies_in_its_period(
    wish: Obligation, period: str, org: str, at_us: int
) -> None:
    found = draw(msgspec.structs.replace(wish, period=period), org, AMOUNTS, at_us)
    assert found.key.startswith(f"{{{org}}}:m:")
    assert not found.period_end or found.period_start <= at_us // 10**6 < found.period_end


def test_two_scopes_units_or_rules_never_share_a_counter() -> None:
    wishes = [
        msgspec.structs.replace(BUDGET, **{name: value})
        for name, value in (("scope", "team:growth"), ("unit", Unit.TOKENS), ("rule", "org/budget"))
    ]
    assert len({meter_key("acme", wish, "2026-11-23") for wish in (BUDGET, *wishes)}) == 4
