"""``tallygate dedup flush``: stored answers are given to nobody any more, and to the others as before."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from proxy.cli.main import app
from tests.support.policed import policed, until
from tests.support.reusing import CHAT, Asking
from tests.support.scripted import ScriptedUpstream

RULES = """\
  - name: among-teams
    match: { teams: [growth, labs] }
    cache: { mode: near, share: team, ttl: 1h }
  - name: each-by-themselves
    match: { teams: [research] }
    cache: { mode: near, share: user, ttl: 1h }
  - name: among-all
    match: { teams: [sales] }
    cache: { mode: near, share: org, ttl: 1h }
"""
PEOPLE = {"bea": "growth", "lea": "labs", "rob": "research", "ray": "research", "sal": "sales"}
QUESTION = "Explain how the sails of a ship are set by its crew"


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with ScriptedUpstream() as upstream, policed(tmp_path_factory.mktemp("home"), upstream, RULES, PEOPLE) as proxy:
        yield Asking(proxy, upstream)


def whose(asking: Asking) -> set[str]:
    """For whom an answer is there, afterwards for all."""
    asking.answers(CHAT.script())
    found = {who for who in PEOPLE if asking.ask(CHAT, QUESTION, who=who, cache="only-if-cached").status == 200}
    for who in PEOPLE:
        if who not in found:
            assert asking.ask(CHAT, QUESTION, who=who).cache == "miss"
    return found


@pytest.mark.parametrize(
    ("options", "gone", "told"),
    [
        (["--team", "growth"], {"bea"}, "team growth"),
        (["--user", "rob@acme.example"], {"rob"}, "user rob@acme.example"),
        (["--user", "ROB"], {"rob"}, "user rob@acme.example"),
        (["--org"], {"sal"}, "the organisation"),
        (["--all"], set(PEOPLE), "anybody"),
    ],
)
def test_what_a_scope_shares_is_flushed_and_nothing_else(
    asking: Asking, options: list[str], gone: set[str], told: str
) -> None:
    whose(asking)
    assert whose(asking) == set(PEOPLE)
    done = asking.proxy.cli("dedup", "flush", *options)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert f"stored until now for {told} to share" in done.stdout
    assert whose(asking) == set(PEOPLE) - gone


def test_the_log_says_once_what_was_flushed_by_whom(asking: Asking) -> None:
    def told() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in asking.proxy.log.read_text().splitlines() if '"cache_flushed"' in line]
        return [{name: line[name] for name in ("org", "scope", "by")} for line in lines]

    before = len(told())
    for options in (["--team", "growth"], ["--all"], ["--user", "rob"]):
        assert asking.proxy.cli("dedup", "flush", *options).returncode == 0
    until(lambda: len(told()) == before + 3)
    team, everything, person = told()[before:]
    assert (team["org"], team["scope"], everything["scope"]) == ("acme", "team:growth", "all")
    assert person["scope"].startswith("user:p_")  # a pseudonym, as in all of the log
    assert team["by"]


def test_nothing_is_flushed_by_a_name_that_is_none(asking: Asking) -> None:
    whose(asking)
    for options, says in (
        ([], "say whose answers"),
        (["--org", "--team", "growth"], "say whose answers"),
        (["--team", ""], "say whose answers"),
        (["--team", "grwth"], "has no team 'grwth'"),
        (["--org", "--all"], "say whose answers"),
        (["--user", "nobody@acme.example"], "has no user"),
        (["--user", "robb"], "has no user 'robb'; did you mean 'rob'"),
    ):
        done = CliRunner().invoke(app, ["dedup", "flush", "--config", str(asking.proxy.config), *options])
        assert done.exit_code == 2
        assert says in " ".join(done.output.replace("│", " ").split())
    assert whose(asking) == set(PEOPLE)


def test_a_proxy_that_does_not_run_has_nothing_to_flush(asking: Asking) -> None:
    asking.proxy.stop()
    done = CliRunner().invoke(app, ["dedup", "flush", "--config", str(asking.proxy.config), "--team", "growth"])
    assert done.exit_code == 2
    assert "nothing to flush" in done.output
