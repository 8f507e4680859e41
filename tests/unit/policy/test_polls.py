"""Conditions asked together answer as each does by itself."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.decide import decide
from proxy.policy.expr import Expression, activation, compile_expression, joined
from proxy.policy.generation import Policy
from proxy.policy.polls import MOST, REMEMBERED, Polls
from proxy.policy.rule import PolicySet
from proxy.policy.terms import Deny
from tests.support.rules import facts, make_rule

CONDITIONS = [
    compile_expression(source)
    for source in (
        "request.stream",
        "!request.stream // said by hand",
        "request.input_tokens > 100 && request.tools",
        "request.input_tokens * 4611686018427387904 > 0",  # breaks where there are many tokens
        'request.tools && request.tags["purpose"] == "test"',  # breaks without the tag
        'principal.groups.exists(g, g == "batch")',
        "clock.hour < 12\n  || clock.weekday > 5",
        'request.model.matches("^gpt-[0-9]")',
        'request.cost_usd > 2.0 ? request.stream : request.model == ""',
        "true",
    )
]
CALLS = st.fixed_dictionaries(
    {
        "request.stream": st.booleans(),
        "request.tools": st.booleans(),
        "request.input_tokens": st.sampled_from([0, 1, 101, 2**62]),
        "request.cost_usd": st.sampled_from([0.0, 3.0]),
        "request.tags": st.sampled_from([{}, {"purpose": "test"}]),
        "request.model": st.sampled_from(["", "gpt-5"]),
        "principal.groups": st.sampled_from([[], ["batch"]]),
        "clock.hour": st.integers(0, 23),
    }
)


class Asking(NamedTuple):
    """Somebody whose condition is asked."""

    when: Expression | None
    zone: str = ""


@given(CALLS, st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=MOST))
def test_together_they_say_what_each_says_alone(call: dict[str, object], some: list[Expression]) -> None:
    joint = joined(some)
    assert joint is not None
    laid_out = activation(call)
    assert joint.hold(laid_out) == [one.holds(laid_out) for one in some]


def test_what_is_too_deep_to_be_joined_is_asked_by_itself() -> None:
    deep = compile_expression("(" * 11 + "request.stream" + ")" * 11)
    assert joined([deep] * 40) is None
    (poll,) = Polls().of([Asking(deep)] * MOST)
    laid_out = activation({"request.stream": True})
    assert poll.hold(laid_out) == [True] * MOST


def test_any_number_of_conditions_is_asked_and_memory_has_a_bound() -> None:
    polls = Polls()
    for number in range(REMEMBERED + 3):
        each = [compile_expression(f"request.input_tokens == {number}"), *CONDITIONS[:2]]
        (poll,) = polls.of([Asking(one) for one in each])
        assert (poll.joint is None) == (number >= REMEMBERED)
        assert poll.hold(activation({"request.input_tokens": number})) == [True, False, True]


@pytest.mark.parametrize("count", [1, 2, 3, MOST, MOST + 1, 3 * MOST + 2])
def test_of_many_rules_each_is_decided_by_its_own_condition(count: int) -> None:
    whens = [compile_expression(f"request.input_tokens == {number}") for number in range(count)]
    rules = [make_rule(Deny("No."), f"org/ban-{number:02}", when=when) for number, when in enumerate(whens)]
    policy = Policy(PolicySet("g1", tuple(rules)))
    for number in range(count + 1):
        refused = [one.rule for one in decide(facts(input_tokens=number), policy, "d_1").denials]
        assert refused == [f"org/ban-{number:02}"] * (number < count)
