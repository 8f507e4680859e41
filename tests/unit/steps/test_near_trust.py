"""Near answers are trusted until too many of them differed, under the policy that was in force."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from proxy.steps.near_trust import (
    AGREE,
    FAILED,
    LAST,
    LEAST,
    MOST_A_MINUTE,
    MOST_AT_ONCE,
    MOST_DIFFER,
    SKIPPED,
    NearTrust,
)

RULE, NOW = "org/reuse", "41c9e02"


def test_two_that_differ_of_the_first_twenty_are_too_many() -> None:
    trust = NearTrust()
    assert trust.compared(RULE, NOW, differ=True) is None
    assert not trust.is_off(RULE, NOW)
    share = trust.compared(RULE, NOW, differ=True)
    assert share == (2, 2)
    assert trust.is_off(RULE, NOW)
    assert trust.off(NOW) == {RULE: share}


def test_it_is_told_once_and_stays_off() -> None:
    trust = NearTrust()
    told = [trust.compared(RULE, NOW, differ=True) for _ in range(3)]
    told += [trust.compared(RULE, NOW, differ=False) for _ in range(2 * LAST)]
    assert [share for share in told if share] == [(2, 2)]
    assert trust.is_off(RULE, NOW)
    assert trust.shares(NOW)[RULE].ratio == 0


def test_one_in_twenty_is_borne_and_one_more_is_not() -> None:
    trust = NearTrust()
    for number in range(5 * LAST):
        assert trust.compared(RULE, NOW, differ=number % 20 == 19) is None
    assert trust.compared(RULE, NOW, differ=True) == (6, LAST)


def test_rules_are_judged_apart() -> None:
    trust = NearTrust()
    for _ in range(2):
        trust.compared(RULE, NOW, differ=True)
        trust.compared("org/other", NOW, differ=False)
    assert (trust.is_off(RULE, NOW), trust.is_off("org/other", NOW)) == (True, False)


def test_another_generation_begins_with_trust() -> None:
    trust = NearTrust()
    for _ in range(2):
        trust.compared(RULE, NOW, differ=True)
    assert not trust.is_off(RULE, "52d0f13")
    assert (trust.off("52d0f13"), trust.shares("52d0f13")) == ({}, {})
    assert trust.compared(RULE, "52d0f13", differ=True) is None
    assert not trust.is_off(RULE, NOW)


@given(st.lists(st.booleans(), max_size=3 * LAST))
def test_it_is_off_as_soon_as_too_many_of_the_last_differed(results: list[bool]) -> None:
    trust, off = NearTrust(), False
    for number, differ in enumerate(results, 1):
        trust.compared(RULE, NOW, differ=differ)
        last = results[max(0, number - LAST) : number]
        off = off or sum(last) > MOST_DIFFER * max(len(last), LEAST)
        assert trust.is_off(RULE, NOW) == off


def test_few_are_asked_again_in_a_minute() -> None:
    trust = NearTrust()
    for _ in range(MOST_A_MINUTE):
        assert trust.begin(10.0)
        trust.end(AGREE)
    assert not trust.begin(69.9)
    assert trust.begin(70.0)
    assert (trust.results[AGREE], trust.results[SKIPPED]) == (MOST_A_MINUTE, 1)


def test_few_are_asked_again_at_one_time() -> None:
    trust = NearTrust()
    assert all(trust.begin(0.0) for _ in range(MOST_AT_ONCE))
    assert not trust.begin(1.0)
    trust.end(FAILED)
    assert trust.begin(2.0)
