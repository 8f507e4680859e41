"""What two answers must have in common is found wherever it stands, in the order in which it is said."""

from __future__ import annotations

import pytest

from proxy.dedup.verbatim_parts import bare, code, figures, names, prose, signs, verdicts, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It took **3** days, -7 °C and (1,000.50) €.", ("3", "-7", "1,000.50")),
        ("1. two pears\n2) a dozen", ("2", "dozen")),
        ("v2.1 by 2026-11-23T10:00", ("v2.1", "2026-11-23T10:00")),
        ("x² and 共有3个", ("x²", "3")),
        ("no figure at all", ()),
    ],
)
def test_figures(text: str, found: tuple[str, ...]) -> None:
    assert figures(text) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Yes, it works.", ("yes",)),
        ("I looked.\n\n**Answer:** No", ("no",)),
        ("The claim is false.", ("false",)),
        ("The answer is B.", ("B",)),
        ("A) first", ("A",)),
        ("A dog and I know no more.", ()),
    ],
)
def test_verdicts(text: str, found: tuple[str, ...]) -> None:
    assert verdicts(text) == found


def test_code_is_told_from_prose() -> None:
    text = "Call `run` so:\n\n```py\nif a:\n    b  \n```\nor\n$ tool --now\nx = f(y)\nand that is all."
    assert code(text) == ["if a:", "    b", "$ tool --now", "x = f(y)", "run"]
    assert prose(text).endswith("and that is all.")
    assert "if a" not in prose(text)


def test_words_names_and_signs() -> None:
    assert words("Don\u2019t STOP, 7 猫犬!") == ["don't", "stop", "7", "猫", "犬"]
    assert names("He met Ann, Bob and Ann's cat in Paris. Then he left.") == {"Ann", "Bob", "Ann's", "Paris"}
    assert signs("a + b ≤ $5") == ("+", "≤", "$")
    assert bare("## Title\n> - one\n2. two") == "Title\none\ntwo"
