"""The stand-in counts by one rule and says the same thing to the same request."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.upstream.demo.words import MODELS, ceiling_of, name_for, speech, tokens_in, tokens_of


@given(size=st.integers(0, 10**9), ceiling=st.none() | st.integers(-5, 500), model=st.sampled_from(MODELS))
def test_an_answer_never_exceeds_its_ceiling_and_is_the_sum_of_its_pieces(
    size: int, ceiling: int | None, model: str
) -> None:
    said, full = speech(model, size, ceiling), speech(model, size, None)
    assert full.text.startswith(said.text)
    assert said.tokens == tokens_of(said.text)
    assert said.cut == (said.text != full.text)
    assert ceiling is None or said.tokens <= max(ceiling, 0)


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("four", 1), ("fives", 2), ("äöü", 2), ("\ud800", 1)])
def test_a_token_is_four_bytes_of_utf_8(text: str, tokens: int) -> None:
    assert tokens_of(text) == tokens


def test_every_text_of_a_request_counts_and_labels_do_not() -> None:
    body = {
        "messages": [{"role": "user", "content": [{"type": "text", "text": "four"}, {"type": "x", "text": "4444"}]}]
    }
    assert tokens_in(body, ("messages", "system")) == 2


def test_the_first_ceiling_that_is_a_number_counts() -> None:
    assert ceiling_of(None, True, "9", 7, 8) == 7
    assert ceiling_of(None) is None


def test_equal_requests_have_equal_ids() -> None:
    assert name_for("a-", {"x": 1, "y": 2}) == name_for("a-", {"y": 2, "x": 1}) != name_for("a-", {"x": 2})
