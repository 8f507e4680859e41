"""Many sayings into one: restrictions all apply, the lowest clamp holds, and nothing here depends on an order.

This is where modes act, and nowhere else: what a rule in audit says changes nothing but the trace, and one that only
warns says what it would have done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from proxy.domain.decision import Denial, Inspection, Kind, Obligation, Reuse, Warned, Watch
from proxy.domain.trace import Note, Said
from proxy.policy.saying import Effects, Saying, Target

_ORDER = tuple(Kind)
_AUDIT, _ENFORCE = "audit", "enforce"


class Ranked(msgspec.Struct, frozen=True):
    """A single value that a rule gives. The higher ``rank`` stands; what could tie is refused at load."""

    rank: tuple[int, int]  # specificity; 1 for a rung of a ladder
    rule: str
    note: Note
    target: Target | None = None
    reuse: Reuse | None = None

    @property
    def in_force(self) -> bool:
        """Whether it may change the call."""
        return self.note.mode == _ENFORCE


class Combined(msgspec.Struct, frozen=True):
    """What a set of rules says together."""

    notes: tuple[Note, ...] = ()
    denials: tuple[Denial, ...] = ()
    against: tuple[Note, ...] = ()  # of every rule that would refuse, whatever its mode
    warnings: tuple[Warned, ...] = ()
    clamp: int | None = None
    targets: tuple[Ranked, ...] = ()
    reuses: tuple[Ranked, ...] = ()
    reuse: Reuse | None = None  # that stands
    inspections: tuple[Inspection, ...] = ()
    meters: tuple[Obligation, ...] = ()
    watches: tuple[Watch, ...] = ()


NOTHING = Combined()


def fold(base: Combined, sayings: Sequence[Saying]) -> Combined:
    """Add sayings to what was combined before."""
    notes = (*base.notes, *[one.note for one in sayings])
    acting = [one for one in sayings if one.effects is not None]
    if not acting:
        return msgspec.structs.replace(base, notes=notes)
    tally = _Tally(base)
    for one in acting:
        tally.add(one)
    return tally.combined(notes)


def strongest(ranked: Iterable[Ranked]) -> Ranked | None:
    """The single value that stands among those in force."""
    return max([one for one in ranked if one.in_force], key=lambda one: (one.rank, one.rule), default=None)


def lower(one: int | None, other: int | None) -> int | None:
    """The lower of two clamps."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def denials_of(*sources: Iterable[Denial]) -> tuple[Denial, ...]:
    """All of them, one for each rule, the one that is told first in front: by kind, then by name."""
    by_rule = {one.rule: one for source in reversed(sources) for one in source}
    return tuple(sorted(by_rule.values(), key=lambda one: (_ORDER.index(one.kind), one.rule)))


class _Tally:
    """Sums up."""

    def __init__(self, base: Combined) -> None:
        self._base = base
        self._denials: list[Denial] = []
        self._against = list(base.against)
        self._warnings = list(base.warnings)
        self._clamp = base.clamp
        self._targets = list(base.targets)
        self._reuses = list(base.reuses)
        self._inspections = list(base.inspections)
        self._meters = list(base.meters)
        self._watches = list(base.watches)

    def add(self, one: Saying) -> None:
        effects, note = one.effects, one.note
        if effects is None:
            return
        self._meters += effects.meters
        if effects.inspection is not None:
            self._inspections.append(effects.inspection)
        if effects.watch is not None:
            self._watches.append(effects.watch)
        if effects.target is not None:
            self._targets.append(Ranked((one.rank, 0), note.rule, note, target=effects.target))
        if effects.reuse is not None:
            self._reuses.append(Ranked((one.rank, int(effects.from_ladder)), note.rule, note, reuse=effects.reuse))
        if effects.denial is not None:
            self._against.append(note)
        if note.mode == _ENFORCE:
            self._enforce(note, effects)
        elif note.mode != _AUDIT and (text := _would(note, effects)):
            self._warnings.append(Warned(note.rule, text))

    def _enforce(self, note: Note, effects: Effects) -> None:
        if effects.denial is not None:
            self._denials.append(effects.denial)
        if effects.warning:
            self._warnings.append(Warned(note.rule, effects.warning))
        self._clamp = lower(self._clamp, effects.clamp)

    def combined(self, notes: tuple[Note, ...]) -> Combined:
        return Combined(
            notes=notes,
            denials=denials_of(self._base.denials, self._denials),
            against=tuple(self._against),
            warnings=tuple(self._warnings),
            clamp=self._clamp,
            targets=tuple(self._targets),
            reuses=tuple(self._reuses),
            reuse=stands.reuse if (stands := strongest(self._reuses)) else None,
            inspections=tuple(self._inspections),
            meters=tuple(self._meters),
            watches=tuple(self._watches),
        )


def _would(note: Note, effects: Effects) -> str:
    """What a rule that only warns tells of what it does not do; meters and findings tell it when they know."""
    if effects.denial is not None:
        return effects.denial.message
    if effects.warning:
        return effects.warning
    if effects.clamp is not None:
        return f"Would lower the {note.detail}."
    if effects.target is not None and note.said is Said.ROUTE:
        return f"Would go {note.detail}." if effects.target.model else effects.target.unfit
    return ""
