"""Whose budget a command means: looked up in the directory, with the nearest name where there is none."""

from __future__ import annotations

import pytest

from proxy.app.budgets.whose import KINDS, check_fit, everybody, whose
from proxy.policy.budgets import budgets
from tests.support.policies import acme, loaded, policy


def test_a_person_stands_for_their_pseudonym_and_team() -> None:
    name, user = next(iter(acme().users.items()))
    found = whose(acme(), "user", name)
    assert (found.ground.person, found.ground.team) == (acme().pseudonym("user", name), user.team)
    assert str(found) == f"user {name}"


def test_a_key_stands_for_its_holder_and_team() -> None:
    key = acme().keys[0]
    ground = whose(acme(), "key", key.id).ground
    assert (ground.key, ground.team, ground.user) == (key.id, key.team, key.user or "")
    assert ground.person


def test_calls_of_no_project_are_a_project_of_their_own() -> None:
    assert whose(acme(), "project", "").ground.project == ""


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "model"])
def test_names_that_nobody_has_are_refused_and_people_never_listed(kind: str) -> None:
    with pytest.raises(ValueError, match=f"no {kind} 'qqqqqqq'") as caught:
        whose(acme(), kind, "qqqqqqq")
    if kind in ("user", "key", "service"):
        assert not any(name in str(caught.value) for name in (*acme().users, *(key.id for key in acme().keys)))
    else:
        assert "there are " in str(caught.value)


@pytest.mark.parametrize(
    ("per", "kind", "words"),
    [
        ("org", "", ""),
        ("org", "team", "leave --team out"),
        ("team", "", "by --team"),
        ("user", "key", "by --user or --service"),
        ("key", "user", "by --key"),
        ("model", "model", ""),
    ],
)
def test_a_budget_wants_the_name_that_it_is_counted_per(per: str, kind: str, words: str) -> None:
    rules = f"  - name: b\n    budget: {{ limit: $5/day, per: {per} }}\n"
    rule = budgets(loaded({"p.yaml": policy(rules)}).policy)["p/b"]
    names = {"team": next(iter(acme().teams)), "user": next(iter(acme().users)), "key": acme().keys[0].id, "model": "m"}
    whom = whose(acme(), kind, names[kind]) if kind else everybody(acme())
    if words:
        with pytest.raises(ValueError, match="p/b is") as caught:
            check_fit(rule, whom)
        assert words in str(caught.value)
    else:
        check_fit(rule, whom)
