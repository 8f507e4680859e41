"""Which scopes' recent usage rules ask about: what must be counted for a generation, and what gathered for a call.

``usage.*`` in a ``when:`` speaks of the caller; a ladder speaks of the scope that its ``per`` names. What nobody asks about
is neither counted nor read.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from proxy.policy.rule import Rule
from proxy.policy.scopes import Whose, scope
from proxy.policy.terms import Waste

CALLER = "user"  # of whom `usage.*` speaks
_USAGE = "usage."


class Wanted(msgspec.Struct, frozen=True):
    """A scope that rules ask about, and the ladders among them."""

    scope: str
    ladders: tuple[str, ...] = ()


def counted(rules: Iterable[Rule]) -> tuple[str, ...]:
    """Whose calls must be counted, as ``per`` says it: ``("team", "user")``. Empty: no rule asks."""
    return tuple(sorted({per for rule in rules for per in _asks(rule)}))


def wanted(rules: Iterable[Rule], whose: Whose) -> tuple[Wanted, ...]:
    """What these rules ask about a call."""
    found: dict[str, list[str]] = {}
    for rule in rules:
        for per in _asks(rule):
            ladders = found.setdefault(scope(per, whose), [])
            if isinstance(rule.terms, Waste) and per == rule.terms.per:
                ladders.append(rule.id)
    return tuple([Wanted(where, tuple(ladders)) for where, ladders in sorted(found.items())])


def together(first: tuple[Wanted, ...], *others: tuple[Wanted, ...]) -> tuple[Wanted, ...]:
    """What all of these ask about. A ladder that several ask about stays with the scope that the first of them has."""
    found = {one.scope: list(one.ladders) for one in first}
    seen = {ladder for one in first for ladder in one.ladders}
    for one in [one for other in others for one in other]:
        new = [ladder for ladder in one.ladders if ladder not in seen]
        seen.update(new)
        found.setdefault(one.scope, []).extend(new)
    return tuple([Wanted(where, tuple(ladders)) for where, ladders in sorted(found.items())])


def _asks(rule: Rule) -> set[str]:
    """Whose usage a rule asks about."""
    found = {CALLER} if rule.when is not None and any(fact.startswith(_USAGE) for fact in rule.when.facts) else set()
    return found | {rule.terms.per} if isinstance(rule.terms, Waste) else found
