"""Texts are cut where a reader would let them be cut."""

from __future__ import annotations

import regex  # type: ignore[import-untyped] # it ships no types
from hypothesis import given
from hypothesis import strategies as st

from proxy.dedup.replay.pieces import SIZE, pieces

CLUSTERS = (
    *(
        "e\u0301",
        "🇩🇪",
        "👩‍👩‍👧‍👦",
        "👍🏽",
        "☂️",
        "\r\n",
        "क्षि",
        "ราำ",
        "\u1112\u1161\u11ab",
        "각",
        "한\u11a8",
        "ﾊﾞ",
        "✊🏿",
        "\U0001f3f4\U000e0067\U000e0062\U000e007f",
    ),
    *("a", " ", "\n", "word ", "1", "漢", "ß", "\u200b", "\u0600\u0661"),
)


@given(st.lists(st.sampled_from(CLUSTERS), max_size=300).map("".join) | st.text(max_size=300))
def test_pieces_join_to_the_text_and_none_is_cut_within_a_character_as_read(text: str) -> None:
    cut = list(pieces(text))
    assert "".join(cut) == text
    assert all(cut)
    boundaries = {match.end() for match in regex.finditer(r"\X", text)}
    at = 0
    for piece in cut:
        at += len(piece)
        assert at in boundaries


def test_prose_is_cut_before_its_spaces_into_several_pieces() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 20
    cut = list(pieces(text))
    assert 8 < len(cut) <= len(text) / SIZE
    assert all(piece.startswith(" ") for piece in cut[1:])


def test_a_long_run_without_a_place_to_cut_stays_together() -> None:
    text = "a" + "\u0301" * 50_000
    assert list(pieces(text)) == [text]
