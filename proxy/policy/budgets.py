"""Budgets seen from outside of a call: which there are, whom they can count, and what each allows to somebody."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from proxy.config.problems import did_you_mean
from proxy.domain.decision import Obligation
from proxy.policy.draws import meter_key
from proxy.policy.fits import banned, fits
from proxy.policy.rule import Exemption, PolicySet, Rule, Selector
from proxy.policy.rules.budget import bind
from proxy.policy.saying import Bound, Granted, Ground
from proxy.policy.specificity import specificity
from proxy.policy.terms import Budget

_MARK: Final = "\0"  # in no name


def budgets(said: PolicySet) -> dict[str, Rule]:
    """All budgets of a generation by the ids of their rules, in the order of these."""
    return {rule.id: rule for rule in sorted(said.rules, key=lambda rule: rule.id) if isinstance(rule.terms, Budget)}


def terms_of(rule: Rule) -> Budget:
    """What a budget's rule says. Raises ``TypeError`` for a rule that is none."""
    if not isinstance(rule.terms, Budget):
        raise TypeError(f"{rule.id} is no budget")
    return rule.terms


def budget_named(said: PolicySet, name: str) -> Rule:
    """The budget of this id. Raises ``ValueError`` that names the nearest, or what there is."""
    known = budgets(said)
    if name in known:
        return known[name]
    other = next((rule.verb for rule in said.rules if rule.id == name), "")
    if other:
        raise ValueError(f"{name} is a rule of the kind `{other}`, no budget; {_there_are(known)}")
    ends = [known_id for known_id in known if known_id.rpartition("/")[2] == name]
    near = f"did you mean {ends[0]!r}?" if len(ends) == 1 else did_you_mean(name, known)
    raise ValueError(f"there is no budget {name!r}; {near or _there_are(known)}")


def wish_of(rule: Rule, ground: Ground, exemptions: Iterable[Exemption], at: float) -> Obligation:
    """What a budget's meter wants for a ground at a moment (unix seconds), whether or not a call would meet it."""
    found = [
        (one.name, nusd)
        for one in exemptions
        if one.since <= at < one.until and fits((one.match,), ground)
        for named, nusd in one.grant
        if named == rule.id
    ]
    given = Granted(sum(nusd for _, nusd in found), tuple(name for name, _ in found))
    said = bind(Bound(rule, ground, specificity(rule.match), given, lambda _family, _model: True), terms_of(rule))
    if said.effects is None:
        raise TypeError(f"{rule.id} wants no meter")
    return said.effects.meters[0]


def unmet(rule: Rule, ground: Ground) -> str:
    """Which part of a rule's match keeps a ground out for certain, ``teams: growth``; "" where none does.

    What a ground does not say (the model of calls yet to come) keeps nobody out.
    """
    return next((told for selector in rule.match if (told := _unmet(selector, ground))), "")


def _unmet(selector: Selector, ground: Ground) -> str:
    known: tuple[tuple[str, frozenset[str], str | None], ...] = (
        ("teams", selector.teams, ground.team),
        ("users", selector.users, ground.user),
        ("keys", selector.keys, ground.key),
        ("projects", selector.projects, ground.project),
    )
    for name, wanted, has in known:
        if wanted and has and has not in wanted:
            return f"{name}: {', '.join(sorted(wanted))}"
    if selector.groups and ground.user and selector.groups.isdisjoint(ground.groups):
        return f"groups: {', '.join(sorted(selector.groups))}"
    if selector.models and ground.model and not banned(ground.model, selector.models):
        return f"models: {', '.join(selector.models)}"
    return ""


def around_scope(org: str, wish: Obligation, period: str) -> tuple[str, str]:
    """What stands before and behind the scope in the keys of a budget's meters in a period."""
    before, _, behind = meter_key(org, msgspec.structs.replace(wish, scope=_MARK), period).partition(_MARK)
    return before, behind


def _there_are(known: Iterable[str]) -> str:
    names = ", ".join(known)
    return f"there are {names}" if names else "there is none: `budget:` in tallygate.yaml makes one, or a policy"
