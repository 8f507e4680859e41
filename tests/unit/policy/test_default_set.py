"""The policies that a company starts from: they load anywhere, do what their tests say, and refuse nobody yet."""

from __future__ import annotations

import re
from functools import cache

import pytest

from proxy.app.known_models import known_of
from proxy.app.trial.ground import Ground
from proxy.config.directory import Directory
from proxy.config.directory_loader import parse_directory
from proxy.config.policy_files import read_policy_files
from proxy.config.yaml_source import parse_source
from proxy.metering.table import PriceTable
from proxy.policy.case import Case
from proxy.policy.content.pack import PACK
from proxy.policy.known import Known
from proxy.policy.load import load
from proxy.policy.loaded import Loaded
from proxy.policy.rule import Mode
from tests.support.judging import Bench, anywhere
from tests.support.snippets import POLICIES

_FILES = read_policy_files(POLICIES)
_ORG = POLICIES / "org.yaml"


@cache
def _known() -> Known:
    """What any company has: the price table and the pack."""
    return known_of((), PriceTable.load(), (detector.full_name for detector in PACK))


def _directory(text: str) -> Directory:
    return parse_directory(text.encode(), "directory.yaml", b"")


@cache
def _first() -> Directory:
    """The one that `tallygate init` writes."""
    return _directory("org: my-org\nteams: { my-team: {} }\n")


@cache
def _shipped() -> Loaded:
    """The set beside a first directory."""
    return load(_FILES.policies, _first(), _known(), tests=_FILES.tests, notes=True)


@cache
def _ground() -> Ground:
    return anywhere(_shipped(), _first())


def test_it_loads_beside_a_new_directory_without_a_remark() -> None:
    assert _FILES.problems == ()
    assert _shipped().warnings == ()


def test_it_loads_in_a_company_of_other_names() -> None:
    other = _directory(
        "org: acme\nteams: { growth: { projects: [crm] } }\nusers: { ann@acme.example: { team: growth } }\n"
    )
    assert load(_FILES.policies, other, _known()).policy.rules == _shipped().policy.rules


@pytest.mark.parametrize("case", _shipped().cases, ids=lambda case: case.name)
def test_it_does_what_its_tests_say(case: Case, bench: Bench) -> None:
    assert bench.disagreements(case, _ground()) == ()


def test_only_the_cache_is_in_force() -> None:
    in_force = [rule.id for rule in _shipped().policy.rules if rule.mode is Mode.ENFORCE]
    assert in_force == ["org/reuse"]


def test_every_rule_that_may_refuse_says_what_to_do() -> None:
    assert [rule.id for rule in _shipped().policy.rules if not rule.message] == ["org/reuse"]


def test_every_rule_works_in_force_without_a_remark() -> None:
    text = re.sub(r"(?m)^ +mode: (?:audit|warn)\n", "", _ORG.read_text("utf-8"))
    assert "    mode:" not in text
    forced = load([parse_source(text.encode(), "org.yaml")], _directory("org: acme\n"), _known())
    assert (forced.warnings, {rule.mode for rule in forced.policy.rules}) == ((), {Mode.ENFORCE})


def test_rules_behind_a_hash_load_when_it_is_taken_away() -> None:
    text, count = re.subn(r"(?m)^  # (- name: |  )", r"  \1", _ORG.read_text("utf-8"))
    assert count
    loaded = load([parse_source(text.encode(), "org.yaml")], _directory("org: acme\n"), _known())
    names = {rule.id for rule in loaded.policy.rules}
    assert names - {rule.id for rule in _shipped().policy.rules} == {"org/approved-models", "org/purpose"}
    assert loaded.warnings == ()
