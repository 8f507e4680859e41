"""``tallygate dedup eval`` and ``explain``: scores for programs, reasons for people."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from proxy.cli.main import app
from proxy.config.problems import ConfigError
from tests.support.sent import QUESTION, SYSTEM, a_body
from tests.support.shared import shared_dir

REORDERED = QUESTION.replace("largest", "longest")


def dedup(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, ["dedup", *arguments], input=stdin, env={"COLUMNS": "160"})


def a_file(folder: Path, name: str, *rows: Any) -> str:
    path = folder / name
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n")
    return str(path)


def a_pair(a: Any, b: Any, label: str, kind: str) -> dict[str, Any]:
    return {"id": f"{kind}-1", "a": a, "b": b, "label": label, "kind": kind}


def an_envelope(tenant: str = "t", headers: dict[str, str] | None = None, **members: Any) -> dict[str, Any]:
    return {"tenant": tenant, "headers": headers or {}, "body": a_body("openai.chat", **members)}


def test_a_score_for_programs_has_these_members_and_no_others(tmp_path: Path) -> None:
    rows = (
        a_pair(QUESTION, f" {QUESTION}", "same", "whitespace"),
        a_pair(QUESTION, "Which river of Italy is the largest?", "same", "paraphrase"),
        a_pair(QUESTION, REORDERED, "different", "entity_swap"),
    )
    done = dedup("eval", a_file(tmp_path, "pairs.jsonl", *rows), "--json")
    assert done.exit_code == 0
    score = json.loads(done.stdout)
    assert list(score) == ["pairs", "different", "false_hits", "benign", "benign_recall", "by_kind", "us_per_key"]
    assert (score["pairs"], score["different"], score["false_hits"], score["benign"]) == (3, 1, 0, 1)
    assert score["benign_recall"] == 1.0
    assert score["by_kind"]["paraphrase"] == {"pairs": 1, "same": 1, "hits": 0, "false_hits": 0}
    assert score["us_per_key"] > 0


def test_false_hits_and_misses_are_listed_and_false_hits_are_status_1(tmp_path: Path) -> None:
    rows = (
        a_pair(QUESTION, f"{QUESTION}\u00a0", "different", "mislabelled"),
        a_pair("red\tgreen", "blue", "same", "case"),
    )
    done = dedup("eval", a_file(tmp_path, "pairs.jsonl", *rows))
    assert done.exit_code == 1
    assert "FALSE HIT: mislabelled-1" in done.stdout
    assert r"\u00a0" in done.stdout
    assert "miss: case-1" in done.stdout
    assert r'a: "red\tgreen"' in done.stdout
    assert "1 false hits of 1 different pairs" in done.stdout


def test_whole_requests_are_judged_with_tenant_headers_and_what_bypasses(tmp_path: Path) -> None:
    rows = (
        a_pair(an_envelope(), an_envelope(stream=True), "same", "stream_flag"),
        a_pair(an_envelope("a"), an_envelope("b"), "different", "tenant"),
        a_pair(an_envelope(n=2), an_envelope(n=2), "different", "choices"),
        a_pair(an_envelope(), an_envelope(headers={"Cache-Control": "no-store"}), "different", "no_store"),
        a_pair(an_envelope(), an_envelope(headers={"anthropic-beta": "x"}), "different", "header"),
        a_pair(an_envelope(), an_envelope(headers={"user-agent": "x"}), "same", "user_agent"),
    )
    path = a_file(tmp_path, "requests.jsonl", *rows)
    done = dedup("eval", path, "--envelope", "--json")
    assert done.exit_code == 0
    score = json.loads(done.stdout)
    assert list(score) == ["pairs", "false_hits", "false_misses", "by_kind"]
    assert (score["pairs"], score["false_hits"], score["false_misses"]) == (6, 0, 0)
    assert "0 misses of 2 pairs" in dedup("eval", path, "--envelope").stdout


def test_every_bad_line_is_told_with_its_number_and_nothing_is_scored(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(a_pair("a", "b", "same", "case")) + '\n\n{"a": 1\n{"a": "x"}\n')
    done = dedup("eval", str(path))
    assert isinstance(done.exception, ConfigError)
    assert [problem.line for problem in done.exception.problems] == [3, 4]
    assert done.stdout == ""


def test_a_file_that_cannot_be_used_is_status_2_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "pairs.jsonl").write_text("{}\n")
    program = "from proxy.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, "dedup", "eval", "pairs.jsonl"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr == "pairs.jsonl:1:1: has no 'a'\n"
    assert done.stdout == ""


def test_an_empty_file_is_no_good_score(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    assert isinstance(dedup("eval", str(tmp_path / "empty.jsonl")).exception, ConfigError)


def test_requests_of_nowhere_are_told_by_line(tmp_path: Path) -> None:
    rows = (a_pair(an_envelope() | {"path": "/v9/x"}, an_envelope(), "same", "path"),)
    done = dedup("eval", a_file(tmp_path, "requests.jsonl", *rows), "--envelope")
    assert "nothing is served at '/v9/x'" in str(done.exception)


@pytest.mark.parametrize("group", [["eval"], ["explain"]])
def test_help_has_examples_and_says_what_a_status_means(group: list[str]) -> None:
    told = dedup(*group, "--help").stdout
    assert f"tallygate dedup {group[0]}" in told
    assert "Exit status" in told


def test_two_requests_that_share_a_key_are_explained_step_by_step(tmp_path: Path) -> None:
    files = [
        a_file(tmp_path, f"{n}.json", a_body("anthropic.messages", text))
        for n, text in enumerate((QUESTION, f"{QUESTION} "))
    ]
    done = dedup("explain", *files)
    assert done.exit_code == 0
    assert "They share a key." in done.stdout
    assert "body.messages[0].content" in done.stdout


def test_the_first_difference_and_the_place_where_texts_part_are_told(tmp_path: Path) -> None:
    one = a_file(tmp_path, "a.json", an_envelope(temperature=0))
    other = a_file(tmp_path, "b.json", an_envelope(question=REORDERED, temperature=0.0))
    done = dedup("explain", one, other)
    assert done.exit_code == 1
    assert "first difference: body.temperature: 0 in a, 0.0 in b" in done.stdout
    assert "They part at character" in done.stdout


def test_what_the_cache_leaves_alone_is_told(tmp_path: Path) -> None:
    path = a_file(tmp_path, "a.json", an_envelope(question="What is the weather in Rome today?"))
    done = dedup("explain", path, path)
    assert done.exit_code == 1
    assert "a is left alone by the cache: time-sensitive" in done.stdout
    assert dedup("explain", path, path, "--time-sensitive").exit_code == 0


def test_a_caller_who_wants_nothing_stored_is_told(tmp_path: Path) -> None:
    path = a_file(tmp_path, "a.json", an_envelope(headers={"Cache-Control": "max-age=60, no-store"}))
    assert "b is left alone by the cache: no-store" in dedup("explain", path, path).stdout


def test_plain_texts_are_compared_too_and_one_of_them_may_come_by_stdin(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(QUESTION)
    done = dedup("explain", "--text", str(tmp_path / "a.txt"), "-", stdin=f"{QUESTION}\n")
    assert done.exit_code == 0
    found = json.loads(dedup("explain", "--text", "--json", str(tmp_path / "a.txt"), "-", stdin=SYSTEM).stdout)
    assert not found["shared"]
    assert found["differences"][0]["path"] == "body.messages[0].content"
    assert found["texts"][0]["a"]["steps"]


def test_the_words_that_made_a_text_verbatim_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("How do I check the spelling of my name?")
    (tmp_path / "b.txt").write_text("How do I check the size of my house?")
    done = dedup("explain", "--text", str(tmp_path / "a.txt"), str(tmp_path / "b.txt"))
    assert 'verbatim: the text speaks of form or wording ("spelling")' in done.stdout
    assert "They part by their kind: verbatim in a, near in b." in done.stdout


def test_a_form_is_shown_by_its_parts_and_not_with_what_parts_them(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Explain how this works: x = 1")
    (tmp_path / "b.txt").write_text("Explain how this works: x = 2")
    done = dedup("explain", "--text", str(tmp_path / "a.txt"), str(tmp_path / "b.txt"))
    assert '"explain how this works" + ": x = 1"' in done.stdout
    assert 'They part at character 7 of the payload: ": x = 1" in a, ": x = 2" in b.' in done.stdout
    assert '["near", "", "explain how this works", ": x = 1"] in a' in done.stdout
    assert "001f" not in done.stdout


def test_the_temperature_of_a_rule_can_be_given(tmp_path: Path) -> None:
    path = a_file(tmp_path, "a.json", an_envelope(temperature=0.2))
    assert "a is left alone by the cache: temperature" in dedup("explain", path, path).stdout
    assert dedup("explain", path, path, "--max-temperature", "0.3").exit_code == 0
    assert dedup("explain", path, path, "--max-temperature", "0.1").exit_code == 1
    assert dedup("explain", path, path, "--max-temperature", "warm").exit_code == 2


def test_mode_and_patterns_of_a_rule_can_be_given(tmp_path: Path) -> None:
    files = [
        a_file(tmp_path, f"{n}.json", a_body("openai.chat", text)) for n, text in enumerate((QUESTION, f"{QUESTION} "))
    ]
    assert dedup("explain", *files, "--mode", "exact").exit_code == 1
    assert dedup("explain", *files, "--volatile", "Build").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["-", "-"], "stdin can be read once"),
        (["{}", "missing.json"], "missing.json: No such file"),
        (["{}", "{}", "--mode", "close"], "neither near nor exact"),
        (["{}", "twice.json"], "appears twice"),
        (["{}", "{}", "--path", "/v9/x"], "nothing is served"),
    ],
)
def test_what_cannot_be_compared_is_status_2(tmp_path: Path, arguments: list[str], told: str) -> None:
    (tmp_path / "twice.json").write_text('{"model": "a", "model": "b"}')
    usual = a_file(tmp_path, "a.json", a_body("openai.chat"))
    named = [usual if one == "{}" else str(tmp_path / one) if one.endswith(".json") else one for one in arguments]
    done = dedup("explain", *named)
    assert done.exit_code == 2
    assert told in done.stderr


@pytest.mark.skipif(shared_dir() is None, reason="the shared fixtures are not beside the project")
def test_the_shared_set_of_requests_is_judged_without_a_mistake() -> None:
    done = dedup("eval", f"{shared_dir()}/dedup-pairs/envelope_dev.jsonl", "--envelope", "--json")
    score = json.loads(done.stdout)
    assert (score["pairs"], score["false_hits"], score["false_misses"]) == (460, 0, 0)
