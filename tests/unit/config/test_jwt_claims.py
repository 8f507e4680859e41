"""Claims choose among what the directory has: its teams, projects and groups; they add none of their own."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.directory import Directory
from proxy.config.directory_loader import parse_directory
from proxy.config.jwt_claims import Unmapped, claim, principal_of
from proxy.config.pseudonym import pseudonym
from proxy.domain.principal import Principal
from tests.support.config_files import DIRECTORY

SECRET = b"s" * 32
GOOD = {"sub": "u-1", "email": "ann@acme.example", "department": "growth", "roles": ["batch", "else"]}
CLAIMS = "{team: department, user: email, groups: roles}"


def directory(claims: str = CLAIMS, more: str = "") -> Directory:
    jwt = (
        f"jwt: {{issuer: 'https://id.acme.example/realms/x', audience: tg, jwks: keys.json, claims: {claims}{more}}}\n"
    )
    return parse_directory((DIRECTORY + jwt).encode(), "d.yaml", SECRET)


def who(said: dict[str, Any], claims: str = CLAIMS, more: str = "") -> Principal:
    found = directory(claims, more)
    assert found.jwt is not None
    return principal_of(found, found.jwt, said, 99.0)


def lack(said: dict[str, Any], claims: str = CLAIMS, more: str = "") -> str:
    with pytest.raises(Unmapped) as caught:
        who(said, claims, more)
    told = str(caught.value)
    for value in ("else", "evil", "nobody@x", "u-1", "sales"):
        assert value not in told
    return told


def test_a_token_s_holder_is_a_principal_like_a_key_s() -> None:
    assert who(GOOD) == Principal(
        key_id="jwt:id.acme.example",
        org="acme",
        team="growth",
        pseudonym=pseudonym(SECRET, "acme", "user", "ann@acme.example"),
        user="ann@acme.example",
        project=None,
        projects=frozenset({"crm", "site"}),
        groups=frozenset({"batch"}),
        expires_at=99.0,
    )


def test_people_whom_the_directory_does_not_list_are_welcome_in_a_team_that_it_lists() -> None:
    found = who(GOOD | {"email": "new@acme.example"})
    assert (found.user, found.team) == ("new@acme.example", "growth")
    assert found.pseudonym == pseudonym(SECRET, "acme", "user", "new@acme.example")


def test_without_a_claim_for_the_team_the_directory_s_own_word_holds() -> None:
    assert who({"email": "bot@acme.example"}, "{user: email}").team == "platform"
    assert who({"email": "bot@acme.example"}).team == "platform"
    assert "says no team, and the directory does not list you" in lack({"email": "nobody@x"}, "{user: email}")
    assert "has no claim 'department'" in lack({"email": "nobody@x"})


def test_the_claim_s_team_holds_for_people_of_the_directory_too() -> None:
    assert who(GOOD | {"email": "bot@acme.example"}).team == "growth"


@pytest.mark.parametrize("said", ["sales", "Growth", "", [], ["sales"], 5, True, {"growth": 1}, [["growth"]]])
def test_a_claim_that_names_no_team_of_ours_opens_nothing_although_the_person_has_one(said: object) -> None:
    told = lack(GOOD | {"department": said, "email": "bot@acme.example"})
    assert told.startswith("The claim 'department' of your token names no team")


def test_values_are_mapped_by_the_table_and_by_their_own_name() -> None:
    more = ", teams: {Marketing-EU: growth, 'R & D': platform}"
    assert who(GOOD | {"department": "Marketing-EU"}, more=more).team == "growth"
    assert who(GOOD | {"department": "R & D"}, more=more).team == "platform"
    assert who(GOOD | {"department": "growth"}, more=more).team == "growth"


def test_a_list_may_hold_one_team_of_ours_among_others_and_not_two() -> None:
    more = ", teams: {/eu/marketing: growth, /eu: growth}"
    assert who(GOOD | {"department": ["/all", "/eu", "/eu/marketing"]}, more=more).team == "growth"
    assert who(GOOD | {"department": "all growth"}).team == "growth"
    assert "names several teams" in lack(GOOD | {"department": ["growth", "platform"]})


def test_groups_are_those_of_the_directory_that_the_claim_names_and_the_person_s_own() -> None:
    assert who(GOOD | {"roles": "else batch evil"}).groups == {"batch"}
    assert who(GOOD | {"roles": ["else"]}).groups == frozenset()
    assert who(GOOD | {"roles": None}).groups == frozenset()
    assert who(GOOD | {"roles": 7}).groups == frozenset()
    assert who(GOOD | {"email": "bot@acme.example", "roles": []}).groups == {"batch"}
    assert who(GOOD | {"roles": ["9f1c-guid"]}, more=", groups: {9f1c-guid: batch}").groups == {"batch"}


def test_paths_reach_into_a_claim_and_names_with_dots_are_names() -> None:
    said = {"a": {"b": {"c": 1}}, "a.b": 2, "https://acme.example/team": "growth"}
    assert claim(said, "a.b.c") == 1
    assert claim(said, "a.b") == 2
    assert claim(said, "https://acme.example/team") == "growth"
    assert claim(said, "a.x") is None
    assert claim({"a": "text"}, "a.b") is None
    assert claim({"a": [{"b": 1}]}, "a.b") is None
    nested = GOOD | {"realm_access": {"roles": ["batch"]}}
    assert who(nested, "{team: department, user: email, groups: realm_access.roles}").groups == {"batch"}


def test_the_subject_is_the_user_where_no_claim_is_named() -> None:
    assert who(GOOD, "{team: department}").user == "u-1"


def test_a_service_needs_no_user() -> None:
    claims = "{team: department, service: azp, user: email}"
    found = who({"azp": "nightly", "department": "growth", "sub": "u-1"}, claims)
    assert (found.user, found.service) == (None, "nightly")
    assert found.pseudonym == pseudonym(SECRET, "acme", "service", "nightly")
    both = who(GOOD | {"azp": "nightly"}, claims)
    assert (both.user, both.service, both.pseudonym) == ("ann@acme.example", "nightly", who(GOOD).pseudonym)
    assert "'azp' of your token is not usable" in lack(GOOD | {"azp": "evil name"}, claims)


@pytest.mark.parametrize("said", [None, "", 5, ["nobody@x"], {}])
def test_without_a_user_nobody_is_let_in(said: object) -> None:
    assert "has no claim 'email' of text" in lack(GOOD | {"email": said})


@pytest.mark.parametrize("said", ["evil one", "evil\n", "e" * 129, "\x00"])
def test_a_user_who_could_not_stand_in_the_directory_is_not_let_in(said: str) -> None:
    assert "'email' of your token is not usable as a user" in lack(GOOD | {"email": said})


def test_an_address_that_nobody_verified_is_nobody_s() -> None:
    assert "is not verified" in lack(GOOD | {"email_verified": False})
    assert "is not verified" in lack(GOOD | {"email_verified": "false"})
    assert who(GOOD | {"email_verified": True}).user == "ann@acme.example"
    assert who(GOOD | {"email_verified": False}, "{team: department}").user == "u-1"
    inside = GOOD | {"who": {"email": "ann@acme.example", "email_verified": False}}
    assert "is not verified" in lack(inside, "{team: department, user: who.email}")


def test_a_project_is_the_claim_s_if_it_is_the_team_s() -> None:
    claims = "{team: department, project: cost_center}"
    one = who(GOOD | {"cost_center": "crm"}, claims)
    assert (one.project, one.projects) == ("crm", frozenset({"crm"}))
    two = who(GOOD | {"cost_center": ["crm", "site", "else"]}, claims)
    assert (two.project, two.projects) == (None, frozenset({"crm", "site"}))
    none = who(GOOD, claims)
    assert (none.project, none.projects) == (None, frozenset({"crm", "site"}))
    assert "names no project of your team" in lack(GOOD | {"cost_center": "gateway"}, claims)


@pytest.mark.parametrize(
    ("issuer", "key_id"),
    [
        ("https://id.acme.example/realms/x", "jwt:id.acme.example"),
        ("https://id.acme.example:8443/", "jwt:id.acme.example"),
        ("accounts.google.com", "jwt:accounts.google.com"),
        ("urn:acme:id provider", "jwt:urn-acme-id-provider"),
        ("x" * 300, "jwt:" + "x" * 60),
    ],
)
def test_the_key_s_place_in_rows_is_one_word_for_all_tokens(issuer: str, key_id: str) -> None:
    text = DIRECTORY + f"jwt: {{issuer: {json.dumps(issuer)}, audience: tg, jwks: keys.json}}\n"
    jwt = parse_directory(text.encode(), "d.yaml", SECRET).jwt
    assert jwt is not None
    assert jwt.key_id == key_id


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["growth", "platform", "batch", "crm", "a b", "", "é"]) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "email_verified"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["sub", "email", "department", "roles", "x", "x.a", "email_verified"]), JSON))
def test_any_claims_give_a_place_in_the_directory_or_a_sentence(said: dict[str, Any]) -> None:
    found = directory("{team: department, user: email, groups: x.a, project: x, service: roles}")
    assert found.jwt is not None
    try:
        principal = principal_of(found, found.jwt, said, 1.0)
    except Unmapped:
        return
    assert principal.team in found.teams
    assert principal.groups <= found.groups
    assert principal.projects <= set(found.teams[principal.team].projects)
    assert principal.user or principal.service
    assert principal.pseudonym
