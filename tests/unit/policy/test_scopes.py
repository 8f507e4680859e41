"""Names of scopes in meter keys."""

from __future__ import annotations

import pytest

from proxy.config.directory import Jwt
from proxy.policy.scopes import TOKENS, scope
from tests.support.rules import facts

IDP = Jwt("https://idp.acme.example/realms/main", ("tallygate",), "https://idp.acme.example/keys")


@pytest.mark.parametrize(
    ("per", "name"),
    [
        ("org", "org"),
        ("team", "team:growth"),
        ("user", "user:p_ann"),
        ("key", "key:key_1"),
        ("project", "project:crm"),
        ("model", "model:gpt-5.1"),
    ],
)
def test_a_scope_is_named_by_what_it_counts_for(per: str, name: str) -> None:
    assert scope(per, facts()) == name
    assert "ann@" not in scope(per, facts())


def test_calls_of_no_project_share_one() -> None:
    assert scope("project", facts(project=None)) == "project:"


def test_the_tokens_of_one_person_are_one_key_and_those_of_two_are_two() -> None:
    """One id stands for all tokens of a provider: eight calls at a time per key are not eight for the company."""
    assert IDP.key_id.startswith(TOKENS)
    ann, rob = (scope("key", facts(key=IDP.key_id, person=person)) for person in ("p_ann", "p_rob"))
    assert (ann, rob) == ("key:jwt:idp.acme.example:p_ann", "key:jwt:idp.acme.example:p_rob")


def test_nothing_else_is_counted() -> None:
    with pytest.raises(ValueError, match="nothing is counted per 'group'"):
        scope("group", facts())
