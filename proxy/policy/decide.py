"""The decision point. Pure: the same facts and the same generation give the same decision, today and in a replay.

A call that a rule sends to another model is heard a second time, for that one: whatever would refuse it there refuses it
here, so that no route loosens a ban, and it is held on the meters of the model that will answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from proxy.domain.decision import Decision, Denial, Inspection, Kind, Obligation, Routed, Warned
from proxy.domain.trace import Note, Said
from proxy.policy.combine import Combined, Ranked, denials_of, lower, strongest
from proxy.policy.facts import Facts
from proxy.policy.generation import Policy

_NONE: Final[frozenset[str]] = frozenset()
_WIDE_TO_NARROW: Final = ("org", "model", "team", "user", "project", "key")


def decide(facts: Facts, policy: Policy, decision_id: str, spent: frozenset[str] = _NONE) -> Decision:
    """Yes or no, and which meters must hold first. Rules that need counters are returned as obligations.

    ``spent``: budgets that had no room when the call was to be held (``levels.reroute``); where such a budget routes, the
    decision is for that model, and the budget counts it without refusing.
    """
    asked = policy.hears(facts)
    if not asked.targets and not spent:
        return Decision(
            decision_id,
            policy.said.generation,
            asked.meters,
            asked.denials,
            asked.warnings,
            None,
            asked.clamp,
            asked.inspections,
            asked.reuse,
            asked.watches,
            asked.notes,
        )
    return _Journey(facts, policy, asked).decision(decision_id, spent)


class _Journey:
    """A call that may end at another model than it was for."""

    def __init__(self, facts: Facts, policy: Policy, asked: Combined) -> None:
        self._facts = facts
        self._policy = policy
        self._asked = asked
        self._heard: dict[str, Combined] = {facts.model: asked}

    def decision(self, decision_id: str, spent: frozenset[str]) -> Decision:
        asked = self._asked
        routed, denials = self._follow(strongest(asked.targets))
        final = self._at(routed)
        relaxed: frozenset[str] = _NONE
        if past := [wish for wish in final.meters if _gives_way(wish, spent)]:
            relaxed = frozenset(wish.rule for wish in past)
            routed = self._fall_back(max(past, key=_narrowness), routed)
            final = self._at(routed)
        return Decision(
            id=decision_id,
            generation=self._policy.said.generation,
            obligations=tuple([_relax(wish) if wish.rule in relaxed else wish for wish in final.meters]),
            denials=denials_of(denials, asked.denials, self._elsewhere(final.denials, routed)),
            warnings=tuple(dict.fromkeys((*asked.warnings, *final.warnings, *_told(relaxed, routed)))),
            route=routed,
            max_output=lower(asked.clamp, final.clamp),
            inspections=_once(asked.inspections, final.inspections),
            reuse=final.reuse,
            watches=asked.watches,
            trace=self._trace(),
        )

    def _at(self, routed: Routed | None) -> Combined:
        return self._hear(routed.model if routed else self._facts.model)

    def _hear(self, model: str) -> Combined:
        if model not in self._heard:
            self._heard[model] = self._policy.hears(msgspec.structs.replace(self._facts, model=model))
        return self._heard[model]

    def _follow(self, winner: Ranked | None) -> tuple[Routed | None, tuple[Denial, ...]]:
        """Go where the rule that stands sends the call; where it names no model that fits, it refuses."""
        if winner is None or winner.target is None or winner.target.model == self._facts.model:
            return None, ()
        note, target, owner = winner.note, winner.target, winner.target.owner
        if not target.model:
            text = f"{note.rule} sends this call to another model. {target.unfit} Policy {note.rule}; ask {owner}."
            return None, (Denial(note.rule, Kind.FORBIDDEN, text, note.place, owner, param="model"),)
        return Routed(note.rule, target.model, self._facts.model, note.place, owner), ()

    def _fall_back(self, wish: Obligation, routed: Routed | None) -> Routed | None:
        """Go where a spent budget sends the call, unless it is there already."""
        if wish.route == (routed.model if routed else self._facts.model):
            return routed
        if wish.route == self._facts.model:
            return None
        return Routed(wish.rule, wish.route, self._facts.model, wish.place, wish.owner)

    def _elsewhere(self, denials: Iterable[Denial], routed: Routed | None) -> tuple[Denial, ...]:
        """What refuses the call at the model that it was sent to, saying how it came there."""
        if routed is None:
            return tuple(denials)
        how = f"{routed.rule} sends this call to {routed.model}. "
        return tuple([msgspec.structs.replace(one, message=how + one.message) for one in denials])

    def _trace(self) -> tuple[Note, ...]:
        """The notes, and at those that route, whatever the mode, who would refuse the call there."""
        told: dict[str, Note] = {}
        for one in self._asked.targets:
            if one.note.said is Said.ROUTE and one.target is not None and one.target.model:
                there = self._hear(one.target.model)
                if there.against:
                    detail = f"{one.note.detail}{_against(there.against)}"
                    told[one.rule] = msgspec.structs.replace(one.note, detail=detail)
        return _with(self._asked.notes, told)


def _with(notes: tuple[Note, ...], told: Mapping[str, Note]) -> tuple[Note, ...]:
    return tuple([told.get(note.rule, note) for note in notes]) if told else notes


def _against(notes: Iterable[Note]) -> str:
    """Who refuses a call where it is sent, and who would if it were in force."""
    felt = sorted(note.rule for note in notes if note.mode == "enforce")
    unfelt = sorted(note.rule for note in notes if note.mode != "enforce")
    refused = f"; refused there by {', '.join(felt)}" if felt else ""
    return refused + (f"; {', '.join(unfelt)} would refuse there" if unfelt else "")


def _gives_way(wish: Obligation, spent: frozenset[str]) -> bool:
    return wish.rule in spent and wish.enforce and wish.when_spent == "route"


def _narrowness(wish: Obligation) -> tuple[int, str]:
    """Which spent budget says where to go: the one of the narrowest scope."""
    return _WIDE_TO_NARROW.index(wish.scope.partition(":")[0]), wish.rule


def _relax(wish: Obligation) -> Obligation:
    return msgspec.structs.replace(wish, enforce=False)


def _told(relaxed: Iterable[str], routed: Routed | None) -> list[Warned]:
    where = f"; the call went to {routed.model}" if routed else ""
    return [Warned(rule, f"The budget {rule} is spent{where}.") for rule in sorted(relaxed)]


def _once(*sources: Iterable[Inspection]) -> tuple[Inspection, ...]:
    return tuple({one.rule: one for source in sources for one in source}.values())
