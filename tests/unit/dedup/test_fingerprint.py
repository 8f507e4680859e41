"""Fingerprints: what is the same exactly, nearly, or but for its numbers; keyed, and of no use to who reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dedup.fingerprint import MOST, SIZE, Prints, exact_print, fingerprints, scoped

SECRET = bytes(range(32))
PROMPTS = st.lists(st.text(max_size=60), min_size=1, max_size=4).map(tuple)
SYSTEM = "You are a helpful assistant."


def alike(one: tuple[str, ...], other: tuple[str, ...]) -> str:
    """The strictest way in which two prompts are the same; "" for none."""
    pairs = zip(Prints._fields, fingerprints(SECRET, one), fingerprints(SECRET, other), strict=True)
    return next((name for name, mine, theirs in pairs if mine and mine == theirs), "")


@pytest.mark.parametrize(
    ("one", "other", "likeness"),
    [
        ("What is the best museum of Paris?", "What is the best museum of Paris?", "exact"),
        ("What is the best museum of Paris?", " What is  the best museum of Paris?\n", "near"),
        ("What is the best museum of Paris?", "What is the best museum of Rome?", ""),
        ("Summarise the order 4711 of 2026-11-23.", "Summarise the order 99-b of 2025-01-02.", "template"),
        ('Write to "Bob" about it', 'Write to "Eve and Ann" about it', "template"),
        ("Explain `git push`", "Explain `git pull`", "template"),
        ("Find user 5b1c-77aa now", "Find user 9e0d-01ff now", "template"),
        ("It costs $1,000.50 net", "It costs $3 net", "template"),
        ("Is the dog's 7 better?", "Is the cat's 7 better?", ""),
    ],
)
def test_prompts_are_alike_exactly_nearly_or_but_for_what_varies(one: str, other: str, likeness: str) -> None:
    assert alike((one,), (other,)) == likeness
    assert alike((SYSTEM, one), (SYSTEM, other)) == likeness


def test_another_system_prompt_or_another_talk_before_is_another_prompt() -> None:
    asking = "What is the best museum of Paris?"
    for before in ((), ("Be brief.",), (SYSTEM, "Hello", "Hi, how can I help?"), ("x" * (MOST + 1),)):
        assert alike((SYSTEM, asking), (*before, asking)) == ""


def test_a_text_that_is_too_long_to_be_looked_at_has_an_exact_print_only() -> None:
    long, longer = "word " * (MOST // 5), "word " * (MOST // 5 + 1)
    assert all(fingerprints(SECRET, (long,)))
    assert fingerprints(SECRET, (longer,)) == (exact_print(SECRET, (longer,)), b"", b"")
    assert all(fingerprints(SECRET, (longer, "Sum it up, please.")))


@given(PROMPTS, st.text(max_size=20))
def test_prints_are_nested_stable_and_short(texts: tuple[str, ...], more: str) -> None:
    mine, theirs = fingerprints(SECRET, texts), fingerprints(SECRET, (*texts[:-1], texts[-1] + more))
    assert mine == fingerprints(SECRET, list(texts))
    assert {len(one) for one in mine} == {SIZE}
    if mine.exact == theirs.exact:
        assert not more
    if mine.near == theirs.near:
        assert mine.template == theirs.template


@given(PROMPTS, PROMPTS)
def test_texts_do_not_run_into_each_other(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (exact_print(SECRET, one) == exact_print(SECRET, other)) is (one == other)


@given(PROMPTS, st.binary(min_size=1, max_size=32).filter(lambda key: key != SECRET))
def test_without_the_key_nobody_can_try_out_what_was_asked(texts: tuple[str, ...], key: bytes) -> None:
    assert not {*fingerprints(SECRET, texts)} & {*fingerprints(key, texts)}


def test_half_of_a_surrogate_pair_has_prints_of_its_own() -> None:
    assert fingerprints(SECRET, ("\ud800",)).exact != fingerprints(SECRET, ("\ud801",)).exact
    assert exact_print(SECRET, ("a", "\ud800")) != exact_print(SECRET, ("a\ud800",))


def test_a_scopes_own_prints_tell_nothing_of_the_prompt_or_the_scope() -> None:
    prints = fingerprints(SECRET, ("Say hello",))
    mine, again, theirs = (scoped(SECRET, prints, name) for name in ("user:p_a", "user:p_a", "user:p_b"))
    assert mine == again
    assert len({*prints, *mine, *theirs}) == 9


@pytest.mark.parametrize(
    "piece", ['"', "'", "“", "«", "`", "a", "1", "a-", ".a1", "'a", '"a', "{", "\t", "é", "1,", "x'y"]
)
def test_no_text_takes_longer_than_its_length_allows(piece: str) -> None:
    fingerprints(SECRET, (piece * (MOST // len(piece)),))  # one that is not linear would take minutes
