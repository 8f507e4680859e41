"""What an orphan is charged: rule 3 of Limits."""

from __future__ import annotations

from typing import Any

import msgspec

from proxy.domain.meter import Charge, Draw, Expired, MeterKind, Unit
from proxy.domain.row import Rank
from proxy.journal.swept import swept_row
from tests.support.journal_rows import BUDGET, make_hold, make_row


def expired(**changes: Any) -> Expired:
    hold = make_hold(make_row("r1"), 500)
    plain = Expired(
        hold_id=hold.id, org="acme", facts=hold.facts, draws=hold.draws, so_far_nusd=0, floor_nusd=0, whole=False
    )
    return msgspec.structs.replace(plain, **changes)


def test_an_orphan_costs_what_it_had_cost_or_its_input_whatever_is_more() -> None:
    assert swept_row(expired(so_far_nusd=7, floor_nusd=3)).cost_nusd == 7
    assert swept_row(expired(so_far_nusd=2, floor_nusd=3)).cost_nusd == 3


def test_a_max_hold_is_charged_whole() -> None:
    row = swept_row(expired(so_far_nusd=7, floor_nusd=3, whole=True))
    assert row.cost_nusd == 500
    assert [charge.amount for charge in row.charges] == [500]


def test_the_row_says_who_it_was_and_that_it_was_swept() -> None:
    row = swept_row(expired(floor_nusd=3))
    assert (row.request_id, row.attempt, row.team, row.project, row.rank) == ("r1", 1, "growth", "crm", Rank.SWEPT)


def test_an_attempt_whose_hold_was_asked_for_again_keeps_its_name() -> None:
    row = swept_row(expired(hold_id="r1:1.2", floor_nusd=3))
    assert (row.request_id, row.attempt, row.team, row.error) == ("r1", 1, "growth", None)


def test_every_budget_is_charged_the_cost_rates_what_was_held_and_leases_nothing() -> None:
    draws = (
        Draw(BUDGET, MeterKind.BUDGET, Unit.NUSD, 500, 1000, period_end=9),
        Draw("{acme}:month", MeterKind.BUDGET, Unit.NUSD, 400, 1000, period_end=30),
        Draw("{acme}:tokens", MeterKind.RATE, Unit.TOKENS, 80, 1000, interval_us=50),
        Draw("{acme}:calls", MeterKind.PARALLEL, Unit.CALLS, 1, 10),
    )
    assert swept_row(expired(draws=draws, so_far_nusd=70)).charges == (
        Charge(BUDGET, MeterKind.BUDGET, 70, 0, 9),
        Charge("{acme}:month", MeterKind.BUDGET, 70, 0, 30),
        Charge("{acme}:tokens", MeterKind.RATE, 80, 50, 0),
    )


def test_facts_that_cannot_be_read_are_charged_all_the_same() -> None:
    for facts in (b"", b"{}", b"\xff", msgspec.json.encode(make_row("somebody-else"))):
        row = swept_row(expired(facts=facts, so_far_nusd=70))
        assert (row.request_id, row.attempt, row.cost_nusd, row.error) == ("r1", 1, 70, "facts_unreadable")
    assert swept_row(expired(hold_id="odd", facts=b"")).request_id == "odd"
