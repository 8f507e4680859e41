"""When rows are shipped: steadily, at once while more waits, patiently while the ledger is away; changes are told once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

from proxy.journal.ledger.door import LedgerAway
from proxy.journal.ledger.outbox import Waiting
from proxy.journal.ledger.rounds import BACKOFF_S, EVERY_S, Rounds, Standing
from proxy.journal.ledger.shipper import Shipper

AWAY = LedgerAway("the ledger at db/ledger cannot be reached: Connection refused")
NEWER = LedgerAway("the ledger has schema 9, this release knows 1", refused=True)


class Told:
    """A shipper that does as told, a clock that moves when told, and ears."""

    def __init__(self, *does: int | LedgerAway | None) -> None:
        self.does = list(does)
        self.heard: list[tuple[bool, bool]] = []
        self.now = 0.0
        self.tries = 0
        self.rounds = Rounds(
            cast("Shipper", self),
            lambda _, after: self.heard.append(after.state),
            lambda: 1.0,
            monotonic=lambda: self.now,
        )

    def ship(self) -> int | None:
        self.tries += 1
        doing = self.does.pop(0) if self.does else None
        if isinstance(doing, LedgerAway):
            raise doing
        return doing

    def waiting(self) -> Waiting:
        return Waiting(7, 1.5)


def pauses(told: Told, turns: int) -> Sequence[float]:
    """When it tried, over so many seconds."""
    tried = []
    for _ in range(turns):
        before = told.tries
        wait_s = told.rounds.turn()
        if told.tries > before:
            tried.append(told.now)
        told.now += wait_s
    return tried


def test_it_ships_all_that_waits_and_then_once_a_second() -> None:
    told = Told(1000, 1000, 17, None)
    assert told.rounds.turn() == EVERY_S
    assert (told.rounds.standing.shipped, told.rounds.standing.up) == (2017, True)
    assert told.heard == []


def test_a_long_backlog_leaves_room_for_orders_and_figures() -> None:
    told = Told(*[1000] * 50)
    assert told.rounds.turn() == 0.0
    assert told.does
    assert told.rounds.standing.unshipped == 7


def test_a_ledger_that_is_away_is_asked_ever_more_rarely_and_told_of_once() -> None:
    told = Told(*[AWAY] * 99)
    tried = pauses(told, 60)
    gaps = [after - before for before, after in pairwise(tried)]
    assert gaps == sorted(gaps)
    assert gaps[-1] == BACKOFF_S[1]
    assert told.heard == [(False, False)]
    assert told.rounds.standing == Standing(up=False, fault=str(AWAY), unshipped=7, lag_s=1.5)


def test_it_is_back_at_once_and_says_so_once() -> None:
    told = Told(AWAY, AWAY, 5, None)
    pauses(told, 4)
    assert told.heard == [(False, False), (True, False)]
    told.does = [AWAY]
    told.rounds.turn(now=True)
    assert told.heard[-1] == (False, False)


def test_that_it_refuses_us_is_other_news() -> None:
    told = Told(AWAY, NEWER, NEWER)
    pauses(told, 6)
    assert told.heard[:2] == [(False, False), (False, True)]


def test_at_the_end_it_ships_what_is_left_and_does_not_insist() -> None:
    told = Told(*[1000] * 30, None)
    told.rounds.finish(5)
    assert told.rounds.standing.shipped == 30_000
    told = Told(AWAY, 5)
    told.rounds.finish(5)
    assert told.tries == 1
