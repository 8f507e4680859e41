"""Who is who: what loads, what contradicts itself, and who a key is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.directory import Directory, Jwt, Team, User, digest_of
from proxy.config.directory_loader import load_directory, parse_directory
from proxy.config.problems import ConfigError
from proxy.config.pseudonym import pseudonym
from tests.support.config_files import DIRECTORY
from tests.support.shared import shared_dir
from tests.support.tokens import jwk, key_set, private

SECRET = b"s" * 32
KEY = "tg_" + "k" * 43


def parse(text: str) -> Directory:
    return parse_directory(text.encode(), "d.yaml", SECRET)


def row(members: str, key: str = KEY, key_id: str = "key_x") -> str:
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f'  - {{ id: {key_id}, digest: "sha256:{digest}", {members} }}\n'


def with_key(members: str) -> str:
    return DIRECTORY.replace("keys:   # issued by `tallygate keys issue`\n", "keys:\n" + row(members))


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    return str(caught.value)


def test_the_shared_example_loads_and_its_people_are_known() -> None:
    shared = shared_dir()
    if shared is None:
        pytest.skip("no shared folder beside the project")
    found = load_directory(shared / "policy-example" / "directory.yaml", SECRET)
    assert found.org == "acme"
    assert found.teams["growth"] == Team("growth", "marketing", ("crm-enrichment", "site"))
    assert found.users["batch-bot@acme.example"] == User(
        "batch-bot@acme.example", "platform", frozenset({"platform", "batch"})
    )
    assert found.repos == {"git.acme.example/growth/site": "site"}
    evals = next(key for key in found.keys if key.id == "key_eval_01")
    assert (evals.team, evals.projects, evals.expires_at) == ("research", frozenset({"evals"}), 1_798_761_600.0)


def test_a_key_stands_for_its_holder() -> None:
    found = parse(with_key("user: bot@acme.example, service: nightly, project: gateway")).principal_of(KEY, 0.0)
    assert found is not None
    assert (found.key_id, found.org, found.team, found.user, found.service) == (
        "key_x",
        "acme",
        "platform",
        "bot@acme.example",
        "nightly",
    )
    assert found.project == "gateway"
    assert found.projects == {"gateway"}
    assert found.groups == {"batch"}
    assert found.pseudonym == pseudonym(SECRET, "acme", "user", "bot@acme.example")
    assert "bot" not in repr(found)


@pytest.mark.parametrize(
    "other", ["", "tg_", KEY[:-1], KEY + "k", KEY.upper(), "sha256:" + "0" * 64, "\udcff", "é" * 50]
)
def test_any_other_key_stands_for_nobody(other: str) -> None:
    assert parse(with_key("user: ann@acme.example")).principal_of(other, 0.0) is None


@pytest.mark.parametrize(
    ("expires", "last"),
    [("2027-01-01", 1_798_761_599.9), ("2027-01-01T01:00:00+01:00", 1_798_761_599.9), ("1970-01-02T00:00:00Z", 86_399)],
)
def test_a_key_ends_at_its_moment(expires: str, last: float) -> None:
    found = parse(with_key(f"user: ann@acme.example, expires: {expires}"))
    assert found.principal_of(KEY, last) is not None
    assert found.principal_of(KEY, last + 1) is None


def test_a_key_may_name_what_it_lists_else_its_default_else_its_team_s_projects() -> None:
    def projects(members: str) -> frozenset[str]:
        found = parse(with_key(members)).principal_of(KEY, 0.0)
        assert found is not None
        return found.projects

    assert projects("user: ann@acme.example, projects: [site]") == {"site"}
    assert projects("user: ann@acme.example, project: crm") == {"crm"}
    assert projects("user: ann@acme.example") == {"crm", "site"}
    assert projects("user: ann@acme.example, projects: []") == frozenset()


def test_a_pseudonym_is_the_person_s_for_all_keys_and_nobody_else_s() -> None:
    names = {pseudonym(SECRET, org, kind, name) for org in ("a", "b") for kind in ("user", "service") for name in "xy"}
    assert len(names) == 8
    assert pseudonym(b"other", "a", "user", "x") not in names
    assert pseudonym(SECRET, "a", "user", "x") == pseudonym(SECRET, "a", "user", "x")


def test_an_identity_provider_is_kept() -> None:
    text = DIRECTORY + "jwt: {issuer: https://id.acme.example/, audience: tg, jwks: https://id.acme.example/keys?p=1, claims: {team: dept}}"  # fmt: skip
    assert parse(text).jwt == Jwt(
        "https://id.acme.example/", ("tg",), "https://id.acme.example/keys?p=1", (("team", "dept"),)
    )
    more = ", groups: roles}, teams: {Marketing-EU: growth}, groups: {9f1c: batch}, refresh: 10m}"
    assert parse(text[:-2] + more).jwt == Jwt(
        "https://id.acme.example/",
        ("tg",),
        "https://id.acme.example/keys?p=1",
        (("team", "dept"), ("groups", "roles")),
        teams=(("Marketing-EU", "growth"),),
        groups=(("9f1c", "batch"),),
        refresh_s=600.0,
    )


def provider(tmp_path: Path, jwks: str) -> Directory:
    text = DIRECTORY + f"jwt: {{issuer: x, audience: tg, jwks: {jwks}, claims: {{team: t}}}}\n"
    (tmp_path / "directory.yaml").write_text(text)
    return load_directory(tmp_path / "directory.yaml", SECRET)


@pytest.mark.parametrize("jwks", ["keys.json", "./keys.json", "file:keys.json"])
def test_a_key_set_in_a_file_is_read_with_the_directory(tmp_path: Path, jwks: str) -> None:
    (tmp_path / "keys.json").write_bytes(key_set(jwk(private())))
    found = provider(tmp_path, jwks)
    assert found.jwt is not None
    assert found.jwt.document == key_set(jwk(private()))
    assert [path.resolve() for path in found.files] == [(tmp_path / "keys.json").resolve()]


def test_a_key_set_that_cannot_be_used_is_told_where_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r":16:38: jwt\.jwks: cannot be read: No such file"):
        provider(tmp_path, "keys.json")
    (tmp_path / "keys.json").write_bytes(b"<html>")
    with pytest.raises(ConfigError, match=r":16:38: jwt\.jwks: the file is not JSON"):
        provider(tmp_path, "keys.json")
    (tmp_path / "keys.json").write_bytes(key_set(jwk(private()) | {"d": "AA"}))
    with pytest.raises(ConfigError, match=r"the file shows the private half of keys\.0"):
        provider(tmp_path, "keys.json")


def with_jwt(members: str) -> str:
    return f"org: a\nteams: {{growth: {{}}}}\ngroups: [batch]\njwt: {{{members}}}"


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ("issuer: x, jwks: k", "d.yaml:4:6: jwt: 'audience' is missing"),
        ("issuer: x, jwks: k, audience: ", "'audience' is missing"),
        ("issuer: x, jwks: k, audience: []", "d.yaml:4:37: jwt.audience: wants a name at least"),
        ("issuer: x, jwks: k, audience: ['']", "d.yaml:4:38: jwt.audience.0: '' is not usable"),
        ("audience: x, jwks: k", "jwt: 'issuer' is missing"),
        ("issuer: x, audience: x", "jwt: 'jwks' is missing"),
        ("issuer: ftp://x, audience: x, jwks: k", "jwt.issuer: 'ftp://x' is not an http"),
        (
            "issuer: x, audience: x, jwks: http://id.acme.example/keys",
            "d.yaml:4:37: jwt.jwks: 'http://id.acme.example/keys' is not https://; whoever could change its answer",
        ),
        ("issuer: x, audience: x, jwks: http://10.0.0.1/keys", "is not https://"),
        ("issuer: x, audience: x, jwks: http://localhost.acme.example/keys", "is not https://"),
        ("issuer: x, audience: x, jwks: 'https://u:p@id.acme.example/keys'", "credentials do not belong into a URL"),
        ("issuer: x, audience: x, jwks: 'https://169.254.169.254/keys'", "is a link-local or metadata address"),
        ("issuer: x, audience: x, jwks: 'https://id.acme.example/keys?a b'", "is not a URL with a valid query"),
        ("issuer: x, audience: x, jwks: [a]", "jwt.jwks: wants a URL such as"),
        (
            "issuer: x, audience: x, jwks: k, claims: {taem: t}",
            "d.yaml:4:49: jwt.claims.taem: 'taem' is not one of user, team, project, groups, service; did you mean 'team'?",
        ),
        (
            "issuer: x, audience: x, jwks: k, claims: {team: t}, teams: {M: grwth}",
            "d.yaml:4:70: jwt.teams.M: there is no team 'grwth'; did you mean 'growth'?",
        ),
        (
            "issuer: x, audience: x, jwks: k, claims: {team: t, groups: g}, groups: {M: bach}",
            "jwt.groups.M: there is no group 'bach'; did you mean 'batch'?",
        ),
        (
            "issuer: x, audience: x, jwks: k, claims: {user: t}, teams: {M: growth}",
            "jwt.teams: maps values of a claim, and no claim says the team; add team: under claims:",
        ),
        ("issuer: x, audience: x, jwks: k", "d.yaml:4:6: jwt: no token could have a team"),
        ("issuer: x, audience: x, jwks: k, refresh: 1h", "d.yaml:4:40: jwt.refresh: is of no use"),
        ("issuer: x, audience: x, jwks: 'https://x/k', refresh: 10ms", "jwt.refresh: wants 1s or more"),
        ("issuer: x, audience: x, jwks: k, jwsk: k", "jwt: unknown key 'jwsk'; did you mean 'jwks'?"),
    ],
)
def test_a_mistake_about_the_identity_provider_is_told_with_its_place(members: str, message: str) -> None:
    assert message in refused(with_jwt(members))


@pytest.mark.parametrize(
    "host", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:1", "https://id.acme.example"]
)
def test_keys_come_by_https_or_from_this_machine(host: str) -> None:
    found = parse(with_jwt(f"issuer: x, audience: x, jwks: '{host}/keys', claims: {{team: t}}"))
    assert found.jwt is not None
    assert found.jwt.jwks == f"{host}/keys"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "d.yaml:1:1: 'org' is missing"),
        ("org: Acme Inc", "d.yaml:1:6: org: 'Acme Inc' is not a name; use a-z, 0-9 and -, at most 64 characters"),
        ("org: a\nteam: {}", "d.yaml:2:1: unknown key 'team'; did you mean 'teams'?"),
        ("org: a\nteams: {b: {projets: []}}", "d.yaml:2:13: teams.b: unknown key 'projets'; did you mean 'projects'?"),
        (
            "org: a\nteams: {b: {projects: [x]}, c: {projects: [y, x]}}",
            "d.yaml:2:47: teams.c.projects.1: project 'x' belongs to team 'b' already",
        ),
        ("org: a\nteams: {b: {projects: [x, x]}}", "d.yaml:2:27: teams.b.projects.1: project 'x' stands here twice"),
        ("org: a\nteams: {bb: {}}\nusers: {u: {team: b}}", "d.yaml:3:19: users.u.team: there is no team 'b'"),
        (
            "org: a\nteams: {growth: {}}\nusers: {u: {team: grwth}}",
            "d.yaml:3:19: users.u.team: there is no team 'grwth'; did you mean 'growth'?",
        ),
        (
            "org: a\nteams: {b: {}}\nusers: {u: {team: b, groups: [g]}}",
            "d.yaml:3:31: users.u.groups.0: there is no group 'g'; add it under groups:",
        ),
        ("org: a\nusers: {u: }", "d.yaml:2:9: users.u: wants a mapping, found nothing"),
        ("org: a\nusers: {u v: {team: t}}", "d.yaml:2:9: users.u v: 'u v' is not a user"),
        ("org: a\nrepos: {git.example/x: y}", "d.yaml:2:24: repos.git.example/x: there is no project 'y'"),
        ("org: a\nrepos: {https://git.example/x: y}", "'https://git.example/x' is not a repository"),
        ("org: a\njwt: {issuer: http}", "d.yaml:2:6: jwt: 'audience' is missing"),
        (with_key("user: an@acme.example"), "keys.0.user: there is no user 'an@acme.example'; did you mean 'ann@acme"),
        (with_key("team: growth"), "keys.0: a key belongs to a user or a service; add user: or service:"),
        (with_key("service: s"), "keys.0: a service's key needs a team; add team:"),
        (with_key("service: s, team: grow"), "keys.0.team: there is no team 'grow'; did you mean 'growth'?"),
        (
            with_key("user: ann@acme.example, team: platform"),
            "keys.0.team: user 'ann@acme.example' is of team 'growth'; leave team: out",
        ),
        (with_key("user: ann@acme.example, project: crn"), "there is no project 'crn'; did you mean 'crm'?"),
        (
            with_key("user: ann@acme.example, projects: [gateway]"),
            "keys.0.projects.0: project 'gateway' belongs to team 'platform', this key's team is 'growth'",
        ),
        (
            with_key("user: ann@acme.example, project: crm, projects: [site]"),
            "keys.0.project: project 'crm' is not among the key's own projects; add it to projects: of the key",
        ),
        (
            with_key("user: ann@acme.example, expires: soon"),
            "keys.0.expires: 'soon' is not a date; write 2027-01-01 or",
        ),
        (with_key("user: ann@acme.example, expires: 2027-01-01T00:00:00"), "does not say in which zone"),
        (with_key("user: ann@acme.example, digset: x"), "keys.0: unknown key 'digset'; did you mean 'digest'?"),
        (
            with_key("user: ann@acme.example") + "teams2: 1",
            "unknown key 'teams2'; did you mean 'teams'?",
        ),
        (
            "org: a\nkeys: [{id: k, digest: tg_notadigest, service: s}]",
            "keys.0.digest: is not a digest; `tallygate keys",
        ),
    ],
)
def test_a_contradiction_is_told_with_its_place(text: str, message: str) -> None:
    assert message in refused(text)


def test_the_same_id_or_the_same_key_twice_is_refused() -> None:
    rows = row("user: ann@acme.example") + row("user: bot@acme.example")
    told = refused(DIRECTORY.replace("keys:   # issued by `tallygate keys issue`\n", "keys:\n" + rows))
    assert "keys.1.id: the id 'key_x' is that of keys.0 already" in told
    assert "keys.1.digest: the same key stands at keys.0 already; issue one key for each" in told


def test_a_key_pasted_in_place_of_its_digest_is_not_shown() -> None:
    told = refused(with_key("user: ann@acme.example").replace("sha256:", KEY + "x"))
    assert KEY not in told


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file"):
        load_directory(tmp_path / "directory.yaml", SECRET)


@given(
    st.lists(
        st.sampled_from(
            [*DIRECTORY.splitlines(), "  x: {}", "  - [", "jwt: {issuer: x}", "teams: []", "- a", "keys: {a: b}"]
        ),
        max_size=14,
    )
)
def test_any_lines_give_a_directory_or_a_config_error(lines: list[str]) -> None:
    try:
        assert parse("\n".join(lines)).org == "acme"
    except ConfigError as error:
        assert all(problem.line >= 1 for problem in error.problems)  # noqa: PT017 - both ends are promised


@given(st.text(max_size=60))
def test_any_key_has_a_digest_and_only_the_right_one_opens(key: str) -> None:
    assert len(digest_of(key)) == 32
    assert Directory("acme").principal_of(key, 0.0) is None
