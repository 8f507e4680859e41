"""What rules may not be together: contradictory, or equally specific with different values.

The order of files and rules decides nothing, so where nothing else decides, people must.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from proxy.config.directory import Directory
from proxy.config.problems import Problem
from proxy.config.quantities import MILLION
from proxy.domain.money import NANO_PER_USD
from proxy.policy.documents.limits import MOST_NUSD
from proxy.policy.overlap import can_meet
from proxy.policy.places import Place
from proxy.policy.read_exemption import PlacedExemption
from proxy.policy.read_policy import Placed
from proxy.policy.rule import Mode, Rule
from proxy.policy.specificity import SINGLE_VALUED, specificity
from proxy.policy.terms import Budget


def conflicts(
    rules: Sequence[Placed], exemptions: Iterable[PlacedExemption], directory: Directory
) -> Iterator[Problem]:
    """Find every conflict, each told at the later rule or at the exemption."""
    yield from _impossible(rules, directory)
    yield from _ties(rules, directory)
    yield from _uncountable(rules, exemptions)


def _uncountable(rules: Iterable[Placed], exemptions: Iterable[PlacedExemption]) -> Iterator[Problem]:
    """Find grants that lift a ceiling above what a store counts exactly."""
    ceilings = {one.rule.id: _ceiling(one.rule.terms) for one in rules if isinstance(one.rule.terms, Budget)}
    for one in exemptions:
        for rule, more in one.exemption.grant:
            if rule in ceilings:
                ceilings[rule] += more
                if ceilings[rule] > MOST_NUSD:
                    message = f"raises {rule} above ${MOST_NUSD // NANO_PER_USD:,}, which no store counts exactly"
                    yield Place(one.place.source, ("grant", rule)).problem(message)


def _ceiling(budget: Budget) -> int:
    most = max(budget.limit_nusd, *budget.table.values(), 0)
    return most + most * budget.grace_millionths // MILLION


def _impossible(rules: Iterable[Placed], directory: Directory) -> Iterator[Problem]:
    for one in rules:
        if one.rule.match and not can_meet(one.rule.match, directory):
            yield one.place.problem(
                "can never apply: no call fits match: as a whole", "see who is of which team", ("match",)
            )


def _ties(rules: Iterable[Placed], directory: Directory) -> Iterator[Problem]:
    by_rank: dict[tuple[str, int, bool], list[Placed]] = defaultdict(list)
    for one in rules:
        if one.rule.verb in SINGLE_VALUED:
            # A rule in audit is tried out beside those in force; among its own kind it must be as unambiguous as they.
            rank = specificity(one.rule.match)
            by_rank[one.rule.verb, rank, one.rule.mode is Mode.AUDIT].append(one)
    for group in by_rank.values():
        for first, second in combinations(group, 2):
            if first.rule.terms != second.rule.terms and together(first.rule, second.rule, directory):
                yield second.place.problem(
                    f"is as specific as {first.rule.id} ({first.rule.place}) and says otherwise",
                    "nothing decides between them: make one narrower, or join them",
                    (second.rule.verb,),
                    key=True,
                )


def together(one: Rule, other: Rule, directory: Directory) -> bool:
    """Tell whether both can apply to one call, as far as can be known without running ``when:``."""
    if one.until is not None and other.since is not None and one.until <= other.since:
        return False
    if other.until is not None and one.since is not None and other.until <= one.since:
        return False
    return can_meet((*one.match, *other.match), directory)
