"""``tallygate policy explain``: a call that might be made, on files alone and on a running store, and one that was made."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.at_rest import wait_rest
from tests.support.policies import EXAMPLE, policy
from tests.support.running import RunningProxy, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import whole
from tests.support.waiting import until

PROGRAM = "from proxy.cli.main import main; main()"
MONDAY = ("--at", "2026-11-23T10:00:00+01:00")


def explain(folder: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, "policy", "explain", *arguments],
        cwd=folder,
        env={**inherited, "COLUMNS": "160", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        input=text,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    return folder


def asked(company: Path, *arguments: str, text: str = "") -> dict[str, Any]:
    done = explain(company, *arguments, *MONDAY, "--json", text=text)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_rule_about_a_call_is_told_with_its_place_and_its_counters(company: Path) -> None:
    done = explain(
        company, "--user", "ann", "--model", "gpt-5.1", "--tokens", "900", "--tags", "purpose=tests", *MONDAY
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:4] == [
        "who   ann@acme.example, team growth, key key_1, project crm-enrichment, groups growth",
        "asks  gpt-5.1 of openai at /v1/chat/completions: 900 tokens in, about $0.011365",
        "at    2026-11-23 09:00:00 UTC",
        "taken by key_1, their only key",
    ]
    assert "admitted" in lines
    (day,) = [line for line in lines if line.startswith("org/person-day ")]
    assert "policies/org.yaml:32" in day
    assert "you have $0.00 of $15.00 (grace to $16.50) spent or held this day; this call holds $0.011365" in day
    assert day.endswith("resets 2026-11-24 00:00 Europe/Berlin (in 14 h)")
    (reuse,) = [line for line in lines if line.startswith("org/reuse ")]
    assert reuse.endswith(
        "sets the cache: near within the team: what means provably the same as the team asked within 4 h is answered as before, at no cost"
    )
    (cheaper,) = [line for line in lines if line.startswith("team-growth/cheaper")]
    assert cheaper.endswith("its condition does not hold")
    assert lines[-1] == "Counters are taken as unused; --live reads those of the running store."


def test_a_refusal_says_what_would_pass_and_whom_to_ask(company: Path) -> None:
    lines = explain(company, "--key", "key_1", "--model", "gpt-5-preview", *MONDAY).stdout.splitlines()
    assert "refused 403  org/approved-models  (policies/org.yaml:11)" in lines
    assert "  passes gpt-5*, claude-*, vllm/*" in lines
    assert "  ask    security@acme.example" in lines


def test_an_exemption_is_told_with_its_end(company: Path) -> None:
    found = asked(company, "--key", "key_eval_01", "--model", "claude-sonnet-4-5", "--tags", "purpose=a")
    says = {one["rule"]: one["says"] for one in found["rules"]}
    assert says["org/person-day"] == (
        "lifted by eval-week (policies/exemptions/2026-11-eval-week.yaml:2) until 2026-11-29 23:00 UTC"
    )
    assert found["allow"]


def test_a_prompt_is_looked_through_and_shown_nowhere(company: Path) -> None:
    secret = "AKIA" + "BCDEFGHIJKLMNOPQ"
    done = explain(company, "--user", "ann", "--model", "gpt-5.1", "--prompt", "-", *MONDAY, text=f"use {secret}")
    assert "refused 400  org/no-secrets-out  (policies/org.yaml:50)" in done.stdout
    assert "found secrets.aws-access-key in the prompt" in done.stdout
    assert secret not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("prompt", "more", "bypass", "compared"),
    [
        ("Could you please explain what a binary tree is?", (), None, "near"),
        ("docker build -t api .", (), None, "verbatim"),
        ("Explain what a binary tree is", ("--tools",), None, "edges"),
        ("Explain what a binary tree is", ("--endpoint", "/v1/responses"), None, "near"),
        ("Explain what a binary tree is", ("--endpoint", "/v1/completions"), "dialect", None),
        ("What is the weather in Oslo today?", (), "time-sensitive", None),
    ],
)
def test_a_prompt_is_told_what_the_cache_would_do_with_it(
    company: Path, prompt: str, more: tuple[str, ...], bypass: str | None, compared: str | None
) -> None:
    reuse = asked(company, "--user", "ann", "--model", "gpt-5.1", "--prompt", "-", *more, text=prompt)["reuse"]
    assert (reuse["eligible"], reuse["bypass"], reuse["compared"]) == (bypass is None, bypass, compared)
    assert (reuse["share"], reuse["shared_by"], reuse["ttl_s"], reuse["shadow"]) == (
        "team",
        "team:growth",
        14_400,
        False,
    )


def test_people_read_what_the_cache_would_do_and_nothing_without_a_prompt(company: Path) -> None:
    who = ("--user", "ann", "--model", "gpt-5.1", *MONDAY)
    lines = explain(company, *who, "--prompt", "Please explain what a binary tree is").stdout.splitlines()
    assert (
        "  prompt is looked up for team:growth, near: what provably changes nothing in its instruction does not count"
        in lines
    )
    assert not any(line.startswith("  prompt ") for line in explain(company, *who).stdout.splitlines())


def test_programs_read_json(company: Path) -> None:
    found = asked(company, "--user", "ann@acme.example", "--model", "gpt-5.1", "--max-output", "12000")
    assert (found["allow"], found["status"], found["refused_by"]) == (False, 403, ["org/night-batch-only"])
    assert found["asks"]["user"] == "ann@acme.example"
    assert found["error"]["code"] == "policy_denied"
    assert {one["place"] for one in found["rules"] if one["rule"] == "org/night-batch-only"} == {"policies/org.yaml:71"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--user", "an", "--model", "gpt-5.1"), "the directory has no user 'an'; did you mean 'ann'?"),
        (("--user", "ann@acme.exmaple", "--model", "gpt-5.1"), "did you mean 'ann@acme.example'?"),
        (("--user", "ann", "--model", "gtp-5.1"), "did you mean 'gpt-5.1'?"),
        (("--team", "growht", "--model", "gpt-5.1"), "the directory has no team 'growht'; did you mean 'growth'?"),
        (("--key", "key_2", "--model", "gpt-5.1"), "did you mean 'key_1'?"),
        (
            ("--user", "rob", "--key", "key_1", "--model", "gpt-5.1"),
            "the key key_1 is not rob's but ann@acme.example's",
        ),
        (("--key", "key_1", "--project", "evals", "--model", "gpt-5.1"), "may not book to evals"),
        (("--model", "gpt-5.1"), "say who asks: --user, --key or --team"),
        (("--user", "ann"), "say which model"),
        (("--user", "ann", "--model", "gpt-5.1", "--endpoint", "/v2"), "nobody serves an endpoint /v2"),
        (("--user", "ann", "--model", "gpt-5.1", "--tags", "no"), "--tags: "),
        (("--user", "ann", "--model", "gpt-5.1", "--cost", "two"), "is not an amount"),
        (("d_7Kq2",), "'d_7Kq2' is no decision and no request"),
    ],
)
def test_what_cannot_be_asked_is_told_with_the_nearest_word(
    company: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = explain(company, *arguments)
    assert done.returncode != 0
    assert told in done.stderr


def test_nothing_is_written_where_no_proxy_ran(company: Path) -> None:
    done = explain(company, "--user", "ann", "--model", "gpt-5.1", "--live")
    assert done.returncode == 1
    assert "no proxy has run with this state folder" in done.stderr
    assert not (company / "state").exists()


# -- beside a running proxy

RULES = """\
  - name: person-day
    budget: { limit: $2.50/day, per: user, warn_at: [50%] }
  - name: speed
    rate: { limit: 100 requests/hour, per: user }
  - name: busy
    mode: audit
    when: usage.requests_1h > 1
    deny: { reason: "Two an hour do." }
"""
ANSWER = {
    "id": "c1", "object": "chat.completion", "model": "m-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}  # fmt: skip


def ask(model: str = "m-1") -> dict[str, Any]:
    return {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """Each call costs a dollar; two were made."""
    home = tmp_path_factory.mktemp("running")
    (home / "policies").mkdir()
    (home / "policies" / "p.yaml").write_text(policy(RULES))
    with ScriptedUpstream() as scripted:
        scripted.replies(whole(ANSWER), always=True)
        running = RunningProxy(
            home,
            {"one": openai_like(scripted.base_url, prices="{ per_request: 1 }")},
            more=f"policies: {home}/policies",
        )
        with running:
            for _ in range(2):
                assert running.post("/v1/chat/completions", ask())[0] == 200
            wait_rest(running)
            yield running


def test_live_counters_are_those_of_the_running_store(proxy: RunningProxy) -> None:
    done = proxy.cli("policy", "explain", "--user", "ann", "--model", "m-1", "--live", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["live"], found["allow"], found["refused_by"]) == (True, False, ["p/person-day"])
    says = {one["rule"]: one["says"] for one in found["rules"]}
    assert says["p/person-day"].startswith(
        "NO ROOM: you have $2.00 of $2.50 spent or held this day; this call holds $1.00"
    )
    assert says["p/speed"].startswith("you have used 2 of 100 requests")
    assert "the organisation has $2.00 of $1000.00" in says["config/budget"]


async def test_what_callers_did_lately_is_the_running_store_s_too(proxy: RunningProxy) -> None:
    async def told() -> bool:  # workers tell the store every few seconds
        done = await asyncio.to_thread(
            proxy.cli, "policy", "explain", "--user", "ann", "--model", "m-1", "--live", "--json"
        )
        says = {one["rule"]: one["says"] for one in json.loads(done.stdout)["rules"]}
        return bool(says["p/busy"] == "would refuse: Two an hour do.")

    await until(told, 30)


def test_looking_takes_nothing(proxy: RunningProxy) -> None:
    told = {proxy.cli("policy", "explain", "--user", "ann", "--model", "m-1", "--live").stdout for _ in range(2)}
    assert len({text.split("person-day")[-1].split("resets")[0] for text in told}) == 1
    assert json.loads(proxy.get("/v1/me", key=proxy.key))["limits"]


def test_a_call_that_was_refused_is_explained_by_its_decision_and_by_its_request(proxy: RunningProxy) -> None:
    status, headers, _ = proxy.post("/v1/chat/completions", ask())
    assert status == 429
    wait_rest(proxy)
    for name in (headers["x-tally-decision"], headers["x-request-id"]):
        done = proxy.cli("policy", "explain", name)
        assert (done.returncode, done.stderr) == (0, "")
        lines = done.stdout.splitlines()
        assert lines[0].startswith(f"decision {headers['x-tally-decision']} about request {headers['x-request-id']}")
        assert any(line.startswith("refused 429  p/person-day  (") for line in lines)
        assert "  why    you have $2.00 of $2.50 spent or held this day; this call holds $1.00" in lines
        assert lines[-1] == "As it was decided."


def test_a_call_that_passed_is_decided_again_while_its_rules_are_in_force(proxy: RunningProxy) -> None:
    row = next(row for row in proxy.rows() if row.decision and row.status == 200)
    view = json.loads(proxy.cli("policy", "explain", row.decision, "--json").stdout)
    assert (view["request_id"], view["outcome"], view["status"]) == (row.request_id, "ok", 200)
    assert view["why"][0].startswith("admitted  generation ")
    assert view["note"].startswith("Decided again")
    path = proxy.home / "policies" / "p.yaml"
    before = path.read_text()
    path.write_text(before.replace("$2.50", "$2.60"))
    try:
        view = json.loads(proxy.cli("policy", "explain", row.decision, "--json").stdout)
        assert view["note"].startswith(f"Generation {row.generation} decided this; these files are generation ")
    finally:
        path.write_text(before)


def test_a_broken_edit_of_the_policies_hides_nothing_of_what_was_decided(proxy: RunningProxy) -> None:
    status, headers, _ = proxy.post("/v1/chat/completions", ask())
    assert status == 429
    wait_rest(proxy)
    passed = next(row for row in proxy.rows() if row.decision and row.status == 200)
    path = proxy.home / "policies" / "p.yaml"
    before = path.read_text()
    path.write_text(before.replace("budget: {", "budgt: {"))
    try:
        refused = proxy.cli("policy", "explain", headers["x-tally-decision"])
        done = proxy.cli("policy", "explain", passed.decision)
    finally:
        path.write_text(before)
    assert (refused.returncode, refused.stderr) == (0, "")
    assert any(line.startswith("refused 429  p/person-day  (") for line in refused.stdout.splitlines())
    assert (done.returncode, done.stderr) == (0, "")
    assert f"ended ok 200; generation {passed.generation}" in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith("Only this is known, for the rules cannot be read now: policies/p.yaml:")
    assert "budgt" in last


def test_a_call_that_nobody_made_is_told(proxy: RunningProxy) -> None:
    done = proxy.cli("policy", "explain", "d_0196a1f2b3c49d3f2a4b5c")
    assert done.returncode == 1
    assert "has no such call" in done.stderr
