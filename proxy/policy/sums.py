"""Budgets of teams that together are more than the company's of the same period: then not every team can spend its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from proxy.config.directory import Directory
from proxy.policy.rule import Rule, Selector
from proxy.policy.terms import Budget


class Overcommitted(msgspec.Struct, frozen=True):
    """A budget of the company, and what its teams may spend together in the same period."""

    rule: Rule
    limit_nusd: int
    teams: Mapping[str, int]  # nano-dollars of each team that has a budget

    @property
    def sum_nusd(self) -> int:
        """Of all teams."""
        return sum(self.teams.values())


def overcommitted(rules: Sequence[Rule], directory: Directory) -> Iterator[Overcommitted]:
    """Find those that hold for every call. What only holds under a condition, or for some models, is not added up."""
    for rule in rules:
        terms = rule.terms
        if isinstance(terms, Budget) and terms.per == "org" and not rule.match and rule.when is None:
            teams = _of_teams(rules, terms.period, directory)
            if sum(teams.values()) > terms.limit_nusd:
                yield Overcommitted(rule, terms.limit_nusd, teams)


def _of_teams(rules: Sequence[Rule], period: str, directory: Directory) -> dict[str, int]:
    """The lowest budget of each team that has one."""
    found: dict[str, int] = {}
    for rule in rules:
        terms = rule.terms
        if not isinstance(terms, Budget) or (terms.per, terms.period) != ("team", period) or rule.when is not None:
            continue
        if all(part == Selector(teams=part.teams) for part in rule.match):
            for team in directory.teams:
                if all(team in part.teams for part in rule.match if part.teams):
                    limit = terms.table.get(f"team:{team}", terms.limit_nusd)
                    found[team] = min(limit, found.get(team, limit))
    return found
