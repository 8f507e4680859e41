"""Expressions: typed facts, errors with a place and a remedy, and bounded work."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from proxy.policy.expr import FACTS, ZERO, BadExpression, activation, compile_expression

HOUR_RULE = (
    'request.max_output_tokens > 8192 && !principal.groups.exists(g, g == "batch") '
    "&& clock.hour >= 9 && clock.hour < 18 && clock.weekday <= 5"
)


def holds(source: str, **facts: object) -> bool | None:
    values = {name.replace("__", "."): value for name, value in facts.items()}
    return compile_expression(source).holds(activation(values))


def test_a_condition_is_true_or_false_of_a_call() -> None:
    day = {"request__max_output_tokens": 9000, "clock__hour": 10, "clock__weekday": 1}
    assert holds(HOUR_RULE, **day) is True
    assert holds(HOUR_RULE, **day, principal__groups=["batch"]) is False
    assert holds(HOUR_RULE, **{**day, "clock__hour": 18}) is False


def test_every_fact_can_be_asked_for_and_is_zero_when_nothing_is_known() -> None:
    for name, kind in FACTS.items():
        told = {"string": '""', "int": "0", "double": "0.0", "bool": "false", "timestamp": "timestamp(0)"}
        zero = told.get(kind, "[]" if kind.startswith("list") else "{}")
        assert compile_expression(f"{name} == {zero}").holds(activation({})) is True, name
    assert ZERO.keys() == FACTS.keys()


def test_an_activation_is_shared_and_needs_only_the_facts_that_are_used() -> None:
    one = compile_expression('request.model.startsWith("gpt-") && request . stream')
    other = compile_expression('request.tags["purpose"] == "x" || true')
    assert one.facts == {"request.model", "request.stream"}
    shared = activation({"request.model": "gpt-5", "request.stream": True}, one.facts | other.facts)
    assert (one.holds(shared), other.holds(shared)) == (True, True)


def test_times_and_tags_are_facts() -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert holds('clock.now > timestamp("2026-11-23T11:00:00Z")', clock__now=noon) is True
    assert holds('"purpose" in request.tags && request.tags.purpose == "x"', request__tags={"purpose": "x"}) is True


def test_an_error_while_it_runs_is_neither_true_nor_false() -> None:
    overflow = compile_expression("request.input_tokens * 4611686018427387904 > 0 || request.stream")
    assert overflow.holds(activation({"request.input_tokens": 4})) is None
    wrong_kind = compile_expression("request.input_tokens > 1")
    assert wrong_kind.holds(activation({"request.input_tokens": "many"})) is None


@pytest.mark.parametrize(
    ("source", "at", "message", "hint"),
    [
        ('request.modle == "x"', 0, "there is no fact 'request.modle'", "did you mean 'request.model'?"),
        ('!request.stream && requst.model == "x"', 19, "there is no fact 'requst.model'", "'request.model'"),
        ("request == 1", 0, "'request' alone is no fact", "write one of request.model"),
        ('request["model"] == "x"', 0, "'request' alone is no fact", "write one of request.model"),
        ('model == "x"', 0, "'model' is nothing that is known", "did you mean 'request.model'?"),
        ("request.model == growth", 17, "'growth' is nothing that is known", "put text into quotes"),
        ("usage.redundancy_1h > 0", 20, "cannot join a decimal number and a whole one", "write 1.0 instead of 1"),
        ("request.input_tokens > 0.5", 21, "cannot join a whole number and a decimal one", "write 1 instead of 1.0"),
        ('request.stream == "true"', 15, "cannot join bool and string", "without quotes"),
        ('principal.groups.contains("x")', 25, "does not fit a list", '"batch" in principal.groups'),
        ("!request.model", 0, "'!' does not fit string", ""),
        ("request.model", 0, "is not a condition but a value (string)", "compare it with something"),
        ('request.model = "x"', 14, "'=' compares nothing", "write =="),
        ("clock.hour >= 9 and clock.hour < 5", 16, "'and' is not used here", "write &&"),
        ("not request.stream", 4, "'not' is not used here", "write !"),
        ("request.input_tokens > 200k", 26, "numbers have no 'k' here", "write all digits"),
        ('request.model.startswith("x")', 14, "there is no function 'startswith'", "did you mean 'startsWith'?"),
        ("request.model.size > 3", 13, "has no members", "size()"),
        ("request.model == \u201cx\u201d", 17, "is a quote of word processors", "write the plain"),
        ('request.model == "x', 17, "a quote is opened and not closed", ""),
        ("(request.stream", 15, "ends too early", "a bracket or a value is missing"),
        ("", 0, "is empty", "leave it out"),
        ('request.tags["purpose"] == "x"', 0, "fails for a call without 'purpose'", "in request.tags && "),
        ("10 / request.input_tokens > 2", 0, "divides by zero where nothing is known", "> 0 && in front"),
        ("dyn(request.model) > 1", 0, "fails when it runs: No matching overloads found", ""),
        ('request.stream && request.model.matches("(?=x)")', 41, "is no pattern that RE2 takes: invalid perl", ""),
        ("(" * 100 + "true" + ")" * 100, 0, "is too much work: Expression recursion limit", "make it several rules"),
        ("x" * 3000, 0, "is longer than 2000 characters", "make it several rules"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_remedy(source: str, at: int, message: str, hint: str) -> None:
    with pytest.raises(BadExpression) as caught:
        compile_expression(source)
    (found,) = caught.value.findings
    assert (found.offset, message in found.message, hint in found.hint) == (at, True, True), found


def test_all_mistakes_of_kinds_and_names_are_told_at_once() -> None:
    with pytest.raises(BadExpression) as caught:
        compile_expression('request.cost_usd > 1 && request.modle == "x"\n  && reqest.model == "y"')
    assert [one.offset for one in caught.value.findings] == [17, 24, 50]


def test_work_without_end_is_refused_at_load() -> None:
    numbers = f"[{','.join(map(str, range(150)))}]"
    with pytest.raises(BadExpression) as caught:
        compile_expression(f"{numbers}.all(a, {numbers}.all(b, {numbers}.all(c, a + b + c >= 0)))")
    assert "is too much work" in caught.value.findings[0].message


def test_a_pattern_of_matches_runs_in_linear_time() -> None:
    nested = compile_expression('request.model.matches("^(a+)+$")')
    assert nested.holds(activation({"request.model": "a" * 5000 + "!"})) is False
