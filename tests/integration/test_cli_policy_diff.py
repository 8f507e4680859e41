"""``tallygate policy diff``: calls that a running proxy decided, replayed through the policies it had and through others."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from proxy.app.replay.comparing import Kind
from proxy.app.replay.gathering import Gathering
from proxy.app.replay.house import House
from proxy.app.replay.outcome import Outcome
from proxy.app.replay.people import People
from proxy.app.replay.planning import Planner
from proxy.app.replay.recorded import Recorded, read
from proxy.app.replay.running import Run
from proxy.app.replay.tallying import Tally
from proxy.app.replay.weighing import Scales
from proxy.stores.virtual_batch import VirtualBatch
from tests.support.engines import running_engine
from tests.support.running import RunningProxy, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import whole

DIRECTORY = """\
org: acme
teams:
  growth: { projects: [crm] }
  research: { projects: [evals] }
users:
  ann@acme.example: { team: growth }
  rob@acme.example: { team: research }
keys: []
"""
POLICY = """\
kind: Policy
name: org
owner: security@acme.example
rules:
  - name: no-old
    models: { deny: ["old-*"] }
  - name: person-day
    budget: { limit: $0.55/total, per: user, warn_at: [30%], when_spent: { route: small } }
  - name: speed
    match: { teams: [research] }
    rate: { limit: 5 requests/hour, per: user }
  - name: at-once
    parallel: { limit: 9, per: key }
  - name: short
    mode: audit
    when: request.messages > 3
    deny: { reason: "Too long a talk." }
"""
ANSWER = {"choices": [], "usage": {"prompt_tokens": 100_000, "completion_tokens": 0}}  # $0.10
PRICES = "[{ match: small, input: 0.1, output: 0.2 }, { input: 1, output: 2 }]"


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    """A proxy that has decided 30 calls and more: 9 of Ann's, three of which went past her budget, 3 bans, Rob's at his pace."""
    home = tmp_path_factory.mktemp("home")
    (home / "policies").mkdir()
    (home / "policies" / "org.yaml").write_text(POLICY)
    (home / "directory.yaml").write_text(DIRECTORY)
    with ScriptedUpstream() as scripted:
        scripted.replies(whole(ANSWER), always=True)
        own = openai_like(scripted.base_url, prices=PRICES)
        running = RunningProxy(home, {"own": own}, budget="")
        rob = running.issue("rob@acme.example", "evals")
        with running:
            statuses = []
            for place in range(9):
                statuses.append(call(running, "big"))
                spent = 100_000_000 * min(place + 1, 6) + 10_000_000 * max(0, place - 5)
                until_settled(running, spent)
            statuses += [call(running, "old-1") for _ in range(3)]
            statuses += [call(running, "other", rob, messages=place) for place in range(1, 8)]
            statuses.append(running.post("/v1/chat/completions", b"{")[0])
            running.get("/v1/models", key=rob)
            running.wait_rows(20)
            assert statuses == [200] * 9 + [403] * 3 + [200] * 5 + [429] * 2 + [400]
            yield running


def until_settled(running: RunningProxy, spent: int) -> None:
    """Wait until Ann's budget shows what her calls cost: rows are written first and counted a moment later."""
    engine = running.engine()
    end = time.monotonic() + 20
    while True:
        found = [engine.hget(key, "s") for key in engine.scan_iter("*:m:org/person-day:*")]
        if str(spent) in found:
            return
        assert time.monotonic() < end, (spent, found)
        time.sleep(0.01)


def call(running: RunningProxy, model: str, key: str | None = None, messages: int = 1) -> int:
    talk = [{"role": "user", "content": "Say something."}] * messages
    return running.post("/v1/chat/completions", {"model": model, "messages": talk, "max_tokens": 50}, key=key)[0]


def edited(*edits: tuple[str, str]) -> str:
    """The policies of the proxy, changed."""
    text = POLICY
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    return text


def new_folder(running: RunningProxy, policy: str) -> Path:
    folder = running.home / "policies-new"
    folder.mkdir(exist_ok=True)
    (folder / "org.yaml").write_text(policy)
    return folder


@pytest.fixture(scope="module")
def exported(proxy: RunningProxy) -> Path:
    path = proxy.home / "calls.jsonl"
    path.write_text(proxy.cli("policy", "traffic").stdout)
    return path


@pytest.fixture(scope="module")
def house(proxy: RunningProxy) -> House:
    return House(proxy.config, os.environ)


@pytest.fixture(scope="module")
def calls(exported: Path, house: House) -> list[Recorded]:
    return list(Gathering(People(house.directory)).of_file(read(exported)))


def replayed(house: House, calls: Sequence[Recorded], folder: Path) -> list[Outcome]:
    """Replay in this process."""
    with running_engine("valkey") as engine:
        meters = VirtualBatch(engine.socket, "acme")
        run = Run(Planner(house.policy(folder, "x"), Scales(house.routes, house.prices)), meters, "acme")
        found = [outcome for batch in run.outcomes(calls) for outcome in batch]
        meters.close()
    return found


@pytest.fixture(scope="module")
def before(proxy: RunningProxy, house: House, calls: list[Recorded]) -> list[Outcome]:
    return replayed(house, calls, proxy.home / "policies")


@pytest.fixture
def compared(proxy: RunningProxy, house: House, calls: list[Recorded], before: list[Outcome]) -> Callable[[str], Tally]:
    """What other policies change."""

    def compare(policy: str) -> Tally:
        tally = Tally()
        after = replayed(house, calls, new_folder(proxy, policy))
        for call, old, new in zip(calls, before, after, strict=True):
            tally.add(call, old, new)
        return tally

    return compare


def changed(tally: Tally) -> dict[str, dict[str, int]]:
    """Calls by kind of change and rule."""
    return {
        str(kind): {rule: line.calls for rule, line in found.by["rule"].items()}
        for kind, found in tally.changed.items()
        if found.whole.calls
    }


def test_every_replayed_decision_is_the_one_that_was_made(calls: list[Recorded], before: list[Outcome]) -> None:
    assert len([call for call in calls if call.answered]) == 14
    for call, outcome in zip(calls, before, strict=True):
        assert call.answered != bool(outcome.refused_by)
        assert call.refused_by == outcome.refused_by
        assert (call.routed, call.cost_nusd) == (outcome.model, outcome.cost_nusd)
        if not call.routed:  # the record has what was estimated at the model that was asked for
            assert call.held_nusd == outcome.held_nusd
    assert sum(call.routed == "small" for call in calls) == 3


def test_a_lower_budget_that_refuses_is_told_by_rule_team_and_money(compared: Callable[[str], Tally]) -> None:
    tally = compared(edited(("$0.55/total", "$0.35/total"), ("when_spent: { route: small }", "when_spent: deny")))
    # Ann has room for four of nine, Rob for four of five; three of hers had gone elsewhere before. Two of Rob's were
    # refused for their pace, and now find his budget spent first.
    assert changed(tally) == {
        "newly_refused": {"org/person-day": 6},
        "refused_by_another_rule": {"org/person-day": 2},
    }
    refused = tally.changed[Kind.REFUSED]
    assert {team: line.calls for team, line in refused.by["team"].items()} == {"growth": 5, "research": 1}
    assert {project: line.calls for project, line in refused.by["project"].items()} == {"crm": 5, "evals": 1}
    assert (len(refused.whole.people), refused.whole.worth_nusd) == (2, 330_000_000)


def test_a_ban_and_a_rule_that_is_enforced_now_refuse_what_they_are_about(compared: Callable[[str], Tally]) -> None:
    tally = compared(
        edited(('deny: ["old-*"]', 'deny: ["old-*", "big"]'), ("    mode: audit\n", "    mode: enforce\n"))
    )
    assert changed(tally) == {
        "newly_refused": {"org/no-old": 9, "org/short": 2},
        "refused_by_another_rule": {"org/short": 2},
    }


def test_a_ban_that_is_lifted_admits_at_the_expected_cost(
    compared: Callable[[str], Tally], calls: list[Recorded]
) -> None:
    tally = compared(edited(('deny: ["old-*"]', 'deny: ["older-*"]')))
    assert changed(tally) == {"newly_admitted": {"org/no-old": 3}}
    expected = sum(call.facts.cost_nusd for call in calls if call.facts.model == "old-1")
    assert tally.changed[Kind.ADMITTED].whole.worth_nusd == expected > 0


def test_a_route_and_what_it_saves_are_told(compared: Callable[[str], Tally]) -> None:
    route = "  - { name: cheap, match: { teams: [growth] }, route: small }\n"
    tally = compared(edited(("when_spent: { route: small }", "when_spent: deny")) + route)
    # Ann's nine go to the small model, three of them did before; at a tenth of the price her budget is never spent.
    assert changed(tally) == {"rerouted": {"org/cheap": 6}}
    assert tally.changed[Kind.REROUTED].whole.delta_nusd == -540_000_000


def test_calls_that_are_no_longer_sent_elsewhere_are_told(compared: Callable[[str], Tally]) -> None:
    tally = compared(edited(("$0.55/total", "$5/total"), (", warn_at: [30%]", "")))
    assert changed(tally) == {"rerouted_back": {"org/person-day": 3}}
    assert tally.changed[Kind.BACK].whole.delta_nusd == 270_000_000


def test_what_callers_would_be_warned_of_and_lowered_to_is_told(compared: Callable[[str], Tally]) -> None:
    cap = "  - { name: cap, request: { max_output_tokens: 20, over: clamp } }\n"
    tally = compared(edited(("    mode: audit\n", "    mode: warn\n")) + cap)
    assert changed(tally) == {"newly_warned": {"org/short": 2}, "newly_clamped": {"org/cap": 14}}


def diff(
    running: RunningProxy, policy: str | None, *more: str, status: int = 0, sides: str = ""
) -> subprocess.CompletedProcess[str]:
    """Compare the policies in force with others, by the command."""
    if policy is not None:
        new_folder(running, policy)
    done = running.cli("policy", "diff", sides or "policies..policies-new", *more)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def test_the_same_policies_change_nothing_and_decide_what_was_decided(proxy: RunningProxy) -> None:
    found = json.loads(diff(proxy, POLICY, "--format", "json").stdout)
    assert (found["calls"], found["not_replayed"]) == (19, {})
    assert not any(one["calls"] for one in found["changes"].values())
    assert found["compared_with_record"] == {"differ": 0, "reasons": {}, "decisions": []}
    assert found["totals"]["old"] == found["totals"]["new"]
    assert found["totals"]["new"]["cost_usd"] == found["recorded_usd"] == "1.130000"


def test_a_pull_request_gets_markdown_that_is_the_same_every_time(proxy: RunningProxy, exported: Path) -> None:
    assert "ann@acme.example" not in exported.read_text()
    more = ("--from", str(exported), "--format", "markdown")
    policy = edited(('deny: ["old-*"]', 'deny: ["old-*", "big"]'))
    first = diff(proxy, policy, *more, "--fail-if", "newly_refused > 40%", status=1)
    second = diff(proxy, policy, *more, "--fail-if", "newly_refused > 60%", "--fail-if", "rerouted > 0")
    assert first.stdout == second.stdout
    assert first.stderr == "--fail-if holds: newly_refused > 40% (9 of 19 calls, 47.4%, $0.630000)\n"
    lines = first.stdout.splitlines()
    assert lines[0] == "### Policies: policies → policies-new"
    assert "| newly refused | 9 | 47.4% | 1 person | $0.630000 | -$0.630000 |" in lines
    assert lines.count("</details>") == sum(line.startswith("<details>") for line in lines) == 2
    tables = [line for line in lines if line.startswith("|")]
    assert all(line.count("|") - line.count("\\|") == tables[0].count("|") for line in tables[:3])
    assert "ann@" not in first.stdout


def test_a_revision_of_git_is_compared_with_the_folder(proxy: RunningProxy) -> None:
    for words in (["init", "-q"], ["add", "policies"], ["commit", "-q", "-m", "one"]):
        identity = ("-c", "user.name=t", "-c", "user.email=t@acme.example", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *words], cwd=proxy.home, check=True, capture_output=True)
    done = diff(proxy, None, sides="HEAD..")
    assert done.stdout.startswith("HEAD (")
    assert "Nothing would change for these calls" in done.stdout


def test_policies_that_cannot_be_loaded_are_told_with_their_line(proxy: RunningProxy) -> None:
    done = diff(proxy, edited(("limit: 9", "limit: nine")), status=2)
    assert "policies-new cannot be replayed:" in done.stderr
    assert "policies-new/org.yaml:13:" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--fail-if", "newly_refusd > 1"], "is no figure of the report"),
        (["--traffic", "soon"], "is no time"),
        (["--from", "none.jsonl"], "none.jsonl: cannot be read"),
        (["--state", "nowhere"], "cannot be read"),
    ],
)
def test_a_wrong_word_is_told_and_ends_with_status_2(proxy: RunningProxy, words: Sequence[str], said: str) -> None:
    assert said in " ".join(diff(proxy, POLICY, *words, status=2).stderr.split())
