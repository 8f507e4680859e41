"""Which requests are plainly one question; all others are compared byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dedup.envelope import reduced
from proxy.dedup.requests.base import Manner, Turns
from tests.support.sent import APIS, QUESTION, SYSTEM, a_body, a_request, the_key

CHAT, RESPONSES, MESSAGES, GEMINI = "openai.chat", "openai.responses", "anthropic.messages", "gemini.generate"
USER = {"role": "user", "content": QUESTION}
PART = {"text": QUESTION}


def turns(api: str, **members: Any) -> Turns:
    """How the usual request with these members is read."""
    return reduced(a_request(api, a_body(api) | members)).turns


@pytest.mark.parametrize("api", APIS)
def test_instructions_and_a_question_are_found(api: str) -> None:
    found = turns(api)
    assert found.manner is Manner.NEAR
    assert [place.text for place in found.instructions] == [SYSTEM]
    assert found.question is not None
    assert found.question.text == QUESTION


@pytest.mark.parametrize(
    ("api", "members"),
    [
        (CHAT, {"messages": [USER, {"role": "assistant", "content": "The Po."}, USER]}),
        (CHAT, {"messages": [{"role": "assistant", "content": "Well?"}, USER]}),
        (CHAT, {"messages": [USER, USER]}),
        (CHAT, {"messages": [USER, {"role": "system", "content": SYSTEM}]}),
        (CHAT, {"messages": [USER, {"role": "assistant", "content": "The"}]}),
        (CHAT, {"messages": [USER | {"name": "ann"}]}),
        (CHAT, {"messages": [USER | {"prefix": True}]}),
        (CHAT, {"messages": [{"role": "tool", "content": "7"}, USER]}),
        (
            CHAT,
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]},
        ),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": 7}]}]}),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "x": 1}]}]}),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]}]}),
        (CHAT, {"messages": [{"role": "user"}]}),
        (CHAT, {"messages": []}),
        (CHAT, {"messages": [None]}),
        (CHAT, {"echo": True}),
        (RESPONSES, {"input": [USER, USER]}),
        (RESPONSES, {"input": [USER | {"status": "completed"}]}),
        (RESPONSES, {"input": [{"type": "reasoning", "summary": []}, USER]}),
        (RESPONSES, {"input": []}),
        (RESPONSES, {"instructions": [USER]}),
        (MESSAGES, {"messages": [USER, {"role": "assistant", "content": "The"}]}),
        (MESSAGES, {"messages": [{"role": "assistant", "content": QUESTION}]}),
        (MESSAGES, {"messages": [USER | {"x": 1}]}),
        (MESSAGES, {"system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
        (GEMINI, {"contents": [{"parts": [PART]}, {"role": "model", "parts": [PART]}]}),
        (GEMINI, {"contents": [{"role": "model", "parts": [PART]}]}),
        (GEMINI, {"contents": [{"parts": [PART, PART]}]}),
        (GEMINI, {"contents": [{"parts": [PART | {"thought": True}]}]}),
        (GEMINI, {"contents": {"parts": [PART]}}),
        (GEMINI, {"systemInstruction": {"parts": [PART, PART]}}),
        (GEMINI, {"systemInstruction": SYSTEM}),
    ],
)
def test_more_than_one_question_is_compared_byte_for_byte(api: str, members: dict[str, Any]) -> None:
    found = turns(api, **members)
    assert found.manner is Manner.EXACT
    assert found.question is None
    assert found.why


@pytest.mark.parametrize(
    ("api", "members"),
    [
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]}),
        (CHAT, {"messages": [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}, USER]}),
        (RESPONSES, {"input": [USER]}),
        (RESPONSES, {"input": [{"type": "message", "role": "developer", "content": "a"}, USER], "instructions": None}),
        (RESPONSES, {"input": [{"role": "user", "content": [{"type": "input_text", "text": QUESTION}]}]}),
        (MESSAGES, {"messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]}),
        (MESSAGES, {"system": None}),
        (GEMINI, {"contents": [{"parts": [PART]}], "system_instruction": {"role": "system", "parts": [{"text": "a"}]}}),
    ],
)
def test_one_question_is_found_in_every_form_of_it(api: str, members: dict[str, Any]) -> None:
    found = turns(api, **members)
    assert found.manner is Manner.NEAR
    assert found.question is not None
    assert found.question.text == QUESTION


@pytest.mark.parametrize(
    ("api", "members"),
    [
        (CHAT, {"tools": [{"type": "function"}]}),
        (CHAT, {"functions": [{"name": "f"}]}),
        (RESPONSES, {"tools": [{"type": "function"}]}),
        (MESSAGES, {"tools": [{"name": "f"}]}),
        (GEMINI, {"tools": [{"functionDeclarations": []}]}),
    ],
)
def test_beside_tools_a_question_is_not_rewritten(api: str, members: dict[str, Any]) -> None:
    assert turns(api, **members).manner is Manner.EDGES


def test_a_string_and_a_single_text_part_are_the_same() -> None:
    for api, kind in ((CHAT, "text"), (MESSAGES, "text")):
        parts = a_body(api)
        parts["messages"][-1]["content"] = [{"type": kind, "text": QUESTION}]
        assert the_key(api, parts) == the_key(api, a_body(api))
        assert the_key(api, parts, mode="exact") != the_key(api, a_body(api), mode="exact")


@pytest.mark.parametrize("role", ["system", "developer", "assistant", "tool"])
def test_a_role_is_in_the_key(role: str) -> None:
    messages = [{"role": "system", "content": SYSTEM}, {"role": role, "content": QUESTION}]
    assert the_key(CHAT, a_body(CHAT, messages=messages)) != the_key(CHAT, a_body(CHAT))


def test_texts_do_not_move_between_messages() -> None:
    keys = {
        the_key(CHAT, a_body(CHAT, messages=[{"role": "user", "content": text} for text in texts]))
        for texts in (["ab"], ["a", "b"], ["", "ab"], ["ab", ""])
    }
    assert len(keys) == 4
