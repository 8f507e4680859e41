"""``tallygate budget``: what is granted may be spent, to the cent and once, whatever becomes of store, proxy and command."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from typer.testing import CliRunner, Result

from proxy.app.budgets.amending import amendment, write
from proxy.app.budgets.house import Shut, open_house
from proxy.app.budgets.standing import budget_of
from proxy.app.budgets.whose import whose
from proxy.cli.main import app
from proxy.config.keys import Order, issue
from proxy.domain.amendment import AmendmentKind
from proxy.domain.row import Outcome
from proxy.policy.budgets import budget_named
from tests.support.at_rest import store_of, wait_rest
from tests.support.policies import policy
from tests.support.running import DIRECTORY, TALLYGATE, RunningProxy, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import whole

ANN, TEAM = "ann@acme.example", "p/team-month"
PEOPLE = ("bo", "cem", "dia", "eva", "fay", "gus")
RULES = """\
  - name: person-day
    budget: { limit: $2/day, per: user }
  - name: team-month
    budget: { limit: { default: $500/month, "team:research": $90/month }, per: team }
  - name: growth-only
    match: { teams: [growth] }
    budget: { limit: $300/week, per: project, warn_at: [50%] }
  - name: model-day
    budget: { limit: $400/day, per: model }
    mode: audit
  - name: speed
    rate: { limit: 1000 requests/min, per: user }
"""
ANSWER = {
    "id": "c1", "object": "chat.completion", "model": "m-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}  # fmt: skip
ASK: dict[str, Any] = {"model": "m-1", "max_tokens": 5, "messages": [{"role": "user", "content": "Hello"}]}


Keys = dict[str, str]


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningProxy, Keys]]:
    """People of the team growth with a key each, whose calls cost a dollar each, whatever they say."""
    home = tmp_path_factory.mktemp("budgets")
    (home / "policies").mkdir()
    (home / "policies" / "p.yaml").write_text(policy(RULES))
    people = "".join(f"  {name}: {{ team: growth }}\n" for name in PEOPLE)
    (home / "directory.yaml").write_text(DIRECTORY.replace("users:\n", f"users:\n{people}"))
    keys = {name: issue(home / "directory.yaml", Order(user=name, project="crm")).token for name in PEOPLE}
    with ScriptedUpstream() as scripted:
        scripted.replies(whole(ANSWER), always=True)
        running = RunningProxy(
            home,
            {"one": openai_like(scripted.base_url, prices="{ per_request: 1 }")},
            more=f"policies: {home}/policies",
        )
        with running:
            yield running, keys


@pytest.fixture
def proxy(company: tuple[RunningProxy, Keys]) -> RunningProxy:
    return company[0]


@pytest.fixture
def keys(company: tuple[RunningProxy, Keys]) -> Keys:
    """By person; nobody has spent anything before the test that is about them."""
    return company[1]


def call(proxy: RunningProxy, key: str | None = None, model: str = "m-1") -> int:
    status, _, _ = proxy.post("/v1/chat/completions", {**ASK, "model": model}, key=key)
    return status


def statuses(proxy: RunningProxy, key: str, calls: int) -> list[int]:
    found = []
    for _ in range(calls):
        found.append(call(proxy, key))
        wait_rest(proxy)
    return found


def run(proxy: RunningProxy, *arguments: str) -> Result:
    """Run a command as a user of this machine would, without a process for each."""
    return CliRunner().invoke(app, arguments, env={"TALLYGATE_CONFIG": str(proxy.config), "COLUMNS": "200"})


def change(proxy: RunningProxy, *arguments: str, reason: str = "a test") -> str:
    done = run(proxy, "budget", *arguments, "--reason", reason, "--yes")
    assert done.exit_code == 0, done.stdout + done.stderr
    return done.stdout


def shown(proxy: RunningProxy, *arguments: str) -> dict[str, dict[str, Any]]:
    """Budgets by rule; of one scope each."""
    done = run(proxy, "budget", "show", "--json", *arguments)
    assert done.exit_code == 0, done.stdout + done.stderr
    return {one["rule"]: one for one in json.loads(done.stdout)["budgets"]}


def test_what_is_granted_may_be_spent_to_the_dollar(proxy: RunningProxy, keys: Keys) -> None:
    key = keys["bo"]
    assert statuses(proxy, key, 3) == [200, 200, 429]
    said = change(proxy, "grant", "p/person-day", "$3", "--user", "bo", reason="an incident")
    assert "p/person-day of user bo: grant $3.00" in said
    assert "limit $2.00 + $3.00 granted; $2.00 spent; $3.00 left" in said
    assert statuses(proxy, key, 4) == [200, 200, 200, 429]
    found = shown(proxy, "--user", "bo")["p/person-day"]
    figures = ("limit_usd", "granted_usd", "spent_usd", "held_usd", "left_usd")
    assert [found[name] for name in figures] == ["2.000000", "3.000000", "5.000000", "0.000000", "0.000000"]


def test_refusals_headers_and_me_know_of_it(proxy: RunningProxy, keys: Keys) -> None:
    key = keys["cem"]
    change(proxy, "grant", "p/person-day", "$1.50", "--user", "cem")
    status, headers, _ = proxy.post("/v1/chat/completions", ASK, key=key)
    assert (status, headers["x-tally-budget"].partition(" resets")[0]) == (200, "p/person-day remaining=$2.50")
    wait_rest(proxy)
    me = json.loads(proxy.get("/v1/me", key=key))
    mine = next(one for one in me["limits"] if one["rule"] == "p/person-day")
    assert (mine["limit_usd"], mine["remaining_usd"]) == ("3.500000", "2.500000")
    today = me["usage"]["today"]
    assert (today["calls"], today["cost_usd"], today["input"], today["output"]) == (1, "1.000000", 3, 1)
    assert statuses(proxy, key, 2) == [200, 200]
    status, _, body = proxy.post("/v1/chat/completions", ASK, key=key)
    assert status == 429
    assert "allows $3.50 ($1.50 of it granted) per day and $3.00 of it is spent" in json.loads(body)["error"]["message"]


def test_a_grant_that_was_a_mistake_is_taken_back_and_no_more_than_it(proxy: RunningProxy, keys: Keys) -> None:
    key = keys["dia"]
    change(proxy, "grant", "p/person-day", "$200", "--user", "dia", reason="typo")
    change(proxy, "grant", "p/person-day", "-$199", "--user", "dia", reason="meant $1")
    assert statuses(proxy, key, 4) == [200, 200, 200, 429]
    done = run(proxy, "budget", "grant", "p/person-day", "-$2", "--user", "dia", "--reason", "more", "--yes")
    assert done.exit_code == 2
    assert "only $1.000000 is granted by command there" in squeezed(done.stderr)


def test_of_two_commands_at_once_that_take_the_same_grant_back_one_is_told_so(proxy: RunningProxy) -> None:
    change(proxy, "grant", "p/person-day", "$3", "--user", "gus")
    house = open_house(proxy.config, os.environ)
    rule, whom = budget_named(house.said, "p/person-day"), whose(house.directory, "user", "gus")
    budget = asyncio.run(budget_of(house, rule, whom))  # both see $3
    both = [amendment(budget, AmendmentKind.GRANT, -2_000_000_000, reason="too much", by="") for _ in range(2)]
    assert write(house, budget, both[0], print)
    with pytest.raises(Shut, match=r"changed meanwhile: only \$1\.0+ is granted by command there"):
        write(house, budget, both[1], print)
    assert shown(proxy, "--user", "gus")["p/person-day"]["granted_usd"] == "1.000000"
    change(proxy, "grant", "p/person-day", "-$1", "--user", "gus")


def test_an_adjustment_corrects_what_is_spent_and_never_below_nothing(proxy: RunningProxy, keys: Keys) -> None:
    key = keys["eva"]
    assert statuses(proxy, key, 3) == [200, 200, 429]
    said = change(proxy, "adjust", "p/person-day", "-$1.25", "--user", "eva", reason="m-1 was priced fourfold")
    assert "count $1.25 less as spent" in said
    assert statuses(proxy, key, 2) == [200, 429]
    assert shown(proxy, "--user", "eva")["p/person-day"]["spent_usd"] == "1.750000"
    done = run(proxy, "budget", "adjust", "p/person-day", "-$1.76", "--user", "eva", "--reason", "x", "--yes")
    assert done.exit_code == 2
    assert "only $1.750000 is spent there" in squeezed(done.stderr)


def test_grants_and_adjustments_are_no_calls_to_anybody(proxy: RunningProxy) -> None:
    before = run(proxy, "report", "spend", "--by", "team", "--format", "json").stdout
    rows = len(proxy.rows())
    change(proxy, "grant", "p/team-month", "$7", "--team", "growth")
    change(proxy, "adjust", "p/team-month", "$3", "--team", "growth")
    change(proxy, "adjust", "p/team-month", "-$3", "--team", "growth")
    after = run(proxy, "report", "spend", "--by", "team", "--format", "json").stdout
    assert json.loads(before)["rows"] == json.loads(after)["rows"]
    assert len(proxy.rows()) == rows
    exported = run(proxy, "ledger", "export", "--format", "jsonl").stdout.splitlines()
    assert len(exported) == rows
    wait_rest(proxy)
    verified = json.loads(run(proxy, "ledger", "verify", "--json").stdout)
    assert (verified["agree"], verified["sums"], verified["counters"]) == (True, [], [])


def test_every_change_is_logged_with_its_hand_and_reason(proxy: RunningProxy) -> None:
    change(proxy, "grant", "p/person-day", "$1", "--user", "fay", "--by", "Carla C", reason="incident 4711")
    change(proxy, "adjust", "p/model-day", "$0.000000001", "--model", "m-1", reason="for the nanodollar")
    told = json.loads(run(proxy, "budget", "log", "--json").stdout)
    grant, adjustment = told[-2:]
    assert (grant["kind"], grant["rule"], grant["of"]) == ("grant", "p/person-day", "user fay")
    assert (grant["amount_usd"], grant["by"], grant["reason"]) == ("1.000000", "Carla C", "incident 4711")
    assert grant["scope"].startswith("user:p_")
    assert "fay" not in grant["scope"]
    assert (adjustment["kind"], adjustment["of"], adjustment["amount_usd"]) == (
        "adjustment",
        "model m-1",
        "0.000000001",
    )
    assert adjustment["by"] == adjustment["account"] == grant["account"]
    only = json.loads(run(proxy, "budget", "log", "p/model-day", "--json").stdout)
    assert {one["rule"] for one in only} == {"p/model-day"}
    assert "incident 4711" in squeezed(run(proxy, "budget", "log", "--since", "1h").stdout)


def test_the_log_of_a_budget_that_nobody_knows_is_a_slip(proxy: RunningProxy) -> None:
    done = run(proxy, "budget", "log", "config/budgte")
    assert (done.exit_code, "did you mean 'config/budget'?" in squeezed(done.stderr)) == (2, True)
    done = run(proxy, "budget", "log", "nosuch/x", "--json")
    assert (done.exit_code, "there is no budget 'nosuch/x'" in squeezed(done.stderr)) == (2, True)


def test_the_log_keeps_what_was_done_to_rules_that_are_gone(proxy: RunningProxy) -> None:
    change(proxy, "grant", "p/model-day", "$1", "--model", "m-1")
    path = proxy.config.parent / "policies" / "p.yaml"
    was = path.read_text()
    try:
        path.write_text(was.replace("model-day", "model-24h"))
        assert "+$1" in run(proxy, "budget", "log", "p/model-day").stdout
        done = run(proxy, "budget", "log", "p/model-day", "--since", "2099-01-01")
        assert (done.exit_code, "Nothing was granted" in done.stdout) == (0, True)
    finally:
        path.write_text(was)


@pytest.mark.parametrize("columns", ["80", "200"])
def test_every_figure_of_a_budget_is_in_the_table_whatever_the_terminal(proxy: RunningProxy, columns: str) -> None:
    change(proxy, "grant", TEAM, "$7.25", "--team", "research")
    done = CliRunner().invoke(
        app, ["budget", "show", TEAM], env={"TALLYGATE_CONFIG": str(proxy.config), "COLUMNS": columns}
    )
    heads, row = (
        next(line for line in done.stdout.splitlines() if word in line) for word in ("granted", "team research")
    )
    assert re.sub(r"[^a-z ]", " ", heads).split()[:7] == ["budget", "of", "limit", "granted", "spent", "held", "left"]
    one = shown(proxy, TEAM, "--team", "research")[TEAM]
    assert one["limit_usd"] == "90.000000"
    assert f"${float(one['granted_usd']):.2f}" in row
    assert "$90.00" in row


def test_lists_name_no_people(proxy: RunningProxy, keys: Keys) -> None:
    key = keys["gus"]
    assert call(proxy, key) == 200
    wait_rest(proxy)
    for more in ([], ["--all"]):
        done = run(proxy, "budget", "show", *more)
        assert (done.exit_code, "gus" in done.stdout, "p_" in done.stdout) == (0, False, False)
        assert "p/person-day" in done.stdout.splitlines()[-1]
    told = json.loads(run(proxy, "budget", "show", "--all", "--json").stdout)
    assert told["asked_for_singly"] == ["p/person-day"]
    seen = [(one["rule"], one["of"]) for one in told["budgets"]]
    assert seen == sorted(seen, key=lambda one: (one[0], one[1] or ""))
    assert ("p/team-month", "research") in seen
    assert ("p/model-day", "m-1") in seen
    assert ("p/growth-only", "evals") not in seen  # of another team
    assert {one["rule"]: one["limit_usd"] for one in told["budgets"] if one["of"] == "research"} == {TEAM: "90.000000"}


def test_a_budget_of_somebody_is_shown_with_all_that_their_calls_count_against(proxy: RunningProxy) -> None:
    found = shown(proxy, "--user", ANN)
    assert {name: one["of"] for name, one in found.items()} == {
        "config/budget": None, "p/person-day": ANN, "p/team-month": "growth"
    }  # fmt: skip
    assert set(shown(proxy, "--project", "evals")) == {"config/budget", "p/team-month"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("p/person-dya", "$1", "--user", ANN), "did you mean 'p/person-day'?"),
        (("person-day", "$1", "--user", ANN), "did you mean 'p/person-day'?"),
        (("p/speed", "$1", "--user", ANN), "p/speed is a rule of the kind `rate`, no budget"),
        (("p/person-day", "$1", "--user", "ann@acme.exmaple"), f"did you mean '{ANN}'?"),
        (("p/team-month", "$1", "--team", "grwoth"), "did you mean 'growth'?"),
        (("p/growth-only", "$1", "--project", "evals"), "is not about project evals: it is for teams: growth"),
        (("p/person-day", "$1"), "is counted per user; say whose it is by --user or --service"),
        (("p/team-month", "$1", "--user", ANN), "is counted per team; say whose it is by --team"),
        (("config/budget", "$1", "--team", "growth"), "is one budget of the whole organisation; leave --team out"),
        (("p/person-day", "$1", "--user", ANN, "--team", "growth"), "one of them is enough: --user or --team"),
        (("p/person-day", "20", "--user", ANN), "in single quotes: without them the shell takes $1"),
        (("p/person-day", "-2.50", "--user", ANN), "in single quotes: without them the shell takes $1"),
        (("p/person-day", "$0", "--user", ANN), "$0 changes nothing"),
        (("p/person-day", "$9.1M", "--user", ANN), "'$9.1M' is more than $9M"),
        (("p/person-day", "$1", "--user", ANN, "--by", "two\nlines"), "a name is one line of at most 128 characters"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_useful_word_and_nothing_is_written(
    proxy: RunningProxy, arguments: tuple[str, ...], words: str
) -> None:
    logged = run(proxy, "budget", "log", "--json").stdout
    done = run(proxy, "budget", "grant", *arguments, "--reason", "x", "--yes")
    assert done.exit_code == 2
    assert words in squeezed(done.stderr)
    assert run(proxy, "budget", "log", "--json").stdout == logged


def test_nobody_to_be_asked_is_no_yes(proxy: RunningProxy) -> None:
    logged = run(proxy, "budget", "log", "--json").stdout
    done = run(proxy, "budget", "grant", TEAM, "$1", "--team", "growth", "--reason", "x")
    assert done.exit_code == 2
    assert "Add --yes" in done.stderr
    assert run(proxy, "budget", "log", "--json").stdout == logged


def test_a_store_that_forgets_is_told_of_grants_again(proxy: RunningProxy) -> None:
    change(proxy, "grant", TEAM, "$11", "--team", "research")
    before = shown(proxy, "--team", "research")[TEAM]
    with redis.Redis(unix_socket_path=str(store_of(proxy))) as raw:
        raw.flushall()
    wait_rest(proxy, seconds=30)
    assert shown(proxy, "--team", "research")[TEAM] == before


def test_a_command_that_is_killed_before_the_store_heard_of_it_has_done_enough(proxy: RunningProxy) -> None:
    was = granted(proxy)
    killed_between(proxy, "grant", TEAM, "$13", "--team", "research")
    wait_rest(proxy, seconds=30)
    assert granted(proxy) == pytest.approx(was + 13)
    change(proxy, "grant", TEAM, "$2", "--team", "research")  # numbered on, and nothing twice
    wait_rest(proxy)
    assert granted(proxy) == pytest.approx(was + 15)


def test_grants_outlive_a_restart_and_what_was_left_is_counted_by_the_next_start(proxy: RunningProxy) -> None:
    was = granted(proxy)
    killed_between(proxy, "grant", TEAM, "$17", "--team", "research", stop=True)
    done = run(proxy, "budget", "grant", TEAM, "$1", "--team", "research", "--reason", "x", "--yes")
    assert done.exit_code == 2
    assert "The proxy does not run, and its store runs with it. Start it by `tallygate serve`" in squeezed(done.stderr)
    assert run(proxy, "budget", "show").exit_code == 2
    assert "$17" in run(proxy, "budget", "log").stdout
    proxy.start()
    wait_rest(proxy, seconds=30)
    assert granted(proxy) == pytest.approx(was + 17)
    assert {row.outcome for row in proxy.rows()} <= {Outcome.OK, Outcome.DENIED}


def test_where_no_proxy_has_run_it_says_so_and_draws_no_secret(tmp_path: Path, proxy: RunningProxy) -> None:
    config = tmp_path / "tallygate.yaml"
    config.write_text(proxy.config.read_text().replace(f"state: {proxy.home}/state", f"state: {tmp_path}/state"))
    done = run(proxy, "budget", "show", "--config", str(config))
    assert done.exit_code == 2
    assert "no proxy has run with this state folder" in squeezed(done.stderr)
    assert not (tmp_path / "state").exists()


def killed_between(proxy: RunningProxy, *arguments: str, stop: bool = False) -> None:
    """Kill -9 a command after its row was committed and before the store counts it, which takes no writes meanwhile."""
    logged, was = len(json.loads(run(proxy, "budget", "log", "--json").stdout)), granted(proxy)
    with redis.Redis(unix_socket_path=str(store_of(proxy))) as raw:
        raw.client_pause(60_000, all=False)
        command = [TALLYGATE, "budget", *arguments, "--reason", "killed", "--yes", "--config", str(proxy.config)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            while len(json.loads(run(proxy, "budget", "log", "--json").stdout)) == logged:
                assert process.poll() is None, "it ended without a row"
            process.kill()
        assert granted(proxy) == was
        if stop:
            proxy.stop()
        else:
            raw.client_unpause()


def granted(proxy: RunningProxy) -> float:
    return float(shown(proxy, "--team", "research")[TEAM]["granted_usd"])


def squeezed(text: str) -> str:
    """What a box around a message has broken into lines."""
    return " ".join(text.replace("│", " ").split())
