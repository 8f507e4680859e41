"""What metrics show of repeats: a team that few people make is seen together with others, or not at all."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.app.shown_repeats import ShownRepeats
from proxy.domain.repeat import SMALLER, Asked, Asker, Likeness, Sight, Standing
from proxy.telemetry.accumulator import Accumulator
from proxy.telemetry.files import MetricFiles, prepare
from proxy.telemetry.gauge import CallGauge
from proxy.telemetry.labels import Known
from proxy.telemetry.logs import Log
from proxy.telemetry.sink import Sink
from tests.support.exposition import value

TODAY, TOMORROW = "2026-11-23", "2026-11-24"
KNOWN = Known(teams=frozenset({"big", "large", "tiny", "small"}))


class Shown:
    """A worker's figures, and what a scrape sees of them."""

    def __init__(self, folder: Path) -> None:
        prepare(folder / "metrics")
        self._folder = folder / "metrics"
        self._accumulator = Accumulator(MetricFiles(self._folder, "0"))
        self._stream = (folder / "log").open("w")
        log = Log(Sink(self._stream.fileno()), "info", text=False)
        self.repeats = ShownRepeats(CallGauge(self._accumulator, log, KNOWN))
        self._stood: dict[tuple[str, str], tuple[int, int]] = {}

    def ask(self, team: str, *people: str, like: Likeness = Likeness.EXACT, day: str = TODAY, tokens: int = 10) -> None:
        """Each of them asks once."""
        for person in people:
            asked = Asked("acme", team, day, 0, tokens, 1, (b"print", b"own"), person=person)
            self.repeats.found(asked, Sight(like, Asker.OTHERS, 1))
            whole, repeated = self._stood.get((team, day), (0, 0))
            self._stood[team, day] = (whole + tokens, repeated + tokens * (like is Likeness.EXACT))
            self.repeats.stands(Standing(team, day, *self._stood[team, day]))

    def of(self, metric: str, **labels: str) -> float | None:
        """A series as it is shown now; None where there is none."""
        self.repeats.refresh()
        self._accumulator.flush()
        return value(self._folder, f"tallygate_{metric}", **labels)

    def close(self) -> None:
        self._accumulator.close()
        self._stream.close()


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shown]:
    made = Shown(tmp_path)
    yield made
    made.close()


def crowd(prefix: str, count: int = 5) -> list[str]:
    return [f"{prefix}_{number}" for number in range(count)]


def test_a_team_of_five_has_a_series_and_smaller_ones_share_one(shown: Shown) -> None:
    shown.ask("big", *crowd("b"))
    shown.ask("big", "b_0", like=Likeness.NEW)
    shown.ask("tiny", *crowd("t", 3))
    shown.ask("small", *crowd("s", 2), like=Likeness.NEAR)
    assert shown.of("compared_tokens_total", team="big") == 60
    assert shown.of("redundant_tokens_total", kind="exact", team="big") == 50
    assert shown.of("compared_tokens_total", team=SMALLER) == 50
    assert shown.of("redundant_tokens_total", kind="exact", team=SMALLER) == 30
    assert shown.of("redundant_tokens_total", kind="near", team=SMALLER) == 20
    assert shown.of("redundancy_ratio", team="big") == pytest.approx(50 / 60)
    assert shown.of("redundancy_ratio", team=SMALLER) == pytest.approx(30 / 50)
    for team in ("tiny", "small"):
        assert shown.of("compared_tokens_total", team=team) is None
        assert shown.of("redundancy_ratio", team=team) is None


def test_a_team_that_one_person_nearly_makes_is_small(shown: Shown) -> None:
    shown.ask("big", *crowd("b"))
    shown.ask("big", "b_0", tokens=1000)
    assert shown.of("compared_tokens_total", team="big") is None
    assert shown.of("compared_tokens_total", team=SMALLER) == 1050


def test_nobody_finds_a_small_team_by_subtraction(shown: Shown) -> None:
    shown.ask("big", *crowd("b", 6))
    shown.ask("large", *crowd("l", 5))
    shown.ask("tiny", "t_0")
    assert shown.of("compared_tokens_total", team="big") == 60
    assert shown.of("compared_tokens_total", team="large") is None
    assert shown.of("compared_tokens_total", team=SMALLER) == 60


def test_too_few_people_in_all_have_no_ratio(shown: Shown) -> None:
    shown.ask("tiny", *crowd("t", 4))
    assert shown.of("redundancy_ratio", team=SMALLER) is None
    assert shown.of("redundancy_ratio", team="tiny") is None


def test_a_team_is_shown_from_its_fifth_person_on_and_the_next_day_again_so(shown: Shown) -> None:
    for person in crowd("b", 4):
        shown.ask("big", person)
        assert shown.of("compared_tokens_total", team="big") is None
    shown.ask("big", "b_4")
    assert (shown.of("compared_tokens_total", team="big"), shown.of("compared_tokens_total", team=SMALLER)) == (10, 40)
    assert shown.of("redundancy_ratio", team="big") == 1
    shown.ask("big", "b_0", day=TOMORROW)
    assert (shown.of("compared_tokens_total", team="big"), shown.of("compared_tokens_total", team=SMALLER)) == (10, 50)
    assert shown.of("redundancy_ratio", team="big") is None
    shown.ask("big", "b_1")  # of yesterday, and counted late
    assert shown.of("compared_tokens_total", team="big") == 20
    assert shown.of("redundancy_ratio", team="big") is None


def test_only_two_days_are_kept(shown: Shown) -> None:
    for number, team in itertools.product(range(1, 6), ("big", "tiny")):
        shown.ask(team, *crowd(team), day=f"2026-11-0{number}")
        shown.repeats.refresh()
    assert len(shown.repeats._days) == 2
    assert shown.of("compared_tokens_total", team="big") == 250
