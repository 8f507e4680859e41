"""The text of an answer is what its model said to the caller, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dedup.answer_text import text_of

PARTS: list[tuple[str, dict[str, Any]]] = [
    ("openai.chat", {"choices": [{"message": {"content": "Hi", "reasoning_content": "hm"}}]}),
    (
        "openai.responses",
        {
            "output": [
                {"type": "reasoning", "summary": []},
                {"type": "message", "content": [{"type": "output_text", "text": "Hi"}]},
            ]
        },
    ),
    (
        "anthropic.messages",
        {
            "content": [
                {"type": "thinking", "thinking": "hm"},
                {"type": "text", "text": "H"},
                {"type": "text", "text": "i"},
            ]
        },
    ),
    ("gemini.generate", {"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}, {"text": "Hi"}]}}]}),
]
APIS = [api for api, _ in PARTS]


@pytest.mark.parametrize(("api", "answer"), PARTS, ids=APIS)
def test_thoughts_are_no_part_of_it(api: str, answer: dict[str, Any]) -> None:
    assert text_of(api, json.dumps(answer).encode()) == "Hi"


@pytest.mark.parametrize("api", [*APIS, "openai.speech"])
@given(
    answer=st.binary()
    | st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["choices", "message", "content", "output", "candidates", "parts", "text", "type"]),
                inner,
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_what_is_no_answer_has_no_text(api: str, answer: bytes) -> None:
    found = text_of(api, answer)
    assert found is None or found.strip()


def test_an_answer_that_says_nothing_has_no_text() -> None:
    assert text_of("openai.chat", b'{"choices":[{"message":{"content":" \\n"}}]}') is None
