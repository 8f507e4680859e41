"""People sign in with their company's tokens: the SDK's API key is a JWT, and the row says whose call it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from proxy.domain.row import Row
from tests.e2e import answers
from tests.support.families import OPENAI, Family, told, upstreams
from tests.support.refusals import NO_KEY, every_family
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import failing, whole
from tests.support.talking import Heard, Talking, request
from tests.support.tokens import ANN, AUDIENCE, ISSUER, claims, jwk, key_set, private, token

ASK: Any = [{"role": "user", "content": "Say hello"}]
DIRECTORY = """\
org: acme
teams:
  growth: {{ projects: [crm, site] }}
  research: {{ projects: [evals] }}
groups: [batch]
users:
  {ann}: {{ team: growth }}
keys: []
jwt:
  issuer: {issuer}
  audience: {audience}
  jwks: {jwks}
{refresh}
  claims: {{ team: department, user: email, groups: realm_access.roles }}
  teams: {{ Research-EU: research }}
"""
NEW = "new.hire@acme.example"
PATIENCE_S = 20.0  # generous: it only proves that nothing is stuck


def start(home: Path, scripted: ScriptedUpstream, jwks: str, refresh: str = "") -> RunningProxy:
    home.mkdir(parents=True, exist_ok=True)
    text = DIRECTORY.format(ann=ANN, issuer=ISSUER, audience=AUDIENCE, jwks=jwks, refresh=refresh)
    (home / "directory.yaml").write_text(text)
    return RunningProxy(home, upstreams(scripted.base_url), env={"SCRIPTED_KEY": "provider-secret"})


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture
def provider() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    home = tmp_path_factory.mktemp("home")
    keys = [jwk(private(alg), alg) for alg in ("RS256", "ES256", "EdDSA")]
    (home / "jwks.json").write_bytes(key_set(*keys))
    with start(home, scripted, "./jwks.json") as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh_script(scripted: ScriptedUpstream) -> None:
    scripted.forget()
    scripted.replies(whole(answers.OPENAI_CHAT), path="/v1/chat/completions", always=True)
    scripted.replies(whole(answers.ANTHROPIC_MESSAGE), path="/v1/messages", always=True)
    scripted.replies(whole(answers.GEMINI), always=True)


def signed(alg: str = "RS256", kid: str | None = None, **members: Any) -> str:
    return token(claims(**members), alg=alg, kid=kid or alg)


def call(proxy: RunningProxy, credential: str, family: Family = OPENAI, path: str | None = None) -> Heard:
    data = request("POST", path or family.path, json.dumps(family.body).encode(), (family.key(credential),))
    with Talking(proxy.port) as line:
        return line.send(data).answer()


def row_of(proxy: RunningProxy, request_id: str | None) -> Row:
    assert request_id is not None
    return proxy.wait_rows(request_id=request_id)[-1]


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_the_openai_sdk_calls_with_a_token_as_its_key(
    alg: str, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    text = signed(alg, email=NEW, department="Research-EU", realm_access={"roles": ["offline_access", "batch"]})
    with openai.OpenAI(base_url=proxy.base_url + "/v1", api_key=text) as client:
        raw = client.chat.completions.with_raw_response.create(model="gpt-5.1", messages=ASK)
        again = client.chat.completions.with_raw_response.create(model="gpt-5.1", messages=ASK)
    row = row_of(proxy, raw.request_id)
    assert (row.team, row.key_id, row.project, row.outcome) == ("research", "jwt:id.acme.example", None, "ok")
    assert json.loads(row.facts)["groups"] == ["batch"]
    assert row.principal.startswith("p_")
    assert row_of(proxy, again.request_id).principal == row.principal
    assert NEW not in str(row)
    assert scripted.seen[-1].header("authorization") == "Bearer provider-secret"
    assert text not in str(scripted.seen)


def test_a_key_and_a_token_of_one_person_are_one_principal(proxy: RunningProxy) -> None:
    by_key = row_of(proxy, call(proxy, proxy.key).header("x-request-id"))
    by_token = row_of(proxy, call(proxy, signed()).header("x-request-id"))
    assert by_key.principal == by_token.principal
    assert by_key.key_id != by_token.key_id
    assert (by_key.team, by_token.team) == ("growth", "growth")


@every_family
def test_a_token_arrives_where_keys_do(family: Family, proxy: RunningProxy) -> None:
    heard = call(proxy, signed(), family)
    assert heard.status == 200, heard
    assert row_of(proxy, heard.header("x-request-id")).key_id == "jwt:id.acme.example"


def test_the_anthropic_sdk_calls_with_a_token_in_either_header(proxy: RunningProxy) -> None:
    for key, bearer in ((signed(), None), (None, signed())):
        with anthropic.Anthropic(base_url=proxy.base_url, api_key=key, auth_token=bearer) as client:
            assert client.messages.create(model="claude-x", max_tokens=9, messages=ASK).content


def test_a_token_may_book_to_its_team_s_projects_only(proxy: RunningProxy) -> None:
    row = row_of(proxy, call(proxy, signed(), path="/p/site@PAY-12/v1/chat/completions").header("x-request-id"))
    assert (row.project, row.ref, row.via) == ("site", "PAY-12", "path")
    assert call(proxy, signed(), path="/p/evals/v1/chat/completions").status == 403


def test_whoever_calls_with_a_token_reads_their_own_pages(proxy: RunningProxy) -> None:
    text = signed(realm_access={"roles": "batch"})
    heard = call(proxy, text)
    row_of(proxy, heard.header("x-request-id"))
    me = json.loads(proxy.get("/v1/me", key=text))
    assert (me["key"], me["team"], me["groups"]) == ("jwt:id.acme.example", "growth", ["batch"])
    assert me["projects"] == ["crm", "site"]
    assert abs(me["expires_at"] - time.time() - 600) < 60
    assert json.loads(proxy.get(f"/v1/calls/{heard.header('x-request-id')}", key=text))["outcome"] == "ok"
    with pytest.raises(OSError, match="401"):
        proxy.get("/v1/me", key=text[:-4])


@every_family
def test_every_bad_token_gets_the_answer_of_a_bad_key(
    family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    stranger = private("RS256", 1)
    bad = [
        "tg_" + "A" * 43,
        token(claims(), stranger, kid="RS256"),
        token(claims(), stranger, kid="unknown"),
        token(claims(), b"RS256", alg="HS256", kid="RS256"),
        token(claims(), None, alg="none", signer="none"),
        token(claims(aud="else"), kid="RS256"),
        token(claims(), stranger, kid="k", more={"jwk": jwk(stranger), "jku": scripted.base_url}),
        signed()[:-4] + "AAAA",
    ]
    heard = [call(proxy, text, family) for text in bad]
    assert {(one.status, told(family, one)) for one in heard} == {(401, told(family, heard[0]))}
    assert told(family, heard[0])[0] == NO_KEY[family.name]
    assert told(family, heard[0])[2].startswith("No valid key or token.")
    assert scripted.seen == []
    assert all(proxy.rows(request_id=one.header("x-request-id")) == [] for one in heard)


def test_the_sdk_is_told_that_a_genuine_token_expired_or_has_no_place(proxy: RunningProxy) -> None:
    def client(text: str) -> openai.OpenAI:
        return openai.OpenAI(base_url=proxy.base_url + "/v1", api_key=text)

    now = time.time()
    with client(signed(now=now - 1000)) as late, pytest.raises(openai.AuthenticationError) as expired:
        late.chat.completions.create(model="gpt-5.1", messages=ASK)
    assert (expired.value.code, "has expired" in expired.value.message) == ("token_expired", True)
    with client(signed(department="Sales-EU")) as lost, pytest.raises(openai.PermissionDeniedError) as nowhere:
        lost.chat.completions.create(model="gpt-5.1", messages=ASK)
    assert nowhere.value.code == "claims_not_mapped"
    assert "'department'" in nowhere.value.message
    assert "Sales" not in nowhere.value.message


def test_no_token_is_in_any_log_or_file(proxy: RunningProxy) -> None:
    texts = [signed(email="canary.person@acme.example"), signed(department="canary-department"), signed()[:-4] + "AAAA"]
    for text in texts:
        call(proxy, text)
    row_of(proxy, call(proxy, texts[0]).header("x-request-id"))  # whatever is written was written by now
    files = [path for path in proxy.home.rglob("*") if path.is_file()]
    everything = b"".join(path.read_bytes() for path in files)
    for text in texts:
        for part in text.split("."):
            if part != texts[0].split(".")[0]:
                assert part.encode() not in everything
    assert b"canary.person" not in everything
    assert b"canary-department" not in everything


def test_a_new_key_set_file_is_in_force_without_a_restart(proxy: RunningProxy) -> None:
    path = proxy.home / "jwks.json"
    before = path.read_bytes()
    fresh, old = token(claims(), alg="ES384", kid="fresh"), signed()
    assert (call(proxy, fresh).status, call(proxy, old).status) == (401, 200)
    try:
        path.write_bytes(key_set(jwk(private("ES384"), "fresh")))
        until(lambda: call(proxy, fresh).status == 200)
        assert call(proxy, old).status == 401  # its key was withdrawn
        path.write_bytes(b"half a fi")
        until(lambda: "reload_failed" in proxy.log.read_text())
        assert call(proxy, fresh).status == 200
    finally:
        path.write_bytes(before)
        until(lambda: call(proxy, old).status == 200)


def test_the_first_token_of_a_new_key_fetches_it_and_strangers_cannot_make_us_fetch_more(
    scripted: ScriptedUpstream, provider: ScriptedUpstream, tmp_path: Path
) -> None:
    first = signed(kid="k1")
    second = token(claims(), alg="ES256", kid="k2")
    third = token(claims(), alg="EdDSA", kid="k3")
    provider.replies(whole(key_set(jwk(private(), "k1"))), always=True)
    with start(tmp_path / "home", scripted, provider.base_url + "/keys", "  refresh: 1h") as proxy:
        assert call(proxy, first).status == 200
        provider.forget()
        provider.replies(whole(key_set(jwk(private("ES256"), "k2"))), always=True)
        assert call(proxy, second).status == 200  # the new key's first token fetches it
        assert len(provider.seen) == 1
        assert call(proxy, first).status == 401
        assert call(proxy, third).status == 401  # of no key at all, and too soon to ask again
        assert len(provider.seen) == 1


def test_while_the_provider_is_away_known_keys_are_good_and_readiness_says_so(
    scripted: ScriptedUpstream, provider: ScriptedUpstream, tmp_path: Path
) -> None:
    provider.replies(whole(key_set(jwk(private(), "k1"))), always=True)
    with start(tmp_path / "home", scripted, provider.base_url + "/keys", "  refresh: 1s") as proxy:
        assert call(proxy, signed(kid="k1")).status == 200
        provider.forget()
        provider.replies(failing(503), always=True)
        until(lambda: b"keys of the identity provider" in proxy.get("/readyz"))
        assert call(proxy, signed(kid="k1", email=NEW)).status == 200
        unknown = call(proxy, token(claims(), alg="ES256", kid="k2"))
        assert unknown.status == 503
        assert float(unknown.header("retry-after") or 0) > 0
        assert call(proxy, proxy.key).status == 200
        assert proxy.log.read_text().count("key_set_unavailable") == 1
        provider.forget()
        provider.replies(whole(key_set(jwk(private("ES256"), "k2"))), always=True)
        until(lambda: proxy.get("/readyz") == b"ok\n")
        assert call(proxy, token(claims(), alg="ES256", kid="k2")).status == 200
        assert "key_set_back" in proxy.log.read_text()


def test_a_provider_that_was_never_there_keeps_keys_working_and_tokens_out(
    scripted: ScriptedUpstream, tmp_path: Path
) -> None:
    with start(tmp_path / "home", scripted, "http://127.0.0.1:9/keys") as proxy:
        assert call(proxy, proxy.key).status == 200
        heard = call(proxy, signed())
        assert heard.status == 503
        assert "Tokens cannot be checked now" in told(OPENAI, heard)[2]


def test_check_tells_mistakes_about_the_provider_with_their_place(proxy: RunningProxy) -> None:
    path = proxy.home / "directory.yaml"
    good = path.read_text()
    try:
        for old, new, message in (
            ("Research-EU: research", "Research-EU: reserch", "15:25: jwt.teams.Research-EU: there is no team 'reserch'; did you mean 'research'?"),
            ("  audience: tallygate\n", "", "'audience' is missing"),
            ("./jwks.json", "http://id.acme.example/keys", "12:9: jwt.jwks: 'http://id.acme.example/keys' is not https://"),
            ("./jwks.json", "./nowhere.json", "12:9: jwt.jwks: cannot be read: No such file or directory"),
        ):  # fmt: skip
            path.write_text(good.replace(old, new))
            done = proxy.cli("check")
            assert done.returncode == 2
            assert "directory.yaml:" in done.stderr
            assert message in done.stderr.replace("\n", ""), done.stderr
    finally:
        path.write_text(good)
    assert proxy.cli("check").returncode == 0
