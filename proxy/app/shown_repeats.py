"""What metrics show of repeats: by team where the floor of reports lets a team stand alone, else of smaller teams together.

A worker goes by the calls that it saw itself on that day. What it shows of a team is at least five people's, hence the sum
over workers is, too; until so many have called, their tokens count among those of smaller teams and stay there.
"""

from __future__ import annotations

from collections import Counter

from proxy.domain.repeat import SMALLER, Asked, Likeness, Sight, Standing
from proxy.journal.floor import People, folded, is_shown, together
from proxy.telemetry.gauge import CallGauge

_DAYS = 2  # that are kept: what was asked before midnight may be counted after it


class _Day:
    """One day (UTC) of one worker."""

    def __init__(self) -> None:
        self.people: dict[str, People] = {}  # input tokens by pseudonym, of each team
        self.waiting: Counter[tuple[str, str]] = Counter()  # tokens by team and likeness, "" for all that was compared
        self.standings: dict[str, Standing] = {}
        self.is_new = False  # something came since it was shown


class ShownRepeats:
    """Of one worker. What is told it is shown by the next ``refresh``."""

    def __init__(self, gauge: CallGauge) -> None:
        self._gauge = gauge
        self._days: dict[str, _Day] = {}
        self._ratios: set[str] = set()  # teams of which one is shown

    def found(self, asked: Asked, sight: Sight) -> None:
        """Take a call that was compared."""
        day = self._day(asked.day)
        day.people.setdefault(asked.team, Counter())[asked.person] += asked.tokens
        day.waiting[asked.team, ""] += asked.tokens
        if sight.likeness is not Likeness.NEW:
            day.waiting[asked.team, sight.likeness.name.lower()] += asked.tokens

    def stands(self, standing: Standing) -> None:
        """Take how a team's day stands, over all workers."""
        if standing.tokens:
            self._day(standing.day).standings[standing.team] = standing

    def refresh(self) -> None:
        """Show what came; nearly free where nothing did."""
        for name in sorted(self._days):
            if (day := self._days[name]).is_new:
                day.is_new = False
                small = folded(day.people)
                self._count(day, small)
                if name == max(self._days):
                    self._show(self._shares(day, small))
        for name in sorted(self._days)[:-_DAYS]:
            del self._days[name]

    def _day(self, name: str) -> _Day:
        day = self._days.setdefault(name, _Day())
        day.is_new = True
        return day

    def _count(self, day: _Day, small: frozenset[str]) -> None:
        for (team, kind), tokens in day.waiting.items():
            shown = SMALLER if team in small else team
            if kind:
                self._gauge.repeated(shown, kind, tokens)
            else:
                self._gauge.compared(shown, tokens)
        day.waiting.clear()

    def _shares(self, day: _Day, small: frozenset[str]) -> dict[str, float]:
        """The repeated part by name; nothing of smaller teams where they are too few together."""
        alone = {team: one.repeated / one.tokens for team, one in day.standings.items() if team in day.people}
        shares = {team: share for team, share in alone.items() if team not in small}
        others = [day.standings[team] for team in alone if team in small]
        if others and is_shown(together(day.people[team] for team in small)):
            shares[SMALLER] = sum(one.repeated for one in others) / sum(one.tokens for one in others)
        return shares

    def _show(self, shares: dict[str, float]) -> None:
        for team in self._ratios - shares.keys():
            self._gauge.redundancy(team, None)
        for team, share in shares.items():
            self._gauge.redundancy(team, share)
        self._ratios = set(shares)
