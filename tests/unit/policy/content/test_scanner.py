"""Findings are places in characters, the same for one text or many."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.content.choice import choose
from proxy.policy.content.findings import Finding, resolve
from proxy.policy.content.pack import PACK
from proxy.policy.content.scanner import Scanner
from tests.unit.policy.content.samples import PERSONAL, SECRETS

SCANNER = Scanner(PACK)
VALUES = [maker(Random(seed)) for seed, makers in enumerate(SECRETS.values()) for maker in makers] + [
    maker(Random(seed)) for maker in PERSONAL.values() for seed in range(3)
]
NOISE = st.text(st.sampled_from(list('ab1 \n\\né密"@:/.-+_=,')), max_size=12)
TEXTS = st.lists(st.one_of(NOISE, st.sampled_from(VALUES)), max_size=7).map("".join)


@given(TEXTS)
def test_findings_stand_in_order_and_apart(text: str) -> None:
    found = SCANNER.scan(text)
    assert all(0 <= each.start < each.end <= len(text) for each in found)
    assert all(one.end <= other.start for one, other in pairwise(found))


@given(st.text(st.sampled_from("é密😀 \n"), max_size=8))
def test_places_are_characters_whatever_stands_before(before: str) -> None:
    value = "bob@example.com"
    text = f"{before} {value} é"
    assert [text[each.start : each.end] for each in SCANNER.scan(text)] == [value]


@given(st.lists(st.one_of(st.none(), TEXTS), max_size=12))
def test_many_texts_are_scanned_as_each_by_itself(texts: list[str | None]) -> None:
    alone = {index: tuple(hits) for index, text in enumerate(texts) if text and (hits := SCANNER.hits(text))}
    assert SCANNER.hits_all(texts) == alone


def test_nothing_reaches_from_one_text_into_the_next() -> None:
    halves = ["aws_secret_access_key =", "wJalrXUtnFEMIaK7MDENGabPxRfiCYEXAMPdfKEYe"[:40], "4111 1111", "1111 1111"]
    assert SCANNER.hits_all(halves) == {}


@given(st.text(max_size=40))
def test_any_text_can_be_scanned(text: str) -> None:
    SCANNER.scan(text)
    SCANNER.scan(text + "\ud83d bob@example.com \udc00")


def test_a_lone_surrogate_moves_no_place() -> None:
    text = "\ud83dé bob@example.com"
    assert [text[each.start : each.end] for each in SCANNER.scan(text)] == ["bob@example.com"]


def test_a_scanner_of_nothing_finds_nothing() -> None:
    assert Scanner([]).scan("bob@example.com") == ()
    assert Scanner([]).hits_all(["bob@example.com"]) == {}


def test_only_what_was_asked_for_is_found() -> None:
    text = "bob@example.com, +1 415 555 2671, AKIAABCDEFGHIJKLMNOP"
    for asked, value in (("pii.email", "bob@example.com"), ("secrets", "AKIAABCDEFGHIJKLMNOP")):
        found = Scanner(choose(PACK, [asked])).scan(text)
        assert [text[each.start : each.end] for each in found] == [value]


def test_of_overlapping_findings_a_secret_stands_then_the_longest_then_the_first() -> None:
    secret, *_, personal = PACK
    other = PACK[1]
    assert resolve([Finding(0, 9, personal), Finding(4, 6, secret)]) == (Finding(4, 6, secret),)
    assert resolve([Finding(0, 4, secret), Finding(2, 9, other)]) == (Finding(2, 9, other),)
    assert resolve([Finding(0, 4, other), Finding(0, 4, secret)]) == (Finding(0, 4, other),)
    assert resolve([Finding(5, 6, secret), Finding(0, 4, other)]) == (Finding(0, 4, other), Finding(5, 6, secret))


def test_a_rule_about_some_detectors_sees_what_others_cover() -> None:
    text = "postgres://app:s3cr3t-Pw@db.example.com/x"
    assert {hit.detector.name for hit in SCANNER.hits(text)} >= {"connection-string"}


@pytest.mark.parametrize(
    "text", ["(a+)+$" * 50, "a" * 20_000, "@" * 20_000, "1 " * 9_000, "-----BEGIN PRIVATE KEY-----" * 400]
)
def test_hard_texts_end(text: str) -> None:
    assert SCANNER.scan(text) == ()


def test_no_finding_shows_what_stands_there() -> None:
    (found,) = SCANNER.scan("write to bob@example.com")
    assert "bob" not in repr(found)


@pytest.mark.parametrize("between", [",", "\n", " | ", "\t", ";", "/ "])
@pytest.mark.parametrize("value", ["4111-1111-1111-1111", "+49 30 1234567", "AKIAABCDEFGHIJKLMNOP", "bob@example.com"])
def test_values_in_a_list_are_all_found(value: str, between: str) -> None:
    text = between.join([value] * 4)
    assert [text[each.start : each.end] for each in SCANNER.scan(text)] == [value] * 4
