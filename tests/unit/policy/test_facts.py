"""What is seen of a call, kept with its row, and shown to conditions."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.expr import FACTS as DECLARED
from proxy.policy.expr import activation, compile_expression
from proxy.policy.facts import Facts, Recent
from proxy.policy.views import NAMES, Layout, Views
from tests.support.rules import FACTS, NOON, facts

PLAIN = Facts("growth", "gpt-5.1", "openai_chat", "/v1/chat/completions", "openai")


def test_facts_are_canonical_json_without_what_is_not_known() -> None:
    assert PLAIN.canonical() == (
        b'{"team":"growth","model":"gpt-5.1","dialect":"openai_chat","endpoint":"/v1/chat/completions","upstream":"openai"}'
    )


def test_who_called_is_left_to_the_row_and_put_back_from_it() -> None:
    usage = (("user:p_ann", Recent(requests_1h=3)),)
    seen = facts(tags=(("purpose", "x"),), usage=usage, waste_since=(("org/w", 7),))
    stored = seen.canonical()
    assert not {"org", "key", "person", "user"} & json.loads(stored).keys()
    assert b"ann@" not in stored
    assert Facts.of_row(stored, org="acme", key="key_1", person="p_ann", user="ann@acme.example") == seen


def test_every_declared_fact_has_a_value_and_no_other() -> None:
    assert set(DECLARED) == NAMES


def view(seen: Facts, zone: str = "UTC") -> dict[str, object]:
    found = Views(Layout.of(lambda values: values, NAMES), seen).of(zone)
    assert isinstance(found, dict)
    return found


def test_conditions_see_the_caller_s_facts_under_their_dotted_names() -> None:
    seen = view(
        facts(
            tools=2, cost_nusd=2_500_000_000, tags=(("a", "b"),), max_output=7, user_agent="x/1",
            usage=(("user:p_ann", Recent(redundancy_1h=0.5)), ("team:growth", Recent(redundancy_1h=0.9))),
        ),
        "Europe/Berlin",
    )  # fmt: skip
    assert (seen["principal.user"], seen["principal.groups"], seen["principal.key"]) == (
        "ann@acme.example", ["growth"], "key_1",
    )  # fmt: skip
    assert (seen["request.tools"], seen["request.cost_usd"], seen["request.tags"]) == (True, 2.5, {"a": "b"})
    assert (seen["request.max_output_tokens"], seen["request.provider"]) == (7, "openai")
    assert (seen["usage.redundancy_1h"], seen["usage.requests_1h"]) == (0.5, 0)
    assert (seen["clock.hour"], seen["clock.weekday"]) == (13, 1)


def test_what_is_not_known_is_zero() -> None:
    seen = view(PLAIN)
    assert (seen["principal.user"], seen["principal.project"], seen["request.max_output_tokens"]) == ("", "", 0)


@given(
    st.integers(0, 2**80), st.integers(0, 2**80), st.text(max_size=20), st.integers(0, 4 * NOON),
    st.sampled_from(("UTC", "Europe/Berlin", "Pacific/Apia")),
)  # fmt: skip
def test_the_engine_takes_whatever_a_caller_sends(tokens: int, output: int, agent: str, clock: int, zone: str) -> None:
    seen = facts(input_tokens=tokens, max_output=output, user_agent=agent, clock=clock)
    views = Views(Layout.of(activation, NAMES), seen)
    expression = compile_expression("request.input_tokens >= 0 && request.max_output_tokens >= 0 && clock.hour >= 0")
    assert expression.holds(views.of(zone)) is True


def test_the_clock_of_conditions_is_the_policy_s() -> None:
    night = NOON + 11 * 3600 + 1800  # 23:30 in London, half past midnight in Berlin
    assert [view(facts(clock=night), zone)["clock.weekday"] for zone in ("Europe/London", "Europe/Berlin")] == [1, 2]
    assert FACTS.clock == NOON
