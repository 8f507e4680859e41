"""The blank around a verbatim text."""

from __future__ import annotations

import pytest

from proxy.dedup.blanks import edged
from proxy.dedup.words import words_of


@pytest.mark.parametrize(
    "text",
    ["Continue.", "carry on.", "Go on.", "Keep going!", "now complete it.", "finish it.", "What comes?", "what follows.",
     "and the next one.", "Fini\u017fh it.", "Cont\u0130nue it."],
)  # fmt: skip
def test_behind_a_sentence_that_asks_for_more_blanks_count(text: str) -> None:
    assert edged(f"{text}  ", words_of(text)) == f"{text}  "


@pytest.mark.parametrize("text", ["That was the end.", "He discontinued it.", "é is what he wrote."])
def test_behind_another_sentence_they_do_not(text: str) -> None:
    assert edged(f"{text}  ", words_of(text)) == text
