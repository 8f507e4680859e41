"""`policies/README.md` is true: its examples load, its tests pass, its tables are those of the code."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import pytest
import typer.main

from proxy.app.known_models import known_of
from proxy.app.trial.outcome import Outcome
from proxy.cli.policy import app
from proxy.config.directory import Directory
from proxy.config.directory_loader import parse_directory
from proxy.config.policy_files import read_policy_files
from proxy.config.problems import ConfigError
from proxy.config.quantities import duration_s, share_millionths, spending_limit, usd_nusd, yes_or_no
from proxy.config.shape import Shape
from proxy.config.yaml_source import Source, parse_source
from proxy.dialects import routes
from proxy.domain.errors import CapExceeded, ContentRefused, Forbidden, QuotaSpent, Throttled, Unavailable
from proxy.domain.meter import Held, Hold, HoldState
from proxy.metering.table import PriceTable
from proxy.policy.amounts import count, moment, pace, requests
from proxy.policy.case import Case
from proxy.policy.content.pack import PACK
from proxy.policy.content.scanner import Scanner
from proxy.policy.content.vault import Vault
from proxy.policy.documents.fields import name, timezone
from proxy.policy.documents.rule import VERBS
from proxy.policy.documents.tests import ExpectShape, PrincipalShape, RequestShape, StateShape
from proxy.policy.draws import Amounts, draw
from proxy.policy.expr import FACTS
from proxy.policy.load import load
from proxy.policy.loaded import Loaded
from proxy.steps.errors import head
from proxy.steps.refusal import refused_hold
from tests.support.judging import Bench, anywhere, said
from tests.support.plans import REQUEST_ID, make_plan
from tests.support.snippets import POLICIES, README, Snippet, snippets, table, ticked

NOW = 1_795_435_200.0  # 2026-11-23T12:00:00Z
_ORG = read_policy_files(POLICIES / "org.yaml").policies
_YAML = snippets(README, "yaml")
_HEADINGS = sorted({one.heading for one in _YAML if not one.text.startswith("org:")})


@cache
def _acme() -> Directory:
    (written,) = [one for one in _YAML if one.text.startswith("org:")]
    return parse_directory(written.text.encode(), "README.md", b"")


def _document(snippet: Snippet) -> Source:
    """The snippet as a file of its own; rules alone get a policy around them."""
    text = snippet.text
    if text.startswith("- name:"):
        text = "kind: Policy\nname: example\nowner: security@acme.example\nrules:\n" + text
    return parse_source(text.encode(), f"README.md:{snippet.line}")


@cache
def _section(heading: str) -> Loaded:
    """All documents below a heading, beside the rules that everyone starts with."""
    documents = [_document(one) for one in _YAML if one.heading == heading and not one.text.startswith("org:")]
    tests = [one for one in documents if "\nkind: Tests" in f"\n{one.text}"]
    known = known_of((), PriceTable.load(), (detector.full_name for detector in PACK))
    policies = [*_ORG, *(one for one in documents if one not in tests)]
    return load(policies, _acme(), known, tests=tests, now=NOW, generation="41c9e02")


def _refused(text: str, changed: str) -> str:
    """Why the examples cannot be loaded with a part of them written otherwise."""
    (snippet,) = [one for one in _YAML if text in one.text]
    known = known_of((), PriceTable.load(), (detector.full_name for detector in PACK))
    with pytest.raises(ConfigError) as caught:
        load([*_ORG, _document(snippet._replace(text=snippet.text.replace(text, changed)))], _acme(), known, now=NOW)
    return str(caught.value)


def _cases() -> list[Case]:
    return [case for heading in _HEADINGS for case in _section(heading).cases]


@pytest.mark.parametrize("heading", _HEADINGS)
def test_every_example_loads_without_a_remark(heading: str) -> None:
    assert _section(heading).warnings == ()


@pytest.mark.parametrize("heading", [one for one in _HEADINGS if _section(one).cases])
def test_the_tests_of_a_recipe_name_every_rule_of_it(heading: str) -> None:
    found = _section(heading)
    tested = {rule for case in found.cases for rule in case.rules()}
    assert {rule.id for rule in found.policy.rules if not rule.id.startswith("org/")} <= tested


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case.name)
def test_recipes_do_what_their_tests_say(case: Case, bench: Bench) -> None:
    heading = next(heading for heading in _HEADINGS if case in _section(heading).cases)
    assert bench.disagreements(case, anywhere(_section(heading), _acme())) == ()


def _played(bench: Bench, name: str) -> tuple[Case, Outcome]:
    """A case of the README, and what comes of it."""
    case, found = next(
        (one, _section(heading)) for heading in _HEADINGS for one in _section(heading).cases if one.name == name
    )
    return case, bench.outcome(case, anywhere(found, _acme()))


def _json(heading: str) -> Any:
    (snippet,) = [one for one in snippets(README, "json") if one.heading.startswith(heading)]
    return json.loads(snippet.text)


def test_the_refusal_of_a_budget_is_the_one_shown(bench: Bench) -> None:
    case, got = _played(bench, "a person's month ends at $200")
    amounts = Amounts(0, case.question.cost_nusd or 0, None, 0)
    plan = make_plan(decision=msgspec.structs.replace(got.decision, id="d_7Kq2"), amounts=amounts)
    at_us = int(case.clock * 1_000_000)
    draws = tuple(draw(one.wish, "acme", amounts, at_us) for one in got.seen)
    held = Held(HoldState.REFUSED, tuple(one.level for one in got.seen), at_us)
    error = refused_hold(plan, Hold("h", "acme", draws, b"{}"), held)
    assert json.loads(plan.dialect.error_body(error, REQUEST_ID)) == _json("Reading a refusal")
    assert error.status == 429
    assert (b"x-should-retry", b"false") in head(error, REQUEST_ID)
    assert (b"x-tally-decision", b"d_7Kq2") in head(error, REQUEST_ID)


def test_the_warning_before_it_is_the_one_shown(bench: Bench) -> None:
    _, got = _played(bench, "before that there is a warning")
    (text,) = said(got)
    assert f"`x-tally-warning: {text}`" in README.read_text("utf-8")


def test_the_refusal_of_a_model_is_the_one_shown(bench: Bench) -> None:
    _, got = _played(bench, "opus is closed")
    error = got.error
    assert isinstance(error, Forbidden)
    body = json.loads(routes.family_of("/v1/messages").error_body(error, REQUEST_ID))
    shown = _json("Recipe 2")
    assert {part: body[part] for part in shown} == shown
    assert (b"x-should-retry", b"false") in head(error, REQUEST_ID)


def test_what_the_model_reads_is_shown_but_for_the_codes(bench: Bench) -> None:
    case, got = _played(bench, "a customer's address and number are found")
    (inspection,) = [one for one in got.decision.inspections if one.rule == "crm/mask-customers"]
    assert (inspection.then, inspection.restore) == ("redact", True)
    prompt, vault = case.question.prompt, Vault(b"k")
    masked = vault.redact(prompt, Scanner([one for one in PACK if one.group == "pii"]).scan(prompt))
    (shown,) = snippets(README, "text")
    code = re.compile(r"-[0-9B-DF-HJ-NP-TV-Z]{6}")
    assert code.sub("-…", masked) == code.sub("-…", shown.text.strip())
    assert "-…" in code.sub("-…", masked)
    assert vault.restore(masked) == prompt


def test_all_verbs_are_explained_and_no_other() -> None:
    assert [ticked(row[0]) for row in table(README, "verb")] == [[verb] for verb in VERBS]
    examples = _section("The eleven verbs").policy.rules
    assert {rule.verb for rule in examples if rule.id.startswith("example/")} == set(VERBS)


def test_all_facts_are_listed_and_no_other() -> None:
    assert sorted(fact for row in table(README, "facts") for fact in ticked(row[0])) == sorted(FACTS)


def test_conditions_shown_are_conditions() -> None:
    shown = [text for row in table(README, "facts") for text in ticked(row[1]) if " " in text or "(" in text]
    rules = "".join(f"- name: c{n}\n  when: '{text}'\n  deny: {{ reason: no }}\n" for n, text in enumerate(shown))
    known = known_of((), PriceTable.load(), ())
    load([_document(Snippet("", "yaml", 1, rules))], _acme(), known)
    assert len(shown) >= 5


_READERS: dict[str, Callable[[str], object]] = {
    "money": usd_nusd,
    "a budget": lambda text: spending_limit(f"$15/{text}" if "/" not in text else text),
    "a number": count,
    "a pace": lambda text: pace(f"60 requests/{text}" if "/" not in text else text),
    "a number of calls": requests,
    "a share": share_millionths,
    "a length of time": duration_s,
    "a date": lambda text: moment(text, "Europe/Berlin"),
    "a moment": lambda text: moment(text, "UTC"),
    "a timezone": timezone,
    "yes or no": yes_or_no,
    "the name of a policy, a rule, an exemption": name,
}


@pytest.mark.parametrize("row", table(README, "what | written"), ids=lambda row: row[0])
def test_everything_is_written_as_shown(row: list[str]) -> None:
    what, written, note = row
    units = ticked(note) if what in {"a budget", "a pace"} else []
    for text in (*ticked(written), *units):
        _READERS[what](text)


_KINDS = {
    "context_length_exceeded": CapExceeded,
    "tags_required": CapExceeded,
    "content_policy_violation": ContentRefused,
    "policy_denied": Forbidden,
    "rate_limit_exceeded": Throttled,
    "insufficient_quota": QuotaSpent,
    "unavailable": Unavailable,
}


@pytest.mark.parametrize("row", table(README, "status"), ids=lambda row: f"{row[0]} {row[1]}")
def test_refusals_are_those_of_the_table(row: list[str]) -> None:
    status, code, kind, _, helps = row
    error = _KINDS[ticked(code)[0]]("no", code=ticked(code)[0])
    told = json.loads(routes.family_of("/v1/messages").error_body(error, REQUEST_ID))
    assert (error.status, error.retry, told["error"]["type"]) == (int(status), helps == "yes", ticked(kind)[0])


@pytest.mark.parametrize(
    ("written", "otherwise", "said"),
    [
        ("teams: [growth] }          #", "teams: [grwoth] }          #", "did you mean 'growth'"),
        ('    deny: { reason: "Long', '    dney: { reason: "Long', "did you mean 'deny'"),
        ("until: 2026-11-30                     #", "until: 2027-06-01 #", "more than 90 days after from"),
        ("lift: [org/call-size,", "lift: ['*',", "there is no rule '*'"),
        ("match: { users: [rob@acme.example] }\n", "", "match"),
        ('approved_by: security@acme.example\nreason: "Quarterly', 'reason: "Quarterly', "approved_by"),
        ("  match: { projects: [crm] }                       #", "  #", "is as specific as org/reuse"),
    ],
)  # fmt: skip
def test_what_is_called_a_mistake_is_one(written: str, otherwise: str, said: str) -> None:
    assert said in _refused(written, otherwise)


def test_a_rule_may_not_claim_more_than_its_policy() -> None:
    text = "kind: Policy\nname: p\nowner: o\nmode: audit\nrules:\n- { name: r, mode: warn, deny: { reason: no } }\n"
    with pytest.raises(ConfigError, match="may lower it, never raise it"):
        load([parse_source(text.encode(), "p.yaml")], _acme(), known_of((), PriceTable.load(), ()))


_PARTS: dict[str, type[Shape]] = {
    "principal": PrincipalShape,
    "request": RequestShape,
    "state": StateShape,
    "expect": ExpectShape,
}


@pytest.mark.parametrize("row", table(README, "part"), ids=lambda row: row[0])
def test_all_that_a_test_may_say_is_listed(row: list[str]) -> None:
    examples = {"60 requests", "up", "down", "<= 2s"}
    assert set(ticked(row[1])) - examples == set(_PARTS[ticked(row[0])[0]].model_fields)


def test_every_command_named_exists() -> None:
    commands = set(typer.main.get_group(app).commands)
    named = set(re.findall(r"tallygate policy (\w+)", README.read_text("utf-8")))
    assert named
    assert named <= commands


def test_every_rule_of_the_set_that_is_named_exists() -> None:
    rules = {rule.id for rule in _section(_HEADINGS[0]).policy.rules}
    assert set(re.findall(r"\borg/[a-z][a-z-]+\b(?!\.)", README.read_text("utf-8"))) <= rules
