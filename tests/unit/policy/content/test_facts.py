"""What is told about a regex before it runs is true of everything it matches."""

from __future__ import annotations

from random import Random

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.content import facts, regex_tree
from proxy.policy.content.pack import PACK
from tests.unit.policy.content.matching import sample

REGEXES = sorted({detector.regex for detector in PACK})


@pytest.mark.parametrize(
    ("regex", "hint"),
    [
        (r"\bacme_[a-z]{3}_[A-Za-z0-9]{32}\b", "acme_"),
        (r"\bE\d{7}\b", "E"),
        ("(?:red|reed)x", "re"),
        ("a(?:bc)+d", "bc"),
        (r"a\.b", "a.b"),
        (r"\Qa.b\E", "a.b"),
        ("(?i)Key_", "key_"),
        ("(?P<n>foo)bar", "foobar"),
    ],
)
def test_a_text_that_every_match_holds_is_needed(regex: str, hint: str) -> None:
    assert facts.needs(regex_tree.parse(regex), hint)


@pytest.mark.parametrize(
    ("regex", "hint"),
    [
        ("foo|bar", "foo"),
        ("(?:foo)?bar", "foo"),
        ("(?:foo){0,3}bar", "foo"),
        ("[f]oo", "foo"),
        ("fo{2}", "foo"),
        ("foo", "bar"),
        ("fo+", "foo"),
        ("a*b", "ab"),
        ("(?i)foo", "FOO"),
    ],
)
def test_a_text_that_some_match_may_lack_is_not_needed(regex: str, hint: str) -> None:
    assert not facts.needs(regex_tree.parse(regex), hint)


@pytest.mark.parametrize("regex", REGEXES)
def test_a_regex_of_the_pack_matches_the_same_when_it_is_written_again(regex: str) -> None:
    tree, rnd = regex_tree.parse(regex), Random(1)
    again = re2.compile(facts.source(tree))
    for text in (sample(tree, rnd) for _ in range(20)):
        assert re2.fullmatch(regex, text) is not None
        assert again.fullmatch(text) is not None
        assert len(text) >= facts.shortest(tree)


@pytest.mark.parametrize("regex", REGEXES)
def test_every_beginning_of_a_match_is_known_as_one(regex: str) -> None:
    tree, rnd = regex_tree.parse(regex), Random(2)
    begun = re2.compile(facts.beginnings(tree) + r"\z")
    for text in (sample(tree, rnd) for _ in range(5)):
        for size in range(1, len(text) + 1):
            found = begun.search(text[:size])
            assert found is not None
            assert found.start() == 0


ATOMS = st.sampled_from(["a", "b", "ab", "[ab]", r"\d", "(?:a|bc)", "(a)", "(?i:b)", r"\.", "(?:x{2,3})", r"\x61", "."])
COUNTED = st.builds("{}{}".format, ATOMS, st.sampled_from(["", "", "*", "+?", "?", "{2}", "{1,}", "{0,2}"]))
ROWS = st.lists(COUNTED, min_size=1, max_size=4).map("".join)


@given(st.lists(ROWS, min_size=1, max_size=3).map("|".join), st.integers())
def test_any_regex_matches_what_its_tree_says(regex: str, seed: int) -> None:
    tree = regex_tree.parse(regex)
    text = sample(tree, Random(seed))
    assert re2.fullmatch(regex, text) is not None
    assert re2.fullmatch(facts.source(tree), text) is not None
    assert len(text) >= facts.shortest(tree)
    assert facts.longest_literal(tree).lower() in text.lower()
    begun = re2.compile(rf"(?:{facts.beginnings(tree)})\z")
    for size in range(len(text) + 1):
        assert begun.fullmatch(text[:size]) is not None


@given(st.lists(ROWS, min_size=1, max_size=2).map("|".join), st.text("abxc", min_size=1, max_size=3), st.integers())
def test_a_needed_text_is_never_missing(regex: str, hint: str, seed: int) -> None:
    tree = regex_tree.parse(regex)
    if facts.needs(tree, hint):
        assert hint.lower() in sample(tree, Random(seed)).lower()


@pytest.mark.parametrize("regex", ["(a", "a)", "[a"])
def test_what_is_not_closed_is_refused(regex: str) -> None:
    with pytest.raises(ValueError, match=r"\(|\)|read"):
        regex_tree.parse(regex)
