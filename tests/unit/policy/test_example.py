"""The language by example: it loads, and a mutated copy of any of its lines is refused with the right line and a useful word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from proxy.config.policy_files import read_policy_files
from proxy.config.problems import ConfigError, Problem
from proxy.config.yaml_nodes import MappingNode, Node, Scalar, SequenceNode
from proxy.config.yaml_source import Source, parse_source
from proxy.domain.decision import Reserve, StoreDown
from proxy.policy.load import load
from proxy.policy.loaded import Loaded
from proxy.policy.rule import Mode, Selector
from proxy.policy.terms import Budget, Cap, Pace, Rate, Route, Rung, Waste
from tests.support.policies import EXAMPLE, NOW, acme, known
from tests.support.shared import shared_dir

# Names that a file gives to its own things, and words that mean nothing to the machine.
_GIVEN = {"name", "owner", "approved_by", "reason", "message", "regex", "prompt", "tags"}
_FREE_BELOW = {"tags", "secrets", "pii"}  # their members are names of somebody's choice
_LETTERS = re.compile(r"[A-Za-z]{2,}")


@cache
def _files() -> tuple[Source, ...]:
    found = read_policy_files(EXAMPLE / "policies")
    return (*found.policies, *found.tests)


def _load(files: tuple[Source, ...]) -> Loaded:
    tests = [source for source in files if "/tests/" in source.file]
    return load([source for source in files if source not in tests], acme(), known(), tests=tests, now=NOW)


def _refused(changed: Source) -> tuple[Problem, ...]:
    try:
        _load(tuple(changed if source.file == changed.file else source for source in _files()))
    except ConfigError as error:
        return error.problems
    return ()


def test_the_copy_here_is_the_example() -> None:
    shared = shared_dir()
    if shared is None:
        pytest.skip("no shared folder beside the project")
    for path in (shared / "policy-example").rglob("*.yaml"):
        assert path.read_text() == (EXAMPLE / path.relative_to(shared / "policy-example")).read_text()


def test_every_file_loads_and_nothing_is_remarked_on() -> None:
    found = _load(_files())
    assert found.warnings == ()
    assert len(found.policy.rules) == 16
    assert [case.name for case in found.cases][-1] == "9th parallel call waits"
    assert [one.full_name for one in found.policy.detectors] == ["secrets.acme-internal-token", "pii.employee-id"]


def test_what_it_says_comes_to_what_it_means() -> None:
    rules = {rule.id: rule for rule in _load(_files()).policy.rules}
    assert rules["org/say-what-it-is-for"].mode is Mode.WARN
    assert rules["org/no-giant-contexts"].terms == Cap(200_000, 16_000, clamp=True)
    assert rules["org/person-day"].terms == Budget(
        limit_nusd=15 * 10**9,
        period="day",
        per="user",
        timezone="Europe/Berlin",
        table={"team:research": 80 * 10**9, "user:batch-bot@acme.example": 400 * 10**9},
        grace_millionths=100_000,
        reserve=Reserve.EXPECTED,
        when_spent=Route((("openai", "gpt-5-mini"), ("anthropic", "claude-haiku-4-5"))),
    )
    assert rules["org/person-speed"].terms == Rate((Pace("requests", 60, 60), Pace("tokens", 400_000, 60)), "user")
    waste = rules["org/redundant-day"].terms
    assert isinstance(waste, Waste)
    assert waste.above == (("redundancy", 0.4),)
    assert [(rung.do, rung.after_s) for rung in waste.then] == [("warn", 0.0), ("cache", 7200.0), ("throttle", 86400.0)]
    assert waste.then[2] == Rung("throttle", 86400.0, pace=Pace("requests", 10, 60))
    assert rules["org/reuse"].store_down == StoreDown("local", 250_000, 600.0)
    crm = rules["team-growth/project-crm-day"]
    assert crm.match == (Selector(teams=frozenset({"growth"})), Selector(projects=frozenset({"crm-enrichment"})))
    assert (crm.place, crm.owner) == ("policies/teams/growth.yaml:11", "growth-leads@acme.example")


def test_an_exemption_is_read_in_the_timezone_of_the_policy_it_names() -> None:
    (exemption,) = _load(_files()).policy.exemptions
    assert exemption.since == 1_795_388_400.0  # 2026-11-23T00:00+01:00
    assert exemption.grant == (("org/org-month", 2000 * 10**9),)
    assert exemption.lift == {"org/person-day", "org/redundant-day"}


def test_a_test_is_completed_from_given_and_from_the_directory() -> None:
    cases = {case.name: case for case in _load(_files()).cases}
    rob = cases["a person of research has their own row"]
    assert (rob.asker.team, rob.asker.key, rob.asker.groups) == ("research", "", ("research",))
    assert rob.clock == 1_795_424_400.0
    ann = cases["preview models are refused"]
    assert (ann.asker.project, dict(ann.tags)) == ("crm-enrichment", {"purpose": "tests"})


class Mutation(NamedTuple):
    """A changed file; a problem must stand on ``line`` and say ``word``, or how it is written."""

    source: Source
    line: int
    word: str
    change: str


def _walk(node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Scalar | None, Node]]:
    """Give every value with its path and, in a mapping, its name."""
    if isinstance(node, MappingNode):
        for name, member in node.members.items():
            yield (*path, name), member.key, member.value
            yield from _walk(member.value, (*path, name))
    elif isinstance(node, SequenceNode):
        for item in node.items:
            yield path, None, item
            yield from _walk(item, path)


def _typos(text: str) -> Iterator[str]:
    """Misspell the first word; what has none gets a letter behind it."""
    found = _LETTERS.search(text)
    if found is None:
        yield f"{text}x"
        return
    at = next((at for at in range(found.start(), found.end() - 1) if text[at] != text[at + 1]), None)
    if at is not None:
        yield text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    yield text[: found.start() + 1] + "x" + text[found.start() + 1 :]


def _replaced(source: Source, scalar: Scalar, word: str) -> str:
    raw = source.text[scalar.start.at : scalar.end.at]
    return source.text[: scalar.start.at] + raw.replace(scalar.text, word) + source.text[scalar.end.at :]


def _changed(source: Source, text: str) -> Source:
    return parse_source(text.encode(), source.file)


def _is_free(path: tuple[str, ...]) -> bool:
    return len(path) > 1 and path[-2] in _FREE_BELOW


def _misspelt_names(source: Source) -> Iterator[Mutation]:
    for path, key, _ in _walk(source.root):
        if key is not None and not _is_free(path):
            for typo in _typos(key.text):
                yield Mutation(_changed(source, _replaced(source, key, typo)), key.start.line, key.text, typo)


def _misspelt_values(source: Source) -> Iterator[Mutation]:
    for path, _, value in _walk(source.root):
        if isinstance(value, Scalar) and path[-1] not in {*_GIVEN, "when"} and not _is_free(path):
            for typo in _typos(value.text):
                text = _replaced(source, value, typo)
                yield Mutation(_changed(source, text), value.start.line, value.text, typo)


def _repeated_names(source: Source) -> Iterator[Mutation]:
    for _, key, value in _walk(source.root):
        if key is None:
            continue
        piece = source.text[key.start.at : value.end.at].rstrip()
        end = key.start.at + len(piece)
        line_before = source.text[source.text.rfind("\n", 0, key.start.at) + 1 : key.start.at]
        is_flow = any(bracket in line_before for bracket in "{[")
        between = ", " if is_flow else "\n" + " " * (key.start.col - 1)
        text = source.text[:end] + between + piece + source.text[end:]
        line = key.start.line if is_flow else source.text[:end].count("\n") + 2
        yield Mutation(_changed(source, text), line, f"twice, first on line {key.start.line}", f"two {key.text}")


def _misspelt_facts(source: Source) -> Iterator[Mutation]:
    for path, _, value in _walk(source.root):
        if isinstance(value, Scalar) and path[-1] == "when":
            for found in re.finditer(r"(?:principal|request|usage|clock)\.\w+", source.text):
                if value.start.at <= found.start() < value.end.at:
                    for typo in _typos(found[0]):
                        text = source.text[: found.start()] + typo + source.text[found.end() :]
                        line = source.text[: found.start()].count("\n") + 1
                        yield Mutation(_changed(source, text), line, found[0], typo)


@pytest.mark.parametrize("mutate", [_misspelt_names, _misspelt_values, _repeated_names, _misspelt_facts])
@pytest.mark.parametrize("name", [source.file for source in _files()])
def test_a_mutated_copy_of_every_line_is_refused_with_its_line_and_a_useful_word(name: str, mutate: object) -> None:
    (source,) = (source for source in _files() if source.file == name)
    assert callable(mutate)
    passed = []
    for one in mutate(source):
        found = [problem for problem in _refused(one.source) if (problem.file, problem.line) == (name, one.line)]
        said = " ".join(f"{problem.message}; {problem.hint}" for problem in found)
        words = (
            one.word,
            "write",
            "one of",
            "wants",
            *(f"did you mean '{word}" for word in _LETTERS.findall(one.word)),
        )
        if not any(word in said for word in words):
            passed.append(f"{one.line}: {one.change}: {said or 'not refused here'}")
    assert passed == []


def test_every_file_of_the_example_was_mutated() -> None:
    counts = {
        source.file: sum(1 for mutate in (_misspelt_names, _misspelt_values, _repeated_names) for _ in mutate(source))
        for source in _files()
    }
    assert set(counts) == {f"policies/{path.relative_to(EXAMPLE / 'policies')}" for path in _yaml(EXAMPLE / "policies")}
    assert all(count >= 10 for count in counts.values()), counts


def _yaml(folder: Path) -> list[Path]:
    return list(folder.rglob("*.yaml"))
