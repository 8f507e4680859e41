"""Scores of labelled pairs: what counts as wrong, and what a bad line is told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.dedup.scoring import Count, Pair, Score, keyed, pair_of, text_key
from tests.support.sent import QUESTION, a_body, a_request

ROW: dict[str, Any] = {"id": "d1", "a": "one", "b": "two", "label": "same", "kind": "case", "source": "x"}


def judged(*pairs: Pair) -> Score:
    """A score where texts that begin alike share a key, an empty one is left alone, and a key takes 1 µs."""
    score, clock = Score(), iter(range(0, 1_000_000, 2000))
    for pair in pairs:
        score.judge(pair, lambda text: text[:1].encode() or None, lambda: next(clock))
    return score


def pair(a: str, b: str, kind: str = "case", *, same: bool = True) -> Pair:
    return Pair("d", a, b, same, kind)


def test_hits_misses_and_false_hits_are_told_apart() -> None:
    false = pair("ab", "ac", "number_swap", same=False)
    miss, refused = pair("a", "b"), pair("a", "b", "paraphrase")
    score = judged(pair("ab", "ac"), miss, refused, false, pair("a", "b", "number_swap", same=False))
    assert score.false_hits == [false]
    assert score.misses == [miss, refused]
    assert (score.pairs, score.different, score.benign, score.benign_recall) == (5, 2, 2, 0.5)
    assert score.by_kind["case"] == Count(pairs=2, same=2, hits=1, false_hits=0)
    assert score.by_kind["number_swap"] == Count(pairs=2, same=0, hits=0, false_hits=1)
    assert score.us_per_key == 1.0


def test_what_is_left_alone_equals_nothing_not_even_itself() -> None:
    score = judged(pair("", "", same=False), pair("", ""))
    assert score.false_hits == []
    assert len(score.misses) == 1


def test_nothing_judged_has_no_recall_and_no_time() -> None:
    assert (Score().benign_recall, Score().us_per_key, Score().pairs) == (None, None, 0)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"{", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no JSON object"),
        (json.dumps({**ROW, "label": "maybe"}).encode(), "'label' must be same or different"),
        (json.dumps({**ROW, "a": 7}).encode(), "'a' must be a text"),
        (json.dumps({**ROW, "b": {}}).encode(), "scored with --envelope"),
        (json.dumps({"a": "x", "label": "same", "kind": "case"}).encode(), "has no 'b'"),
    ],
)
def test_a_bad_line_is_told(line: bytes, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        pair_of(line, whole=False)


def test_whole_requests_are_objects() -> None:
    assert pair_of(json.dumps({**ROW, "a": {}, "b": {}}).encode(), whole=True).a == {}
    with pytest.raises(ValueError, match="'a' must be an object"):
        pair_of(json.dumps(ROW).encode(), whole=True)


def test_a_line_is_read() -> None:
    assert pair_of(json.dumps(ROW).encode(), whole=False) == Pair("d1", "one", "two", is_same=True, kind="case")


def test_keys_are_those_of_calls() -> None:
    assert text_key(QUESTION) == text_key(f" {QUESTION}\n") != text_key(f"{QUESTION} 7")
    sent = a_request("openai.chat", a_body("openai.chat"))
    assert keyed("a", sent) == keyed("a", sent) != keyed("b", sent)
    assert text_key("\ud83d") != text_key("\ude00")
