"""Changes added up: by kind, and within it by rule, team, project and model. Never by person: of those there is a number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

from proxy.app.replay.comparing import Change, Doubt, Kind, changes, doubt
from proxy.app.replay.outcome import Outcome
from proxy.app.replay.recorded import Recorded
from proxy.domain.decision_id import decision_id

EXAMPLES: Final = 3  # decisions named for each rule
GROUPS: Final = ("rule", "team", "project", "model")


class Line(msgspec.Struct):
    """A sum. Money in nano-dollars: what these calls cost or would have cost, and how much more they cost now."""

    calls: int = 0
    worth_nusd: int = 0
    delta_nusd: int = 0
    people: set[str] = msgspec.field(default_factory=set)
    examples: list[str] = msgspec.field(default_factory=list)

    def add(self, call: Recorded, change: Change) -> None:
        """Count one more."""
        self.calls += 1
        self.worth_nusd += call.worth_nusd
        self.delta_nusd += change.delta_nusd
        self.people.add(call.facts.person)
        if len(self.examples) < EXAMPLES:
            self.examples.append(decision_id(call.id))


class Changed(msgspec.Struct):
    """All changes of one kind. A call counts once in ``whole``, however many rules warn."""

    whole: Line = msgspec.field(default_factory=Line)
    by: dict[str, dict[str, Line]] = msgspec.field(default_factory=lambda: {group: {} for group in GROUPS})

    def add(self, call: Recorded, change: Change, *, again: bool) -> None:
        """Count a change; ``again``: this call was counted here already, by another rule."""
        facts = call.facts
        names = {"rule": change.rule, "team": facts.team, "project": facts.project or "", "model": facts.model}
        for group, name in names.items():
            if not again or group == "rule":
                self.by[group].setdefault(name, Line()).add(call, change)
        if not again:
            self.whole.add(call, change)


class Total(msgspec.Struct):
    """What a generation made of all calls."""

    admitted: int = 0
    cost_nusd: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.admitted += not outcome.refused_by
        self.cost_nusd += outcome.cost_nusd


class Tally:
    """Grows call by call."""

    def __init__(self, generation: str = "") -> None:
        """``generation``: the newest that was recorded; others are reasons for doubt."""
        self._generation = generation
        self.calls = 0
        self.first_at = self.last_at = 0.0  # unix seconds
        self.recorded_nusd = 0
        self.totals = (Total(), Total())
        self.teams: Counter[str] = Counter()
        self.changed: Mapping[Kind, Changed] = {kind: Changed() for kind in Kind}
        self.doubts: Counter[Doubt] = Counter()
        self.doubted: list[str] = []  # decisions, a few

    def add(self, call: Recorded, old: Outcome, new: Outcome) -> None:
        """Take note of a call and what both made of it."""
        self.first_at = self.first_at or call.at
        self.last_at = call.at
        self.calls += 1
        self.recorded_nusd += call.cost_nusd
        self.teams[call.facts.team] += 1
        self.totals[0].add(old)
        self.totals[1].add(new)
        if (why := doubt(call, old, self._generation)) is not None:
            self.doubts[why] += 1
            if len(self.doubted) < EXAMPLES:
                self.doubted.append(decision_id(call.id))
        if old == new:
            return
        seen: set[Kind] = set()
        for change in changes(old, new):
            self.changed[change.kind].add(call, change, again=change.kind in seen)
            seen.add(change.kind)
