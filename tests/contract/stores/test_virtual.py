"""What a private engine with a virtual clock promises: the answers of production at the times that it is told."""

from __future__ import annotations

from random import Random

import pytest

from proxy.domain.meter import Charge, Held, HoldState, MeterKind
from proxy.stores.errors import Refused
from proxy.stores.meters import StoreMeters
from proxy.stores.scripts import load_scripts
from proxy.stores.settler import StoreSettler
from proxy.stores.virtual import Move, Settling, Taking, VirtualMeters, script_text
from tests.support.meters import ORG, a_hold, budget, charge, entry, parallel, rate

NOON_US = 1_795_435_200_000_000  # 2026-11-23T12:00:00Z
LONG_AGO_US = 1_000_000_000_000_000  # 2001
HOUR_US = 3_600_000_000


def test_the_production_scripts_are_in_it_word_for_word() -> None:
    text = script_text()
    for name in ("hold", "settle"):
        assert load_scripts()[name].text.partition("\n")[2] in text


def test_a_past_that_is_over_by_the_engine_s_own_clock_is_remembered(virtual: VirtualMeters) -> None:
    day = budget(600, period_start=999_993_600, period_end=1_000_080_000)
    speed = rate(8, 10, 1_000_000)
    moves: list[Move] = [
        Taking(a_hold("h1", day, speed), LONG_AGO_US),
        Settling(ORG, "h1", (charge(day, 500), charge(speed, 8)), LONG_AGO_US + 1),
        Taking(a_hold("h2", day, speed), LONG_AGO_US + 2_000_000),
    ]
    first, settled, second = virtual.play(moves)
    assert settled is None
    assert first is not None
    assert first.state is HoldState.ADMITTED
    assert second is not None
    assert [(level.over, level.level) for level in second.levels] == [(True, 500), (True, 6)]
    assert second.now_us == LONG_AGO_US + 2_000_000


def test_a_call_that_was_refused_is_not_settled(virtual: VirtualMeters) -> None:
    small = budget(600)
    virtual.hold_many([Taking(a_hold("h1", small), NOON_US), Taking(a_hold("h2", small), NOON_US)])
    virtual.settle_many([Settling(ORG, name, (charge(small, 100),), NOON_US) for name in ("h1", "h2", "h3")])
    (held,) = virtual.hold_many([Taking(a_hold("h4", small), NOON_US)])
    assert held.levels[0].level == 100


def test_what_needed_no_hold_counts(virtual: VirtualMeters) -> None:
    small = budget(600)
    virtual.settle_many([Settling(ORG, "", (charge(small, 100),), NOON_US)] * 3)
    (held,) = virtual.hold_many([Taking(a_hold("h1", small), NOON_US)])
    assert held.levels[0].level == 300


def test_a_live_call_counts_as_long_as_it_is_said_to_run(virtual: VirtualMeters) -> None:
    one = parallel(1)
    states = [
        held.state
        for held in virtual.hold_many(
            [
                Taking(a_hold("h1", one), NOON_US, lease_s=120),
                Taking(a_hold("h2", one), NOON_US + 119_000_000),
                Taking(a_hold("h3", one), NOON_US + 121_000_000),
            ]
        )
    ]
    assert states == [HoldState.ADMITTED, HoldState.REFUSED, HoldState.ADMITTED]


def test_more_moves_than_fit_into_one_call_come_back_in_their_order(virtual: VirtualMeters) -> None:
    cent = budget(1, limit=10**9)
    levels = [
        held.levels[0].level
        for held in virtual.hold_many([Taking(a_hold(f"h{n}", cent), NOON_US + n) for n in range(1_700)])
    ]
    assert levels == list(range(1_700))


def test_orgs_do_not_meet_and_nothing_is_left_when_all_is_forgotten(virtual: VirtualMeters) -> None:
    small = budget(600)
    for _ in range(2):
        (held,) = virtual.hold_many([Taking(a_hold("h1", small), NOON_US)])
        assert held.state is HoldState.ADMITTED
        virtual.forget()


def test_what_the_scripts_refuse_is_told_and_the_next_call_works(virtual: VirtualMeters) -> None:
    with pytest.raises(Refused, match="one meter twice"):
        virtual.hold_many([Taking(a_hold("h1", budget(1), budget(1)), NOON_US)])
    assert virtual.hold_many([Taking(a_hold("h2", budget(1)), NOON_US)])[0].state is HoldState.ADMITTED


@pytest.mark.parametrize("seed", range(4))
async def test_its_answers_are_those_of_the_running_store(
    seed: int, meters: StoreMeters, settler: StoreSettler, virtual: VirtualMeters
) -> None:
    """The same moves in both, at the times that the running store gave them."""
    random, live, seq = Random(seed), dict[str, int](), 0
    slow = 1_000_000_000  # us a unit: what the test takes drains nothing
    told: list[tuple[Held, Held | None]] = []
    now_us = 0
    for number in range(120):
        if live and random.random() < 0.4:
            name, amount = live.popitem()
            charges = (
                charge(budget(0), random.randint(0, 2 * amount)),
                charge(rate(0, 90, slow), random.randint(0, 2 * amount)),
                Charge(parallel(4).key, MeterKind.PARALLEL, 0),
            )
            seq += 1
            await settler.settle([entry(seq, name, *charges)])
            virtual.settle_many([Settling(ORG, name, charges, now_us)])
            continue
        amount, enforce = random.randint(0, 60), random.random() < 0.8
        draws = (budget(amount, limit=300, enforce=enforce), rate(amount, 90, slow), parallel(4))
        hold = a_hold(f"h{number}", *draws)
        real = await meters.hold(hold)
        now_us = real.now_us
        told.append((real, virtual.play([Taking(hold, now_us, lease_s=0.5)])[0]))
        if real.state is HoldState.ADMITTED:
            live[f"h{number}"] = amount
    assert [one for one, _ in told] == [other for _, other in told]
    assert {one.state for one, _ in told} == {HoldState.ADMITTED, HoldState.REFUSED}
