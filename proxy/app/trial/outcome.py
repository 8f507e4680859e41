"""What came of a trial, and what rules did in it, in the words of ``expect:``."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from proxy.domain.decision import Decision, Inspection
from proxy.domain.errors import CallError
from proxy.domain.trace import Said
from proxy.policy.explain import explain
from proxy.policy.levels import Reading, warnings

_ADMITTED = 200
_ACTS = (Said.DENY, Said.CLAMP, Said.ROUTE, Said.WASTE)
_SILENT = (Said.OK, Said.ASIDE, Said.METER, Said.INSPECT)  # these two speak when a counter or a text does


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """``seen``: the meters as the store answered. ``closed``: rules that admit nothing while the store is away."""

    decision: Decision
    now_us: int
    admitted: bool = False
    error: CallError | None = None  # that the caller is told
    seen: tuple[Reading, ...] = ()
    found: tuple[tuple[Inspection, tuple[str, ...]], ...] = ()
    max_output: int | None = None  # as forwarded
    closed: tuple[str, ...] = ()

    @property
    def status(self) -> int:
        """Of the answer, as far as we make it."""
        return self.error.status if self.error else _ADMITTED

    @property
    def refusing(self) -> tuple[str, ...]:
        """Every rule that refuses, the one that is told first in front."""
        if self.admitted:
            return ()
        told = [denial.rule for denial in self.decision.denials]
        over = [one.wish.rule for one in self.seen if one.level.over and one.wish.enforce] if not told else []
        return tuple(dict.fromkeys((*told, *over, *self.closed)))

    @property
    def route(self) -> str:
        """The model that it goes to instead of the one asked for, or ``none``."""
        return self.decision.route.model if self.decision.route else "none"

    @property
    def cache(self) -> str:
        """Whether a repeat may be answered here: off, exact or near."""
        return self.decision.reuse.mode if self.decision.reuse else "off"

    @property
    def warned(self) -> frozenset[str]:
        """The rules that the caller is told something by, beside the answer."""
        told = (*self.decision.warnings, *(warnings(self.seen) if self.admitted else ()))
        return frozenset(one.rule for one in told)

    @property
    def detectors(self) -> frozenset[str]:
        """What was found, by full names, whatever the mode of who looked for it."""
        return frozenset(name for _, names in self.found for name in names)

    @property
    def unfelt(self) -> frozenset[str]:
        """Rules in audit that would have acted."""
        by_themselves = {note.rule for note in self.decision.trace if note.mode == "audit" and note.said in _ACTS}
        meters = {one.wish.rule for one in self.seen if one.wish.mode == "audit" and one.level.over}
        return frozenset(by_themselves | meters | {wish.rule for wish, _ in self.found if wish.mode == "audit"})

    @property
    def speaking(self) -> frozenset[str]:
        """Every rule that says something about the call, whatever its mode."""
        return frozenset(self._speaking())

    def _speaking(self) -> Iterator[str]:
        yield from (note.rule for note in self.decision.trace if note.said not in _SILENT)
        yield from (one.wish.rule for one in self.seen if one.level.over or warnings((one,)))
        yield from (wish.rule for wish, _ in self.found)
        yield from (*self.warned, *self.refusing)

    def lines(self) -> tuple[str, ...]:
        """Why, in plain words: see ``policy.explain``."""
        return explain(self.decision, self.seen, self.now_us)
