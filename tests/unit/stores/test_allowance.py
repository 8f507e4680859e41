"""What a worker admits while the store is away."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.decision import Obligation, Reserve, StoreDown
from proxy.domain.meter import Draw, Held, Hold, HoldState, Level
from proxy.stores.allowance import REMEMBERED, Allowance
from tests.support.meters import a_hold, budget, parallel, rate

NOW = 1_800_000_000_000_000
S = 1_000_000
LEASE = 30 * S


def wish(draw: Draw, **more: object) -> Obligation:
    fields: dict[str, object] = {"store_down": StoreDown(local_share_millionths=250_000)} | more
    return Obligation("r", draw.kind, draw.unit, "org", draw.limit, interval_us=draw.interval_us, **fields)  # type: ignore[arg-type]  # fields of Obligation


def seen(allowance: Allowance, hold: Hold, *used: int, state: HoldState = HoldState.ADMITTED) -> None:
    allowance.seen(hold, Held(state, tuple(Level(False, level) for level in used), NOW))


def grants(allowance: Allowance, draw: Draw, at: int = NOW, **more: object) -> bool:
    grants.calls += 1  # type: ignore[attr-defined]  # ids must differ
    return allowance.hold(a_hold(f"l{grants.calls}", draw), [wish(draw, **more)], at) is not None  # type: ignore[attr-defined]  # the same


grants.calls = 0  # type: ignore[attr-defined]  # the same


def test_the_share_is_of_what_remained_divided_by_the_workers() -> None:
    allowance = Allowance(2, LEASE)
    seen(allowance, a_hold("h", budget(100, 1_000)), 100)  # 800 remain; a quarter of it for two workers: 100
    assert grants(allowance, budget(60, 1_000))
    assert not grants(allowance, budget(41, 1_000))
    assert grants(allowance, budget(40, 1_000))
    assert not grants(allowance, budget(1, 1_000))


def test_what_was_granted_by_command_remained_as_well() -> None:
    allowance = Allowance(1, LEASE)
    levels = (Level(over=False, level=900, granted=400),)
    allowance.seen(a_hold("h", budget(100, 1_000)), Held(HoldState.ADMITTED, levels, NOW))  # 400 remain; a quarter: 100
    assert not grants(allowance, budget(101, 1_000))
    assert grants(allowance, budget(100, 1_000))


def test_a_refused_hold_took_nothing_from_what_remains() -> None:
    allowance = Allowance(1, LEASE)
    seen(allowance, a_hold("h", budget(900, 1_000)), 200, state=HoldState.REFUSED)
    assert grants(allowance, budget(200, 1_000))


def test_a_budget_never_seen_admits_nothing_but_a_period_begun_since_is_whole() -> None:
    allowance = Allowance(1, LEASE)
    assert not grants(allowance, budget(1))
    seen(allowance, a_hold("h", budget(0, 1_000)), 0)
    assert not grants(allowance, budget(1, name="other"))
    began = NOW // S + 5
    assert grants(allowance, budget(250, 1_000, name="next", period_start=began), NOW + 6 * S)
    assert not grants(allowance, budget(1, 1_000, name="next", period_start=began), NOW + 6 * S)


def test_an_overdrawn_budget_admits_nothing() -> None:
    allowance = Allowance(1, LEASE)
    seen(allowance, a_hold("h", budget(0, 1_000)), 1_200)
    assert not grants(allowance, budget(1, 1_000))


def test_max_rules_deny() -> None:
    allowance = Allowance(1, LEASE)
    seen(allowance, a_hold("h", budget(0)), 0)
    assert not grants(allowance, budget(1), reserve=Reserve.MAX)


def test_deny_denies_and_allow_allows_until_the_time_is_over() -> None:
    allowance = Allowance(1, LEASE)
    assert not grants(allowance, budget(1), store_down=StoreDown("deny"))
    assert grants(allowance, budget(10**9), store_down=StoreDown("allow", for_s=600))
    assert grants(allowance, budget(1), NOW + 600 * S, store_down=StoreDown("allow", for_s=600))
    assert not grants(allowance, budget(1), NOW + 601 * S, store_down=StoreDown("allow", for_s=600))
    allowance.returned()
    assert grants(allowance, budget(1), NOW + 700 * S, store_down=StoreDown("allow", for_s=600))


def test_a_shadow_rule_never_denies() -> None:
    assert grants(Allowance(1, LEASE), budget(1, enforce=False), store_down=StoreDown("deny"))


def test_a_call_without_meters_goes_on() -> None:
    held = Allowance(1, LEASE).hold(a_hold("h"), [], NOW)
    assert held is not None
    assert held.local


def test_one_meter_without_room_takes_nothing_from_the_others() -> None:
    allowance = Allowance(1, LEASE)
    day, team = budget(100, 1_000), budget(300, 1_000, name="team")
    seen(allowance, a_hold("h", day, team), 0, 0)  # 900 and 700 remain: 225 and 175
    for n in range(5):
        assert allowance.hold(a_hold(f"x{n}", day, team), [wish(day), wish(team)], NOW) is None
    assert grants(allowance, day)
    assert grants(allowance, day)


def test_what_was_used_is_missing_when_the_store_goes_away_again() -> None:
    allowance = Allowance(1, LEASE)
    seen(allowance, a_hold("h", budget(0, 1_000)), 0)
    assert grants(allowance, budget(250, 1_000))
    allowance.returned()
    assert not grants(allowance, budget(188, 1_000))
    assert grants(allowance, budget(187, 1_000))


def test_a_rate_runs_at_its_share() -> None:
    allowance, tokens = Allowance(1, LEASE), rate(10, 100, S)  # a quarter: 25 at once, one every 4 s
    assert grants(allowance, tokens)
    assert grants(allowance, tokens)
    assert not grants(allowance, tokens)
    assert grants(allowance, tokens, NOW + 20 * S)
    assert not grants(allowance, tokens, NOW + 20 * S)


def test_live_calls_count_until_their_lease_ends() -> None:
    allowance, live = Allowance(1, LEASE), parallel(8)
    first = a_hold("first", live)
    assert allowance.hold(first, [wish(live)], NOW)
    assert grants(allowance, live)
    assert not grants(allowance, live)
    allowance.touch("first", 0, NOW + 20 * S)
    assert grants(allowance, live, NOW + 31 * S)
    assert not grants(allowance, live, NOW + 31 * S)
    assert grants(allowance, live, NOW + 51 * S)


def test_a_call_that_costs_more_than_it_held_uses_more() -> None:
    allowance = Allowance(1, LEASE)
    seen(allowance, a_hold("h", budget(0, 1_000)), 0)
    assert allowance.hold(a_hold("first", budget(50, 1_000)), [wish(budget(50))], NOW)
    allowance.touch("first", 200, NOW)
    allowance.touch("first", 150, NOW)
    assert not grants(allowance, budget(51, 1_000))
    assert grants(allowance, budget(50, 1_000))


def test_a_call_that_ended_used_what_it_cost_and_not_what_it_held() -> None:
    allowance, day = Allowance(1, LEASE), budget(10, 1_000)
    seen(allowance, a_hold("h", budget(0, 1_000)), 0)  # 250 for this worker
    for name, cost in (("dear", 200), ("cheap", 1)):
        hold = a_hold(name, day)
        assert allowance.hold(hold, [wish(day)], NOW)
        allowance.ended(hold, cost)
    assert not grants(allowance, budget(50, 1_000))
    assert grants(allowance, budget(49, 1_000))


def test_calls_dearer_than_their_holds_do_not_pass_one_after_the_other() -> None:
    allowance, day = Allowance(1, LEASE), budget(2, 1_000)
    seen(allowance, a_hold("h", budget(0, 1_000)), 800)
    admitted = 0
    for n in range(5):
        hold = a_hold(f"h{n}", day)
        if allowance.hold(hold, [wish(day)], NOW):
            admitted += 1
            allowance.touch(hold.id, 300, NOW)
            allowance.ended(hold, 400)
    assert admitted == 1


def test_each_budget_learns_the_cost_by_what_it_gave() -> None:
    allowance, team, day = Allowance(1, LEASE), budget(100, 1_000, name="team"), budget(10, 1_000)
    seen(allowance, a_hold("h", budget(0, 1_000, name="team"), budget(0, 1_000)), 0, 0)
    hold = a_hold("first", team, day)
    assert allowance.hold(hold, [wish(team), wish(day)], NOW)
    allowance.ended(hold, 60)
    for name in ("team", "day"):
        assert not grants(allowance, budget(191, 1_000, name=name))
        assert grants(allowance, budget(190, 1_000, name=name))


def test_a_call_that_the_store_had_admitted_is_missing_by_what_its_hold_was_too_small() -> None:
    allowance = Allowance(1, LEASE)
    small, large = a_hold("small", budget(10, 1_000)), a_hold("large", budget(90, 1_000))
    seen(allowance, small, 0)
    seen(allowance, large, 10)  # 900 remain: 225
    allowance.ended(small, 110)
    allowance.ended(large, 1)
    assert not grants(allowance, budget(126, 1_000))
    assert grants(allowance, budget(125, 1_000))


def test_a_call_that_ended_is_no_longer_live() -> None:
    allowance, live = Allowance(1, LEASE), parallel(4)
    hold = a_hold("first", live)
    assert allowance.hold(hold, [wish(live)], NOW)
    assert not grants(allowance, live)
    allowance.ended(hold, 5)
    assert grants(allowance, live)


def test_memory_is_bounded() -> None:
    allowance, one = Allowance(1, LEASE), budget(0)
    for n in range(REMEMBERED + 10):
        seen(allowance, Hold("h", "acme", (msgspec.structs.replace(one, key=str(n)),), b""), 0)
    assert len(allowance._remaining) == REMEMBERED


@given(
    workers=st.integers(1, 8),
    share=st.integers(0, 1_000_000),
    remaining=st.integers(-100, 10_000),
    wishes=st.lists(st.integers(0, 500), max_size=40),
)
def test_all_workers_together_never_use_more_than_the_share(
    workers: int, share: int, remaining: int, wishes: list[int]
) -> None:
    spent = 0
    down = StoreDown(local_share_millionths=share)
    for _ in range(workers):
        allowance = Allowance(workers, LEASE)
        seen(allowance, a_hold("h", budget(0, 10_000)), 10_000 - remaining)
        for n, amount in enumerate(wishes):
            draw = budget(amount, 10_000)
            if allowance.hold(a_hold(f"h{n}", draw), [wish(draw, store_down=down)], NOW):
                spent += amount
    assert spent <= max(0, remaining) * share // 1_000_000
