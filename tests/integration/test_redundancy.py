"""What is asked again and again on a running proxy: metrics, rules that act on it, the report, and nothing of a prompt.

Teams are the tests' own, so that none stands on another's counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.answers import OPENAI_CHAT
from tests.support.company import key_of, only
from tests.support.engines import running_engine
from tests.support.policed import BODY, CHAT, Ask, asker, policed, until, wait_metric
from tests.support.running import RunningProxy, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import whole

SECRET = "the-word-nobody-may-keep"
MANY = [f"m{number}" for number in range(6)]
SAVERS = [f"s{number}" for number in range(5)]
PEOPLE = {
    **dict.fromkeys(MANY, "growth"),
    **dict.fromkeys(("loop", "calm"), "research"),
    "when": "sales",
    "again": "retry",
    "quiet": "quiet",
    **dict.fromkeys(SAVERS, "savers"),
}
RULES = f"""\
  - name: repeats
    {only("loop", "calm")}
    waste: {{ above: {{ redundancy: 40% }}, over: 1h, at_least: 3 requests, per: user, then: [{{ deny: {{ reason: Asked before. }} }}] }}
  - name: burst
    {only("when")}
    when: usage.redundancy_1h > 0.6 && usage.requests_1h > 2
    deny: {{ reason: Enough. }}
  - {{ name: reuse, {only(*SAVERS)}, cache: {{ mode: exact, share: team }} }}
"""


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    with policed(tmp_path_factory.mktemp("home"), scripted, RULES, PEOPLE) as running:
        yield running


@pytest.fixture
def ask(proxy: RunningProxy, scripted: ScriptedUpstream) -> Ask:
    return asker(proxy, scripted)


def saying(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def counted(proxy: RunningProxy, team: str) -> dict[str, int]:
    """What the store has of a team's days."""
    with proxy.engine() as engine:
        found: dict[str, int] = {}
        for key in engine.scan_iter(f"{{acme}}:r:*:{team}"):
            for name, value in engine.hgetall(key).items():
                found[name] = found.get(name, 0) + int(value)
        return found


def calls(proxy: RunningProxy, team: str) -> dict[str, int]:
    return {name.removesuffix(":calls"): n for name, n in counted(proxy, team).items() if name.endswith(":calls")}


def wait_calls(proxy: RunningProxy, team: str, count: int) -> dict[str, int]:
    until(lambda: calls(proxy, team).get("all", 0) >= count)
    return calls(proxy, team)


def seen(proxy: RunningProxy, series: str) -> float:
    """The sum of a counter over growth and the teams that are not shown by name: a first round may be too small for growth."""
    lines = proxy.get("/metrics", base=proxy.admin_url).decode().splitlines()
    named = tuple(f'tallygate_{series}"{team}"}} ' for team in ("growth", "smaller teams"))
    return sum(float(line.split()[-1]) for line in lines if line.startswith(named))


def test_repeats_of_one_person_and_of_many_are_counted_apart_and_shown(proxy: RunningProxy, ask: Ask) -> None:
    for who in MANY:
        assert ask(who, **saying("What is the best museum of Paris?")).status == 200
    assert ask(MANY[0], **saying("What is the best  museum of Paris? ")).status == 200
    assert ask(MANY[1], **saying("Sum up order 4711.")).status == 200
    assert ask(MANY[2], **saying("Sum up order 4712."), temperature=0.5).status == 200
    assert wait_calls(proxy, "growth", 9) == {"all": 9, "exact:others": 5, "near:loop": 1, "template:others": 1}
    kinds = [f'redundant_tokens_total{{kind="{kind}",team=' for kind in ("exact", "near", "template")]
    until(lambda: [seen(proxy, kind) for kind in kinds] == [60, 12, 12])
    until(lambda: seen(proxy, "compared_tokens_total{team=") == 108)
    wait_metric(proxy, 'tallygate_compared_tokens_total{team="growth"}')
    wait_metric(proxy, f'tallygate_redundancy_ratio{{team="growth"}} {72 / 108}')

    told = proxy.cli("report", "redundancy", "--json")
    found = json.loads(told.stdout)
    (line,) = [row for row in found["rows"] if row["team"] == "growth"]
    assert (line["calls"], line["input"], line["cost_usd"], line["repeated_share"]) == (9, 108, "0.162000", "0.6667")
    assert line["by_whom"]["others"] == {"calls": 6, "input": 72, "cost_usd": "0.108000"}
    assert line["by_whom"]["loop"]["calls"] == 1
    shown = proxy.cli("report", "redundancy").stdout
    assert "growth" in shown
    assert "66.7%" in shown


def test_a_ladder_stands_on_a_persons_own_repeats_and_leaves_their_colleague_alone(
    proxy: RunningProxy, ask: Ask
) -> None:
    for number in range(4):
        assert ask("loop", **saying("Tell me a joke.")).status == 200
        assert ask("calm", **saying(f"Tell me joke number {number} of the {'a' * number} list")).status == 200
    wait_calls(proxy, "research", 8)
    until(lambda: ask("loop", **saying("Tell me a joke.")).status == 403)
    told = ask("loop")
    assert told.rule == "walk/repeats"
    assert ask("calm", **saying("Tell me a joke.")).status == 200

    def explained() -> str:
        live = proxy.cli("policy", "explain", "--user", "loop", "--model", "gpt-5.1", "--live").stdout
        return " ".join(live.split())

    until(lambda: "more than 40% of the input repeated earlier prompts" in explained())  # once the store was told


def test_a_condition_may_ask_for_repeats(proxy: RunningProxy, ask: Ask) -> None:
    for _ in range(4):
        assert ask("when").status == 200
    wait_calls(proxy, "sales", 4)
    until(lambda: ask("when").status == 403)
    assert ask("when").rule == "walk/burst"


def test_trying_again_after_an_error_is_no_repeat(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.forget()
    scripted.replies(whole(b'{"error":{"message":"no"}}', status=500))
    scripted.replies(whole(b'{"error":{"message":"no"}}', status=500))
    assert [ask_once(proxy) for _ in range(2)] == [500, 500]
    scripted.replies(whole(OPENAI_CHAT), always=True)
    assert ask_once(proxy) == 200
    assert wait_calls(proxy, "retry", 1) == {"all": 1}


def ask_once(proxy: RunningProxy) -> int:
    return proxy.post(CHAT, dict(BODY), key=key_of("again"))[0]


def test_a_team_of_one_is_shown_with_others_only_and_nothing_of_a_prompt_is_kept(proxy: RunningProxy, ask: Ask) -> None:
    for _ in range(3):
        assert ask("quiet", **saying(f"Keep {SECRET} to yourself")).status == 200
    wait_calls(proxy, "quiet", 3)
    told = proxy.cli("report", "redundancy", "--by", "team", "--by", "day", "--json").stdout
    assert "quiet" not in told
    assert "smaller teams" in told
    wait_metric(proxy, 'tallygate_compared_tokens_total{team="smaller teams"}')
    shown = proxy.get("/metrics", base=proxy.admin_url).decode().splitlines()
    repeats = ("tallygate_redundan", "tallygate_compared_tokens")
    assert not [line for line in shown if line.startswith(repeats) and 'team="quiet"' in line]
    with proxy.engine() as engine:
        assert not [key for key in engine.scan_iter() if SECRET in key]
    raw = b"".join(path.read_bytes() for path in (proxy.home / "state").rglob("*") if path.is_file())
    assert SECRET.encode() not in raw


def test_what_the_cache_answered_is_saved_and_no_repeat(proxy: RunningProxy, ask: Ask) -> None:
    for who in SAVERS:
        assert ask(who, **saying("Name five rivers of Spain.")).status == 200
    assert wait_calls(proxy, "savers", 1) == {"all": 1}
    proxy.wait_rows(len(SAVERS), team="savers")
    found = json.loads(proxy.cli("report", "redundancy", "--json").stdout)
    (line,) = [row for row in found["rows"] if row["team"] == "savers"]
    assert (line["calls"], line["cost_usd"], line["repeated_usd"]) == (1, "0.018000", "0.000000")
    assert (line["cache_hits"], line["saved_usd"]) == (4, "0.072000")


def test_a_store_of_its_own_is_read_where_no_proxy_runs_and_an_embedded_one_tells_what_to_do(
    tmp_path: Path, scripted: ScriptedUpstream
) -> None:
    scripted.forget()
    scripted.replies(whole(OPENAI_CHAT), always=True)
    with running_engine("valkey") as engine:
        with policed(tmp_path, scripted, RULES, PEOPLE, more=f'store: {{ url: "{engine.url}" }}') as proxy:
            for who in MANY:
                assert proxy.post(CHAT, dict(BODY), key=key_of(who))[0] == 200
        told = proxy.cli("report", "redundancy", "--json")
        assert told.returncode == 0, told.stderr
        (line,) = json.loads(told.stdout)["rows"]
        assert (line["team"], line["calls"], line["exact"]["calls"]) == ("growth", 6, 5)
    told = proxy.cli("report", "redundancy")
    assert told.returncode == 2
    assert "the store is away" in told.stderr.lower()
    proxy.config.write_text(proxy.config.read_text().replace(f'store: {{ url: "{engine.url}" }}', ""))
    told = proxy.cli("report", "redundancy")
    assert told.returncode == 2
    assert "Start it by `tallygate serve`, then run this again" in told.stderr


def test_where_no_proxy_has_run_the_report_says_so(tmp_path: Path) -> None:
    told = RunningProxy(tmp_path, {"openai": openai_like("http://127.0.0.1:9")}).cli("report", "redundancy")
    assert told.returncode == 2
    assert "no proxy has run" in told.stderr
