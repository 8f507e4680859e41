"""The report of repeats, from what was counted and recorded to its lines."""

from __future__ import annotations

from collections import Counter

import pytest

from proxy.app.redundancy import Figures, Report, arranged, check
from proxy.domain.repeat import SMALLER, names
from proxy.journal.reused import Recorded, day_name

DAY = 20_780
NOTHING = dict.fromkeys(names(), (0, 0, 0))
Counted = dict[tuple[str, int], dict[str, Figures]]


def counted(**figures: Figures) -> dict[str, Figures]:
    return NOTHING | {name.replace("_", ":"): value for name, value in figures.items()}


def recorded(people: int, *, prefix: str = "p", reused: int = 0, saved_nusd: int = 0) -> Recorded:
    return Recorded(Counter({f"{prefix}_{number}": 3 for number in range(people)}), reused, saved_nusd)


COUNTED: Counted = {
    ("big", DAY): counted(all=(10, 100, 1000), exact_loop=(1, 10, 100), near_others=(2, 20, 200)),
    ("big", DAY + 1): counted(all=(10, 100, 1000), unread=(5, 60, 600), template_same=(1, 10, 100)),
    ("rich", DAY): counted(all=(1, 10, 9000), exact_same=(1, 10, 9000)),
    ("tiny", DAY): counted(all=(4, 40, 400), exact_loop=(3, 30, 300)),
}
RECORDED = {
    ("big", DAY): recorded(6, reused=2, saved_nusd=70),
    ("big", DAY + 1): recorded(6),
    ("rich", DAY): recorded(9),
    ("tiny", DAY): recorded(2, prefix="t", saved_nusd=5, reused=1),
}


def report(*by: str) -> Report:
    days = [DAY, DAY + 1]
    return arranged(check(by), [day_name(day) for day in days], days, COUNTED, RECORDED)


def test_a_team_below_the_floor_goes_with_the_smallest_that_is_not() -> None:
    found = report("team")
    assert [line.team for line in found.lines] == ["rich", SMALLER]
    assert found.lines[1].counted["all"] == (24, 240, 2400)
    assert found.lines[1].saved_nusd == 75


def test_days_are_told_apart_for_the_whole_org_and_for_teams_above_the_floor() -> None:
    assert [(line.day, line.counted["all"][0]) for line in report("day").lines] == [
        (day_name(DAY), 15),
        (day_name(DAY + 1), 10),
    ]
    assert [(line.team, line.day) for line in report("team", "day").lines] == [
        (SMALLER, day_name(DAY)),
        ("rich", day_name(DAY)),
        ("big", day_name(DAY + 1)),
    ]


def test_the_total_holds_everything_and_shares_are_of_what_was_compared() -> None:
    total = report("team").total
    assert total.counted["all"] == (25, 250, 11_400)
    assert total.compared == (20, 190, 10_800)
    assert total.figures("exact", "near") == (7, 70, 9600)
    assert total.figures("loop") == (4, 40, 400)
    assert total.share("exact", "near") == pytest.approx(70 / 190)
    assert total.share("template") == pytest.approx(10 / 190)
    assert (total.reused, total.saved_nusd) == (3, 75)


def test_what_was_answered_from_the_cache_alone_still_has_a_line() -> None:
    found = arranged(("team",), ["2026-11-23"], [DAY], {}, {("big", DAY): recorded(6, reused=4, saved_nusd=9)})
    (line,) = found.lines
    assert (line.team, line.reused, line.saved_nusd, line.share("exact")) == ("big", 4, 9, 0.0)


@pytest.mark.parametrize("name", ["user", "key", "person", "colour"])
def test_nobody_is_ranked(name: str) -> None:
    with pytest.raises(ValueError, match="ask by team or day; no report ranks people"):
        check([name])
