"""A comparison of policies as text, JSON and Markdown: the same figures, no person, nothing that breaks a table."""

from __future__ import annotations

import json

import msgspec
import pytest

from proxy.app.replay.comparing import Kind
from proxy.app.replay.conditions import FIGURES, condition
from proxy.app.replay.gathering import Left
from proxy.app.replay.outcome import Outcome
from proxy.app.replay.recorded import Recorded
from proxy.app.replay.replaying import Report
from proxy.app.replay.tallying import Tally
from proxy.app.replay.working import KnownRule
from proxy.cli.policy import diff_json, diff_markdown, diff_text
from proxy.cli.policy.diff_figures import figures, holding, share, signed, usd
from tests.support.rules import NOON, facts

ODD = "org/odd|na*me"


def report(*, changed: bool = True) -> Report:
    tally = Tally("g")
    for place in range(8):
        call = Recorded(
            id=f"0196a1f2-0000-7000-8000-00000000000{place}",
            at=NOON + place,
            facts=facts(person=f"p_secret{place % 2}", user="ann@acme.example", team="gr|owth", project=None),
            cost_nusd=250_000_000,
            generation="g",
        )
        old = Outcome(cost_nusd=250_000_000)
        new = Outcome(refused_by=ODD) if changed and place < 2 else old
        if changed and place == 7:
            new = Outcome(cost_nusd=50_000_000, model="gpt-5-mini", routed_by="org/cheap", warned_by=("a/b", "a/c"))
        tally.add(call, old, new)
    rules = [
        KnownRule(ODD, "budget", "enforce", "policies/org.yaml:3", "sec@acme.example"),
        KnownRule("org/look", "inspect", "enforce", "policies/org.yaml:9", "sec@acme.example"),
    ]
    return Report(
        names=("policies", "new|er"),
        since=NOON,
        until=NOON + 3600,
        tally=tally,
        left={Left.NO_FACTS: 2},
        rules={rule.id: rule for rule in rules},
        is_timed=True,
        is_running=True,
    )


def text(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int, told: Report) -> str:
    monkeypatch.setenv("COLUMNS", str(columns))
    diff_text.show(told)
    return capsys.readouterr().out


@pytest.mark.parametrize("columns", [60, 80, 160])
def test_text_has_the_figures_at_every_width(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    told = text(capsys, monkeypatch, columns, report())
    words = " ".join(told.split())
    assert "newly refused: 2 calls (25.0%), 2 people, $0.500000; cost -$0.500000" in words
    assert "admitted 8 → 6; cost $2.00 → $1.30 (-$0.700000)" in words
    assert "content rules look at prompts, which are not kept: org/look" in words
    assert "2 calls were recorded without the facts" in words
    assert "secret" not in told
    assert "ann@" not in told


def test_nothing_that_changes_is_said_to_be_nothing_as_far_as_a_replay_can_tell(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = "Nothing would change for these calls, as far as can be told without inspect rules."
    assert blind in " ".join(text(capsys, monkeypatch, 80, report(changed=False)).split())
    assert f"**{blind}**" in diff_markdown.written(report(changed=False))
    sees_all = msgspec.structs.replace(report(changed=False), rules={})
    assert "**Nothing would change for these calls.**" in diff_markdown.written(sees_all)


def test_markdown_stays_a_table_whatever_rules_are_called() -> None:
    told = diff_markdown.written(report())
    assert told == diff_markdown.written(report())
    assert told.splitlines()[0] == r"### Policies: policies → new\|er"
    width = 0
    for line in told.splitlines():
        cells = line.replace(r"\|", "").count("|")
        width = width if cells and width else cells
        assert cells == width
    assert r"**org/odd\|na\*me** policies/org.yaml:3" in told
    assert "secret" not in told


def test_json_holds_every_kind_exactly() -> None:
    found = json.loads(diff_json.written(report()))
    assert list(found["changes"]) == [str(kind) for kind in Kind]
    assert found["figures"].keys() == set(FIGURES)
    refused = found["changes"]["newly_refused"]
    assert (refused["calls"], refused["people"], refused["worth_usd"]) == (2, 2, "0.500000")
    assert refused["by_rule"][0]["place"] == "policies/org.yaml:3"
    assert found["changes"]["newly_warned"]["calls"] == 1  # a call once, although two rules warn
    assert {one["rule"] for one in found["changes"]["newly_warned"]["by_rule"]} == {"a/b", "a/c"}
    assert found["not_replayed"] == {"no facts": 2}
    assert "secret" not in json.dumps(found)


def test_conditions_are_told_with_what_was_found() -> None:
    told = report()
    assert figures(told)["newly_refused"].calls == 2
    assert holding(told, [condition("newly_refused > 20%"), condition("rerouted > 1"), condition("not_replayed > 19%")]) == [
        "newly_refused > 20% (2 of 8 calls, 25.0%, $0.500000)",
        "not_replayed > 19% (2 of 10 calls, 20.0%)",
    ]  # fmt: skip


def test_small_figures_never_look_like_none() -> None:
    assert (share(0, 9), share(1, 1_000_000), share(1, 500), share(1, 3)) == ("0%", "<0.01%", "0.20%", "33.3%")
    assert (usd(0), usd(1_000), usd(-2_500_000_000), signed(1_500_000_000)) == (
        "$0.00",
        "$0.000001",
        "-$2.50",
        "+$1.50",
    )
