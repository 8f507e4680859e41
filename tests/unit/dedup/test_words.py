"""Words of a text, as every step sees them."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from proxy.dedup.words import quoted, words_in, words_of


@given(st.text(st.sampled_from("abz AZ'-7_.\t\n\x1f\x85éß\u017f\u0130\u212a\u2019\ud800") | st.characters()))
def test_words_are_the_runs_of_a_to_z_and_nothing_else_parts_or_joins_them(text: str) -> None:
    lowered = text.lower()
    assert words_in(lowered) == re.findall("[a-z]+", lowered)
    assert words_of(text) == frozenset(words_in(lowered))


def test_words_are_named_in_one_order() -> None:
    assert quoted(frozenset(("letter", "comma"))) == '"comma", "letter"'
    assert quoted(()) == ""
