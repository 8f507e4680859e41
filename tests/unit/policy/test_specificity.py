"""The narrowest rule wins."""

from __future__ import annotations

from proxy.policy.rule import Selector
from proxy.policy.specificity import specificity

NAME = frozenset({"x"})


def test_key_project_user_team_group_everyone() -> None:
    parts = [
        Selector(keys=NAME), Selector(projects=NAME), Selector(users=NAME), Selector(teams=NAME), Selector(groups=NAME),
        Selector(models=("x",)),
    ]  # fmt: skip
    ranks = [specificity((part,)) for part in parts]
    assert ranks == sorted(ranks, reverse=True)
    assert len(set(ranks)) == len(ranks)
    assert specificity(()) == specificity((Selector(models=("x",)),))


def test_the_narrowest_part_counts_wherever_it_stands() -> None:
    assert specificity((Selector(teams=NAME), Selector(keys=NAME))) == specificity((Selector(keys=NAME, groups=NAME),))
