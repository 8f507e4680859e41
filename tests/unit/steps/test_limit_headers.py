"""Limits in the caller's own words."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.domain.decision import Decision, Obligation, Warned
from proxy.domain.meter import HoldState, Level
from proxy.policy.levels import readings
from proxy.steps.limit_headers import MOST_TEXT, header_text, limits, refused_limits, span
from tests.support.plans import BUDGET, NOON_US, RATE, TOKENS, held, make_hold, make_plan


def told(*asked: tuple[Obligation, int], family: str = "openai", local: bool = False) -> list[tuple[str, str]]:
    """The headers of a call of 1,000 tokens and $0.005, where these meters stood at these levels."""
    plan = make_plan(*[wish for wish, _ in asked])
    levels = [Level(over=False, level=level) for _, level in asked]
    answer = held(*levels, state=HoldState.ADMITTED, local=local)
    pairs = limits(plan.decision, family, make_hold(plan), answer)
    return [(name.decode(), value.decode("latin-1")) for name, value in pairs]


def test_rates_are_told_as_openai_tells_its_own() -> None:
    assert told((RATE, 29), (TOKENS, 1000)) == [
        ("x-ratelimit-limit-requests", "60"),
        ("x-ratelimit-remaining-requests", "30"),
        ("x-ratelimit-reset-requests", "30s"),
        ("x-ratelimit-limit-tokens", "10000"),
        ("x-ratelimit-remaining-tokens", "8000"),
        ("x-ratelimit-reset-tokens", "200ms"),
    ]


def test_rates_are_told_as_anthropic_tells_its_own_on_its_paths() -> None:
    assert told((RATE, 29), (TOKENS, 1000), family="anthropic") == [
        ("anthropic-ratelimit-requests-limit", "60"),
        ("anthropic-ratelimit-requests-remaining", "30"),
        ("anthropic-ratelimit-requests-reset", "2026-11-23T12:00:30Z"),
        ("anthropic-ratelimit-tokens-limit", "10000"),
        ("anthropic-ratelimit-tokens-remaining", "8000"),
        ("anthropic-ratelimit-tokens-reset", "2026-11-23T12:00:01Z"),
    ]


def test_of_several_rates_and_budgets_the_tightest_is_told() -> None:
    wide = msgspec.structs.replace(RATE, rule="org/wide", limit=1000)
    small = msgspec.structs.replace(BUDGET, rule="growth/day", limit=20_000_000)
    found = dict(told((wide, 900), (RATE, 58), (BUDGET, 50_000_000_000), (small, 10_000_000)))
    assert (found["x-ratelimit-limit-requests"], found["x-ratelimit-remaining-requests"]) == ("60", "1")
    assert found["x-tally-budget"] == "growth/day remaining=$0.005000 resets=2026-11-24T00:00:00+00:00"


def refused(*asked: tuple[Obligation, int, bool], family: str = "openai") -> dict[str, str]:
    """The headers of the same call where it was refused; the last says which meters had no room."""
    plan = make_plan(*[wish for wish, _, _ in asked])
    levels = [Level(over, level, 1_000_000) for _, level, over in asked]
    seen = readings(plan.decision.obligations, make_hold(plan).draws, levels)
    return {name.decode(): value.decode() for name, value in refused_limits(seen, family, NOON_US)}


def test_a_refused_call_is_told_what_is_left_and_it_took_nothing() -> None:
    assert refused((RATE, 60, True), (TOKENS, 9_500, False)) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1m0s",
        "x-ratelimit-limit-tokens": "10000",
        "x-ratelimit-remaining-tokens": "500",
        "x-ratelimit-reset-tokens": "950ms",
    }
    found = refused((TOKENS, 9_500, True), (BUDGET, 99_999_000_000, True), family="anthropic")
    assert found["anthropic-ratelimit-tokens-remaining"] == "500"
    assert found["x-tally-budget"] == "config/budget remaining=$0.001000 resets=2026-11-24T00:00:00+00:00"


def test_of_what_refused_a_call_more_is_said_than_of_what_is_merely_tighter() -> None:
    slow = msgspec.structs.replace(RATE, rule="org/slow", limit=1000)
    assert refused((RATE, 59, False), (slow, 900, True))["x-ratelimit-limit-requests"] == "1000"


def test_a_refused_call_is_told_nothing_of_meters_in_audit() -> None:
    quiet = {"enforce": False, "mode": "audit"}
    assert refused(*[(msgspec.structs.replace(wish, **quiet), 10**12, True) for wish in (BUDGET, RATE)]) == {}


def test_meters_in_audit_are_not_told() -> None:
    quiet = {"enforce": False, "mode": "audit"}
    assert told(*[(msgspec.structs.replace(wish, **quiet), 10**12) for wish in (BUDGET, RATE)]) == []


def test_without_the_store_no_figure_is_told() -> None:
    assert told((BUDGET, 1), (RATE, 1), local=True) == [
        ("x-tally-warning", "limits are kept locally: the store is away")
    ]


def test_warnings_of_rules_are_told_also_where_nothing_was_held() -> None:
    decision = Decision("d_7Kq2", "41c9e02", warnings=(Warned("org/tags", "Say what it is for."),))
    assert limits(decision, "openai", None, None) == [(b"x-tally-warning", b"org/tags: Say what it is for.")]


@given(st.text(max_size=2 * MOST_TEXT))
def test_whatever_people_write_is_one_header_of_latin_1(text: str) -> None:
    line = header_text(text)
    assert len(line) <= MOST_TEXT
    assert not any(byte < 0x20 or byte == 0x7F for byte in line)
    assert line == line.strip()


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0, "0ms"), (1, "1ms"), (999_001, "1000ms"), (1_000_000, "1s"), (59_000_001, "1m0s"), (7_265_000_000, "2h1m5s")],
)
def test_spans_are_rounded_up(microseconds: int, text: str) -> None:
    assert span(microseconds) == text
