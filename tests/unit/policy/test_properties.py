"""What holds for all sets of rules: no order, no loosening, no difference between a trial and the real thing."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.domain.decision import Decision
from proxy.domain.trace import Note
from proxy.policy.decide import decide
from proxy.policy.facts import Facts, Recent
from proxy.policy.rule import Exemption, Mode, Rule, Selector
from proxy.policy.terms import (
    Budget,
    Cache,
    Cap,
    Deny,
    Inspect,
    Models,
    Pace,
    Parallel,
    Rate,
    Require,
    Route,
    Rung,
    Terms,
    Waste,
)
from tests.support.rules import DAY, NOON, USD, Condition, decided, facts, make_exemption, make_policy, make_rule

TEAMS, USERS, KEYS = ("growth", "research"), ("ann@acme.example", "rob@acme.example"), ("key_1", "key_2")
PROJECTS, GROUPS = ("crm", "evals"), ("growth", "batch")
MODELS = ("gpt-5.1", "gpt-5-mini", "claude-opus-4", "claude-haiku")
GLOBS = ("*", "gpt-*", "claude-*", "*-mini", "gpt-5.1", "*opus*")
PER = ("org", "team", "user", "key", "project", "model")


def some(names: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(names), max_size=2)


globs = st.lists(st.sampled_from(GLOBS), max_size=2, unique=True).map(tuple)
selectors = st.builds(
    Selector,
    teams=some(TEAMS),
    users=some(USERS),
    keys=some(KEYS),
    projects=some(PROJECTS),
    groups=some(GROUPS),
    models=globs,
)
routes = st.sampled_from(MODELS).map(lambda model: Route((("openai", model),)))
paces = st.lists(
    st.builds(Pace, st.sampled_from(("requests", "tokens")), st.integers(1, 100), st.just(60)),
    min_size=1,
    max_size=2,
    unique_by=lambda pace: pace.unit,
).map(tuple)
budgets = st.builds(
    Budget,
    st.integers(0, 100 * USD),
    st.sampled_from(("day", "month")),
    st.sampled_from(PER),
    table=st.dictionaries(st.sampled_from(("team:growth", f"user:{USERS[0]}", "key:key_1")), st.integers(0, USD)),
    grace_millionths=st.sampled_from((0, 100_000)),
    when_spent=st.one_of(st.sampled_from(("deny", "warn")), routes),
)
rungs = st.sampled_from((
    Rung("warn"), Rung("cache", 60, cache=Cache("near")), Rung("throttle", 60, pace=Pace("requests", 3, 60)),
    Rung("deny", 60, reason="Enough."),
))  # fmt: skip
static: st.SearchStrategy[Terms] = st.one_of(
    st.builds(Models, st.none() | globs, globs),
    st.builds(Require, st.lists(st.sampled_from(("purpose", "project")), min_size=1, unique=True).map(tuple)),
    st.builds(Cap, st.none() | st.integers(1, 1500), st.none() | st.integers(1, 100), st.booleans()),
    st.just(Deny("No.")),
    budgets,
    st.builds(Rate, paces, st.sampled_from(PER)),
    st.builds(Parallel, st.integers(1, 9), st.sampled_from(PER)),
    st.builds(Inspect, st.just(("secrets",)), then=st.sampled_from(("deny", "redact"))),
    st.builds(Cache, st.sampled_from(("off", "exact", "near"))),
    st.builds(
        Waste,
        st.just((("errors", 5.0),)),
        st.just("1h"),
        st.sampled_from(PER),
        st.integers(0, 10),
        st.lists(rungs, min_size=1, max_size=4).map(tuple),
    ),
)
CONDITIONS = (
    None,
    Condition(lambda _: True),
    Condition(lambda _: False),
    Condition(lambda _: None),
    Condition(lambda seen: "opus" in seen["request.model"]),
)


@st.composite
def rule_sets(draw: st.DrawFn, terms: st.SearchStrategy[Terms] = static, most: int = 7) -> tuple[Rule, ...]:
    return tuple(
        make_rule(
            draw(terms),
            f"{draw(st.sampled_from(('org', 'team')))}/{position}",
            mode=draw(st.sampled_from(Mode)),
            match=tuple(draw(st.lists(selectors, max_size=2))),
            when=draw(st.sampled_from(CONDITIONS)),
            since=draw(st.none() | st.sampled_from((NOON - DAY, NOON, NOON + 1))),
            until=draw(st.none() | st.sampled_from((NOON, NOON + 1, NOON + DAY))),
        )
        for position in range(draw(st.integers(0, most)))
    )


anything = st.one_of(static, routes)
calls = st.builds(
    facts,
    team=st.sampled_from(TEAMS),
    user=st.sampled_from((*USERS, "")),
    key=st.sampled_from(KEYS),
    project=st.none() | st.sampled_from(PROJECTS),
    groups=some(GROUPS).map(lambda found: tuple(sorted(found))),
    model=st.sampled_from(MODELS),
    tags=st.sampled_from(((), (("purpose", "review"),))),
    max_output=st.none() | st.integers(1, 200),
    usage=st.sampled_from((
        (), tuple((scope, Recent(requests_1h=8, errors_1h=9)) for scope in ("org", "team:growth", "user:p_ann")),
    )),
    waste_since=st.sampled_from(((), tuple((f"org/{n}", NOON - 90) for n in range(7)))),
)  # fmt: skip


@st.composite
def exemptions(draw: st.DrawFn) -> tuple[Exemption, ...]:
    named = st.lists(st.sampled_from([f"org/{n}" for n in range(4)]), max_size=2, unique=True)
    return tuple(
        make_exemption(
            draw(selectors),
            f"e{position}",
            lift=frozenset(draw(named)),
            grant=tuple((rule, USD) for rule in draw(named)),
        )
        for position in range(draw(st.integers(0, 2)))
    )


@given(st.data(), rule_sets(anything), exemptions(), calls)
def test_the_order_of_files_and_rules_changes_nothing(
    data: st.DataObject, rules: tuple[Rule, ...], given_to: tuple[Exemption, ...], call: Facts
) -> None:
    shuffled = data.draw(st.permutations(rules))
    turned = data.draw(st.permutations(given_to))
    spent = frozenset(data.draw(st.sets(st.sampled_from([rule.id for rule in rules])))) if rules else frozenset()
    one = decided(*rules, exemptions=given_to, call=call, spent=spent)
    assert one == decided(*shuffled, exemptions=tuple(turned), call=call, spent=spent)


@given(rule_sets(), rule_sets(anything, 3), calls)
def test_another_rule_never_admits_what_was_refused_and_never_widens_a_limit(
    rules: tuple[Rule, ...], added: tuple[Rule, ...], call: Facts
) -> None:
    more = tuple(msgspec.structs.replace(rule, id=f"more/{rule.id}") for rule in added)
    before, after = decided(*rules, call=call), decided(*rules, *more, call=call)
    assert {denial.rule for denial in before.denials} <= {denial.rule for denial in after.denials}
    assert before.max_output is None or (after.max_output or 0) <= before.max_output
    assert {note.rule for note in before.trace} <= {note.rule for note in after.trace}
    assert set(before.inspections) <= set(after.inspections)
    if after.route is None:
        assert set(before.obligations) <= set(after.obligations)


def in_mode(rules: tuple[Rule, ...], mode: Mode) -> tuple[Rule, ...]:
    return tuple(msgspec.structs.replace(rule, mode=mode) for rule in rules)


AGAINST = re.compile("; (?:refused there by ([^;]+)|([^;]+) would refuse there)")


def masked(notes: tuple[Note, ...]) -> list[Note]:
    """The notes but for the modes of rules, also of those that a route names: they would refuse there, or do."""
    return [msgspec.structs.replace(note, mode="", detail=unmoded(note.detail)) for note in notes]


def unmoded(detail: str) -> str:
    names = sorted(name for pair in AGAINST.findall(detail) for names in pair if names for name in names.split(", "))
    return " against ".join([AGAINST.sub("", detail), *names])


@given(rule_sets(anything), exemptions(), calls, st.sets(st.integers(0, 7)))
def test_audit_and_enforce_differ_in_nothing_but_the_answer(
    rules: tuple[Rule, ...], given_to: tuple[Exemption, ...], call: Facts, tried: set[int]
) -> None:
    mixed = tuple(
        msgspec.structs.replace(rule, mode=Mode.AUDIT if position in tried else Mode.ENFORCE)
        for position, rule in enumerate(rules)
    )
    found: list[Decision] = [
        decided(*one, exemptions=given_to, call=call)
        for one in (in_mode(rules, Mode.AUDIT), in_mode(rules, Mode.WARN), in_mode(rules, Mode.ENFORCE), mixed)
    ]
    audit, warn, enforce, _ = found
    assert all(masked(one.trace) == masked(audit.trace) for one in found)
    assert all(one.watches == audit.watches for one in found)
    assert (audit.denials, audit.warnings, audit.route, audit.max_output, audit.reuse) == ((), (), None, None, None)
    assert warn.denials == ()
    if enforce.route is None:
        plain: dict[str, Any] = {"enforce": True, "mode": ""}
        wishes = [[msgspec.structs.replace(wish, **plain) for wish in one.obligations] for one in found]
        assert all(one == wishes[0] for one in wishes)
        assert not any(wish.enforce for wish in audit.obligations)


@given(st.lists(globs, min_size=1, max_size=4), st.sampled_from(MODELS))
def test_allow_lists_intersect(lists: list[tuple[str, ...]], model: str) -> None:
    decision = decided(
        *(make_rule(Models(allow=allow), f"org/{position}") for position, allow in enumerate(lists)),
        call=facts(model=model),
    )
    refusing = {f"org/{n}" for n, allow in enumerate(lists) if not any(fnmatchcase(model, one) for one in allow)}
    assert {denial.rule for denial in decision.denials} == refusing


@given(globs, globs, st.sampled_from(MODELS))
def test_deny_wins_over_allow(allow: tuple[str, ...], deny: tuple[str, ...], model: str) -> None:
    banned = any(fnmatchcase(model, one) for one in deny)
    decision = decided(make_rule(Models(allow=("*", *allow), deny=deny)), call=facts(model=model))
    assert bool(decision.denials) == banned


@given(
    st.dictionaries(
        st.sampled_from(("key:key_1", "project:crm", f"user:{USERS[0]}", "team:growth", "team:research", "key:key_2")),
        st.integers(0, 100),
    )
)
def test_the_most_specific_row_of_a_table_holds(table: dict[str, int]) -> None:
    (wish,) = decided(make_rule(Budget(1000, "day", "key", table=table))).obligations
    mine = [row for row in ("key:key_1", "project:crm", f"user:{USERS[0]}", "team:growth") if row in table]
    assert (wish.row, wish.limit) == ((mine[0], table[mine[0]]) if mine else ("default", 1000))


@settings(max_examples=50)
@given(rule_sets(anything), exemptions(), calls, st.lists(st.integers(-2 * DAY, 2 * DAY), max_size=4))
def test_memory_never_shows(
    rules: tuple[Rule, ...], given_to: tuple[Exemption, ...], call: Facts, later: list[int]
) -> None:
    policy = make_policy(*rules, exemptions=given_to)
    for shift in (0, *later, 0):
        asked = msgspec.structs.replace(call, clock=NOON + shift)
        assert decide(asked, policy, "d_1") == decided(*rules, exemptions=given_to, call=asked)


@given(rule_sets(anything), calls)
def test_no_meter_is_asked_for_twice(rules: tuple[Rule, ...], call: Facts) -> None:
    wishes = decided(*rules, call=call).obligations
    assert len({(wish.rule, wish.unit, wish.span_s, wish.scope) for wish in wishes}) == len(wishes)
