"""To whom a call belongs, what its caller is told, and what may pass in either direction."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from proxy.domain.row import Row
from tests.support.families import ANTHROPIC, FAMILIES, OPENAI, Family, told, upstreams
from tests.support.running import RunningProxy, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import whole
from tests.support.talking import Heard, Talking, request

DIRECTORY = """\
org: acme
teams:
  growth: { projects: [crm, site] }
  research: { projects: [evals] }
users:
  ann@acme.example: { team: growth }
  bob@acme.example: { team: research }
keys: []
"""
ANSWER: dict[str, Any] = {"choices": [], "model": "gpt-x", "usage": {"prompt_tokens": 12, "completion_tokens": 3}}
CALL = ("request_id", "at", "dialect", "endpoint", "team", "project", "ref", "model_requested", "outcome", "cache",
        "cost_usd", "decision", "generation", "attempts")  # fmt: skip
ATTEMPT = ("attempt", "upstream", "model", "status", "usage_source", "usage", "cost_nusd", "held_nusd", "ttft_ms",
           "duration_ms", "overhead_us")  # fmt: skip
USAGE = ("input", "output", "cached_read", "cache_write", "cache_write_1h", "reasoning", "web_searches")


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def company(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunningProxy, str, str]:
    """A proxy that is yet to start, whose key is Ann's for two projects; another key of Ann's, and one of Bob's."""
    home = tmp_path_factory.mktemp("home")
    (home / "directory.yaml").write_text(DIRECTORY)
    own = openai_like(scripted.base_url, models='"own/*"', more=', strip_prefix: "own/", forward_headers: [x-own]')
    proxy = RunningProxy(home, {"own": own, **upstreams(scripted.base_url)}, env={"SCRIPTED_KEY": "provider-secret"})
    done = proxy.cli(
        *("keys", "issue", "--user", "ann@acme.example", "--project", "crm", "--allow", "crm", "--allow", "site")
    )
    second, proxy.key = proxy.key, done.stdout.split()[-1]
    return proxy, second, proxy.issue("bob@acme.example", "evals")


@pytest.fixture(scope="module")
def proxy(company: tuple[RunningProxy, str, str]) -> Iterator[RunningProxy]:
    with company[0] as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh_script(scripted: ScriptedUpstream) -> None:
    scripted.forget()


def call(
    proxy: RunningProxy,
    family: Family = OPENAI,
    *headers: tuple[str, str],
    prefix: str = "",
    body: bytes | None = None,
    path: str | None = None,
) -> Heard:
    data = json.dumps(family.body).encode() if body is None else body
    with Talking(proxy.port) as line:
        return line.send(
            request("POST", prefix + (path or family.path), data, (family.key(proxy.key), *headers))
        ).answer()


def row_of(proxy: RunningProxy, heard: Heard) -> Row:
    name = heard.header("x-request-id")
    assert name is not None
    return proxy.wait_rows(request_id=name)[-1]


# -- attribution


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_path_prefix_attributes_a_call_of_any_sdk_and_never_reaches_the_upstream(
    family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(ANSWER))
    heard = call(proxy, family, prefix="/p/site@feature%2FPAY-12")
    row = row_of(proxy, heard)
    assert (row.team, row.project, row.ref, row.via) == ("growth", "site", "feature/PAY-12", "path")
    assert heard.header("x-tally-attribution") == "team=growth project=site ref=feature/PAY-12 via=path"
    assert "/p/" not in scripted.seen[0].target
    assert row.endpoint == family.path.replace("gemini-x", "{model}")


def test_without_a_word_the_key_says_where_a_call_belongs(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole(ANSWER))
    heard = call(proxy)
    row = row_of(proxy, heard)
    assert (row.team, row.project, row.ref, row.via) == ("growth", "crm", None, "key")
    assert heard.header("x-tally-attribution") == "team=growth project=crm via=key"


# fmt: off - one case a line
SAID = [
    ((("x-tally-project", "site"),), "", ("site", None, "header")),
    ((("x-tally-project", "site"), ("x-tally-ref", "PAY-12")), "", ("site", "PAY-12", "header")),
    ((("x-tally-ref", "PAY-12"),), "", ("crm", "PAY-12", "header")),
    ((("x-tally-project", "crm"), ("x-tally-ref", "PAY-12")), "/p/site@PAY-1", ("site", "PAY-1", "path")),
    ((("x-tally-ref", "PAY-12"),), "/p/site", ("site", "PAY-12", "path")),
    ((("baggage", "project=site"),), "", ("crm", None, "key")),
]
# fmt: on


@pytest.mark.parametrize(("headers", "prefix", "expected"), SAID)
def test_headers_narrow_and_the_path_wins(
    headers: tuple[tuple[str, str], ...],
    prefix: str,
    expected: tuple[str, str | None, str],
    proxy: RunningProxy,
    scripted: ScriptedUpstream,
) -> None:
    scripted.replies(whole(ANSWER))
    row = row_of(proxy, call(proxy, OPENAI, *headers, prefix=prefix))
    assert (row.project, row.ref, row.via) == expected
    assert row.team == "growth"


@pytest.mark.parametrize("ref", ["a b", "x" * 129, "a\u202eb"])
def test_a_ref_that_could_not_stand_in_a_line_is_refused(
    ref: str, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = call(proxy, OPENAI, ("x-tally-ref", ref.encode().decode("latin-1")))
    assert (heard.status, told(OPENAI, heard)[1]) == (400, "invalid_attribution")
    assert scripted.seen == []


def test_a_project_of_another_team_is_refused_and_the_refusal_is_a_row(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = call(proxy, OPENAI, ("x-tally-project", "evals"))
    assert (heard.status, told(OPENAI, heard)[1]) == (403, "project_not_allowed")
    assert "crm, site" in told(OPENAI, heard)[2]
    row = row_of(proxy, heard)
    assert (row.attempt, row.outcome, row.project, row.status, row.error) == (
        0, "denied", "crm", 403, "project_not_allowed",
    )  # fmt: skip
    assert scripted.seen == []


def test_tags_stand_sorted_on_the_row_and_in_the_facts_that_the_policy_saw(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(ANSWER))
    row = row_of(proxy, call(proxy, OPENAI, ("x-tally-tags", "suite=nightly, purpose=review")))
    assert row.tags == (("purpose", "review"), ("suite", "nightly"))
    assert json.loads(row.facts)["tags"] == [["purpose", "review"], ["suite", "nightly"]]


# fmt: off - one case a line
SESSIONS: list[tuple[Family, tuple[tuple[str, str], ...], dict[str, Any], str | None]] = [
    (OPENAI, (("x-session-id", "s-1"),), {}, "s-1"),
    (OPENAI, (), {"prompt_cache_key": "s-2"}, "s-2"),
    (OPENAI, (), {"client_metadata": {"session_id": "s-3"}}, "s-3"),
    (OPENAI, (), {"user": "ann"}, None),
    (ANTHROPIC, (("x-claude-code-session-id", "s-4"),), {}, "s-4"),
    (
        ANTHROPIC,
        (),
        {"metadata": {"user_id": "user_1f_account__session_0a1b2c3d-aaaa-bbbb-cccc-0123456789ab"}},
        "0a1b2c3d-aaaa-bbbb-cccc-0123456789ab",
    ),
    (ANTHROPIC, (), {"metadata": {"user_id": "ann@acme.example"}}, None),
]
# fmt: on


@pytest.mark.parametrize(("family", "headers", "members", "session"), SESSIONS)
def test_what_agents_say_of_their_session_is_kept_and_nothing_else_that_they_say(
    family: Family,
    headers: tuple[tuple[str, str], ...],
    members: dict[str, Any],
    session: str | None,
    proxy: RunningProxy,
    scripted: ScriptedUpstream,
) -> None:
    scripted.replies(whole(ANSWER))
    heard = call(proxy, family, *headers, body=json.dumps(family.body | members).encode())
    assert row_of(proxy, heard).session == session


# -- what a caller may read back


def test_a_call_is_told_member_by_member_as_the_design_prints_it(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(ANSWER | {"model": "gpt-x-2026"}))
    heard = call(proxy, prefix="/p/crm@PAY-12")
    name = heard.header("x-request-id")
    text = proxy.get(f"/v1/calls/{name}", key=proxy.key)
    found = json.loads(text)
    (attempt,) = found["attempts"]
    assert (tuple(found), tuple(attempt), tuple(attempt["usage"])) == (CALL, ATTEMPT, USAGE)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", found["at"])
    assert (found["dialect"], found["endpoint"], found["model_requested"]) == ("openai_chat", OPENAI.path, "gpt-x")
    assert (found["team"], found["project"], found["ref"]) == ("growth", "crm", "PAY-12")
    assert (found["outcome"], found["cost_usd"], found["decision"][:2]) == ("ok", "0.000018", "d_")
    assert (attempt["upstream"], attempt["model"], attempt["status"]) == ("openai", "gpt-x-2026", 200)
    assert (attempt["usage"]["input"], attempt["usage"]["output"]) == (12, 3)
    assert (attempt["cost_nusd"], attempt["usage_source"]) == (18_000, "reported")
    assert attempt["held_nusd"] > 0
    assert attempt["overhead_us"] > 0
    assert found["generation"] == row_of(proxy, heard).generation


def test_a_refused_call_is_told_with_attempt_0(proxy: RunningProxy) -> None:
    heard = call(proxy, OPENAI, body=b'{"model":"gpt-x","messages":5}')
    found = proxy.get_json(f"/v1/calls/{heard.header('x-request-id')}")
    assert (found["outcome"], found["cost_usd"], found["endpoint"]) == ("denied", "0.000000", OPENAI.path)
    (attempt,) = found["attempts"]
    assert (attempt["attempt"], attempt["upstream"], attempt["status"]) == (0, None, 400)


def test_nobody_else_reads_my_call_and_cannot_tell_that_there_is_one(
    proxy: RunningProxy, company: tuple[RunningProxy, str, str], scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole(ANSWER))
    mine = call(proxy).header("x-request-id")
    _, second, bob = company

    def read(name: str | None, key: str) -> tuple[int, bytes]:
        with Talking(proxy.port) as line:
            heard = line.send(request("GET", f"/v1/calls/{name}", headers=(OPENAI.key(key),))).answer()
            return heard.status, heard.body

    assert read(mine, bob) == read("0196a1f2-0000-7000-8000-000000000000", bob)
    assert read(mine, bob)[0] == 404
    assert read(mine, second)[0] == 200  # the same person by another key


def test_me_tells_my_limits_and_my_sums(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    before = proxy.get_json("/v1/me")
    scripted.replies(whole(ANSWER))
    row_of(proxy, call(proxy))
    me = proxy.get_json("/v1/me")
    assert (me["team"], me["project"], me["projects"]) == ("growth", "crm", ["crm", "site"])
    assert me["usage"]["today"]["calls"] == before["usage"]["today"]["calls"] + 1
    assert me["usage"]["month"]["input"] == before["usage"]["month"]["input"] + 12
    (limit,) = me["limits"]
    assert (limit["rule"], limit["limit_usd"]) == ("config/budget", "1000.000000")
    assert 999 < float(limit["remaining_usd"]) < 1000
    assert limit["resets_at"].endswith("T00:00:00+00:00")
    assert me["warnings"] == []
    assert "ann" not in json.dumps(me)
