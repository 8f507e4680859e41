"""One generation of rules, and what it remembers of those who called: selections, so that most calls only look one up."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from proxy.policy import expr
from proxy.policy.combine import Combined, fold
from proxy.policy.facts import Facts
from proxy.policy.polls import answers
from proxy.policy.rule import PolicySet
from proxy.policy.saying import Ground
from proxy.policy.select import Rulebook, Selection, Serves
from proxy.policy.terms import ANY_FAMILY, Inspect, reuses, targets
from proxy.policy.views import NAMES, Activate, Layout, Views
from proxy.policy.wanted import Wanted, counted, together

REMEMBERED: Final = 4096  # selections; the oldest is forgotten first


def _any(_family: str, _model: str) -> bool:
    return True


class Policy:
    """What ``decide`` asks. Its memory is all that ever changes in it."""

    def __init__(
        self,
        said: PolicySet,
        *,
        uses: Iterable[str] = NAMES,
        activate: Activate | None = None,
        serves: Serves = _any,
        remembered: int = REMEMBERED,
    ) -> None:
        """``uses``: facts that any ``when:`` uses; ``activate`` lays them out; ``serves``: whether a family has a model.

        ``remembered``: how many selections are kept.
        """
        known = frozenset(uses)
        self.said = said
        self.routes = any(rule.verb == "route" for rule in said.rules)  # some send calls to other models
        self.inspects = any(isinstance(one.terms, Inspect) and "prompt" in one.terms.places for one in said.rules)
        self.caches = any(reuses(rule.terms) for rule in said.rules)  # some let repeats be answered here
        self.counted = counted(said.rules)  # whose calls are counted, for rules that ask what they did lately
        self._targets = frozenset(pair for rule in said.rules for pair in targets(rule.terms))
        self._layout = Layout.of(activate or _layout_of(known), known)
        self._rulebook = Rulebook(said, self._layout, serves)
        self._known: dict[tuple[object, ...], Selection] = {}
        self._remembered = remembered

    def hears(self, facts: Facts) -> Combined:
        """What all rules say of a call to ``facts.model``, before it is sent elsewhere."""
        chosen = self._selection(facts)
        if not chosen.asked:
            return chosen.always
        held = answers(chosen.polls, Views(self._layout, facts), len(chosen.asked))
        sayings = [
            one.say(facts) if holds else (one.failed if holds is None else one.aside)
            for one, holds in zip(chosen.asked, held, strict=True)
        ]
        return fold(chosen.always, sayings)

    def wants(self, facts: Facts) -> tuple[Wanted, ...]:
        """Whose recent usage rules ask about for this call, also at the models that they may send it to."""
        asked = self._selection(facts).wanted
        if not self._targets:
            return asked
        models = {model for family, model in self._targets if family in (facts.family, ANY_FAMILY)} - {facts.model}
        elsewhere = [msgspec.structs.replace(facts, model=model) for model in sorted(models)]
        return together(asked, *[self._selection(there).wanted for there in elsewhere])

    def _selection(self, facts: Facts) -> Selection:
        key = (
            facts.person, facts.key, facts.model, facts.project, facts.team, facts.groups, facts.family, facts.user,
            facts.org,
        )  # fmt: skip
        found = self._known.get(key)
        if found is None or not found.since <= facts.clock < found.until:
            found = self._rulebook.select(ground_of(facts), facts.clock)
            self._known.pop(key, None)
            if len(self._known) >= self._remembered:
                del self._known[next(iter(self._known))]
            self._known[key] = found
        return found


def ground_of(facts: Facts) -> Ground:
    """Who calls, and for what."""
    return Ground(
        org=facts.org,
        team=facts.team,
        user=facts.user,
        person=facts.person,
        key=facts.key,
        project=facts.project,
        groups=facts.groups,
        model=facts.model,
        family=facts.family,
    )


def _layout_of(uses: frozenset[str]) -> Activate:
    return lambda values: expr.activation(values, uses)
