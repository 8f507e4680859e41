"""What people are told about two requests: the first difference by its path, and where their texts part."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dedup.comparing import Asked, Comparison, Difference, compare
from proxy.dedup.envelope import Sent
from proxy.dedup.requests.base import Manner
from tests.support.sent import APIS, QUESTION, SYSTEM, a_body, a_request, the_keys, the_terms

TOOLS = [{"type": "function", "function": {"name": "f"}}]


def compared(one: Sent, other: Sent, *, scopes: tuple[str, str] = ("t", "t"), **terms: Any) -> Comparison:
    return compare(Asked(scopes[0], one), Asked(scopes[1], other), the_terms(**terms))


def chat(question: str = QUESTION, **members: Any) -> Sent:
    return a_request("openai.chat", a_body("openai.chat", question, **members))


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("mode", ["near", "exact"])
def test_a_request_shares_its_own_key(api: str, mode: str) -> None:
    found = compared(a_request(api), a_request(api), mode=mode)
    assert found.is_shared
    assert found.differences == ()


@pytest.mark.parametrize("api", APIS)
def test_questions_that_mean_the_same_share_a_key_and_the_steps_show_how(api: str) -> None:
    found = compared(a_request(api), a_request(api, a_body(api, f"  {QUESTION}\n")))
    assert found.is_shared
    question = found.texts[-1]
    assert question.is_equal
    assert question.a.steps[-1].text == question.b.steps[-1].text == question.a.text


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (chat(temperature=0), Difference("body.temperature", None, "0")),
        (chat(model="gpt-5.1-mini"), Difference("body.model", '"gpt-5.1"', '"gpt-5.1-mini"')),
        (
            chat()._replace(target="/v1/chat/completions"),
            Difference("target", '"/chat/completions"', '"/v1/chat/completions"'),
        ),
        (chat()._replace(headers=[(b"anthropic-beta", b"x")]), Difference("headers.anthropic-beta", None, '["x"]')),
        (
            chat(messages=[{"role": "developer", "content": SYSTEM}, {"role": "user", "content": QUESTION}]),
            Difference("body.messages[0].role", '"system"', '"developer"'),
        ),
        (
            chat(messages=[{"role": "system", "content": SYSTEM}]),
            Difference("body.messages[1]", f'{{"content": "{QUESTION}", "role": "user"}}', None),
        ),
    ],
)
def test_the_first_difference_is_told_by_its_path(other: Sent, difference: Difference) -> None:
    found = compared(chat(), other)
    assert not found.is_shared
    assert found.differences[0] == difference


def test_tenants_are_told_first() -> None:
    found = compared(chat(), chat(seed=1), scopes=("a", "b"))
    assert [one.path for one in found.differences] == ["scope", "body.seed"]


def test_texts_that_part_are_told_with_their_forms() -> None:
    found = compared(chat(), chat(QUESTION.replace("Italy", "Spain")))
    assert not found.is_shared
    (only,) = found.differences
    assert only.path == "body.messages[1].content"
    assert [pair.is_equal for pair in found.texts] == [True, False]


def test_two_manners_are_told_with_their_reason() -> None:
    found = compared(chat(), chat(messages=[{"role": "user", "content": QUESTION}] * 2))
    assert (found.a.turns.manner, found.b.turns.manner) == (Manner.NEAR, Manner.EXACT)
    assert found.b.turns.why
    assert found.texts == ()
    assert found.differences[0].path == "body.messages[0].content" or found.differences[0].path.startswith(
        "body.messages"
    )


def test_beside_tools_the_reason_is_told_with_the_text() -> None:
    found = compared(chat(tools=TOOLS), chat(f"{QUESTION}\n", tools=TOOLS))
    assert found.is_shared
    assert "tools" in found.texts[-1].a.steps[-1].why


def test_a_schema_in_another_order_is_told() -> None:
    formats = [
        {"type": "json_schema", "json_schema": {"schema": schema}} for schema in ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    ]
    one, other = (chat(response_format=shape) for shape in formats)
    found = compared(one, other)
    assert [one.path for one in found.differences] == ["body.response_format.json_schema.schema"]


def test_what_the_cache_leaves_alone_shares_nothing() -> None:
    found = compared(chat(n=2), chat(n=2))
    assert not found.is_shared
    assert found.differences == ()
    assert (found.a.bypass, found.b.bypass) == ("choices", "choices")


@pytest.mark.parametrize("mode", ["near", "exact"])
@pytest.mark.parametrize("api", APIS)
def test_a_comparison_and_the_keys_say_the_same(api: str, mode: str) -> None:
    bodies = [
        a_body(api),
        a_body(api, f"{QUESTION} "),
        a_body(api, QUESTION.lower()),
        a_body(api, system=f"{SYSTEM} "),
        a_body(api, tools=[]),
        a_body(api, x_knob=None),
    ]
    sents = [a_request(api, body) for body in bodies]
    for one in sents:
        for other in sents:
            equal = the_keys(one, mode).digest == the_keys(other, mode).digest
            found = compared(one, other, mode=mode)
            assert found.is_shared == equal == (found.differences == ())
