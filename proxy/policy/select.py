"""Which rules are about a call, and what those say that need no facts: worked out once, then true for all calls alike.

Rules and exemptions have windows of time, so a selection knows from when until when it holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import msgspec

from proxy.domain.trace import Said
from proxy.policy.combine import NOTHING, Combined, fold
from proxy.policy.fits import fits
from proxy.policy.index import Index
from proxy.policy.polls import Poll, Polls
from proxy.policy.rule import Exemption, Expression, PolicySet, Rule, Selector
from proxy.policy.rules import VERBS
from proxy.policy.saying import Bound, Granted, Ground, Say, Saying, note_of
from proxy.policy.specificity import specificity
from proxy.policy.views import Layout
from proxy.policy.wanted import Wanted, wanted

Serves = Callable[[str, str], bool]


class Asked(msgspec.Struct, frozen=True):
    """A rule that must be asked for every call: for its condition, or for the facts."""

    say: Say
    when: Expression | None
    zone: str  # of the layout that `when` sees
    aside: Saying
    failed: Saying  # what is said where `when` breaks


class Selection(msgspec.Struct, frozen=True):
    """What holds for a ground from ``since`` until before ``until`` (unix seconds)."""

    always: Combined
    asked: tuple[Asked, ...]
    since: float
    until: float
    polls: tuple[Poll, ...] = ()  # of the conditions in ``asked``
    wanted: tuple[Wanted, ...] = ()  # whose recent usage the rules among them ask about


class _Exempt(msgspec.Struct, frozen=True):
    exemption: Exemption

    @property
    def match(self) -> tuple[Selector, ...]:
        return (self.exemption.match,)


class Rulebook:
    """The rules and exemptions of a generation, ready to be looked up."""

    def __init__(self, said: PolicySet, layout: Layout, serves: Serves) -> None:
        """``serves`` tells whether some upstream has a model for a family of dialects."""
        self._rules = Index(sorted(said.rules, key=lambda rule: rule.id))
        self._exemptions = Index(_Exempt(one) for one in sorted(said.exemptions, key=lambda one: one.name))
        self._binds = {verb.name: verb.bind for verb in VERBS}
        self._layout = layout
        self._polls = Polls()
        self._serves = serves

    def select(self, ground: Ground, at: float) -> Selection:
        """Work out what is about a ground at a moment (unix seconds)."""
        window = _Window(at)
        exemptions = [
            found.exemption
            for found in self._exemptions.about(ground)
            if fits(found.match, ground) and window.holds(found.exemption.since, found.exemption.until)
        ]
        sayings: list[Saying] = []
        asked: list[Asked] = []
        here: list[Rule] = []
        for rule in self._rules.about(ground):
            if not (fits(rule.match, ground) and window.holds(rule.since, rule.until)):
                continue
            if lifted := [one for one in exemptions if rule.id in one.lift]:
                sayings.append(Saying(note_of(rule, Said.LIFTED, _by(lifted))))
            else:
                here.append(rule)
                self._take(rule, ground, _granted(rule, exemptions), sayings, asked)
        return Selection(
            always=fold(NOTHING, sayings),
            asked=tuple(asked),
            since=window.since,
            until=window.until,
            polls=self._polls.of(asked),
            wanted=wanted(here, ground),
        )

    def _take(self, rule: Rule, ground: Ground, granted: Granted, sayings: list[Saying], asked: list[Asked]) -> None:
        bound = Bound(rule, ground, specificity(rule.match), granted, self._serves)
        said = self._binds[rule.verb](bound, rule.terms)
        if isinstance(said, Saying) and rule.when is None:
            sayings.append(said)
            return
        say = _always(said) if isinstance(said, Saying) else said
        zone = self._layout.zone(rule.timezone)
        asked.append(Asked(say, rule.when, zone, bound.says(Said.ASIDE), _failed(bound, said)))


class _Window:
    """Narrows down how long things stay as they are."""

    def __init__(self, at: float) -> None:
        self._at = at
        self.since, self.until = -math.inf, math.inf

    def holds(self, since: float | None, until: float | None) -> bool:
        """Whether the moment lies in a window; its borders are remembered either way."""
        for border in (since, until):
            if border is not None and border <= self._at:
                self.since = max(self.since, border)
            elif border is not None:
                self.until = min(self.until, border)
        return (since is None or since <= self._at) and (until is None or self._at < until)


def _granted(rule: Rule, exemptions: Iterable[Exemption]) -> Granted:
    found = [(one.name, nusd) for one in exemptions for named, nusd in one.grant if named == rule.id]
    return Granted(sum(nusd for _, nusd in found), tuple(name for name, _ in found)) if found else Granted()


def _by(lifted: Iterable[Exemption]) -> str:
    return "; ".join(f"by {one.name} ({one.place}) until {_day(one.until)}" for one in lifted)


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _always(said: Saying) -> Say:
    return lambda _: said


def _failed(bound: Bound, said: Saying | Say) -> Saying:
    """A ban whose condition breaks holds; everything else does not apply."""
    why = "its condition could not be evaluated"
    if bound.rule.verb == "deny" and isinstance(said, Saying):
        return Saying(note_of(bound.rule, Said.FAILED, f"{why}: denied"), said.effects, said.rank)
    return bound.says(Said.FAILED, f"{why}: not applied")
