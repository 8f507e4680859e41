"""What the cache leaves alone, and why."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dedup.eligible import ineligible
from proxy.dedup.envelope import Sent
from proxy.dedup.requests.base import Bypass
from tests.support.sent import APIS, TARGETS, a_body, a_request, the_terms

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
MEMBERS = st.sampled_from(
    """messages input contents system instructions systemInstruction tools content parts role type text model temperature
    generationConfig candidateCount n modalities include source image_url inlineData mimeType data output""".split()  # noqa: SIM905 - a table
)
LIKELY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["text", "user", "image", "message", "tool_result"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=20,
)


def heated(api: str, temperature: Any) -> Sent:
    """A request that asks for a temperature."""
    if api != "gemini.generate":
        return a_request(api, a_body(api, temperature=temperature))
    return a_request(api, a_body(api, generationConfig={"temperature": temperature}))


@pytest.mark.parametrize("api", APIS)
def test_one_question_with_instructions_may_be_stored(api: str) -> None:
    assert ineligible(a_request(api), the_terms()) == ""


@pytest.mark.parametrize("api", APIS)
def test_a_rule_that_says_off_means_it(api: str) -> None:
    assert ineligible(a_request(api), the_terms(mode="off")) == "off"


@pytest.mark.parametrize(
    ("api", "target"),
    [
        ("openai.embeddings", "/embeddings"),
        ("gemini.interactions", "/v1beta/interactions"),
        ("openai.chat", "/completions"),
        ("openai.chat", "/openai/deployments/m/completions?api-version=1"),
        ("openai.responses", "/responses/compact"),
        ("anthropic.messages", "/v1/messages/count_tokens"),
        ("anthropic.messages", "/publishers/anthropic/models/count-tokens:rawPredict"),
        ("gemini.generate", "/v1beta/models/g:countTokens"),
        ("", ""),
    ],
)
def test_operations_that_cannot_be_replayed_are_left_alone(api: str, target: str) -> None:
    assert ineligible(Sent(api, target, (), a_body("openai.chat")), the_terms()) == "dialect"


@pytest.mark.parametrize(
    ("api", "target"),
    [
        ("openai.chat", "/openai/deployments/m/chat/completions?api-version=1"),
        ("gemini.generate", "/v1beta/models/g:streamGenerateContent?alt=sse"),
        ("gemini.generate", "/publishers/google/models/g:generateContent"),
        ("anthropic.messages", "/publishers/anthropic/models/c:streamRawPredict"),
    ],
)
def test_other_paths_to_the_same_operations_are_served(api: str, target: str) -> None:
    assert ineligible(a_request(api, target=target), the_terms()) == ""


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("temperature", "most", "reason"),
    [
        (0, None, ""),
        (0.0, None, ""),
        (-0.0, None, ""),
        (0.01, None, "temperature"),
        (1, None, "temperature"),
        (None, None, ""),
        (0.3, 0.3, ""),
        (0.31, 0.3, "temperature"),
        (None, 0.3, "temperature"),
        (None, 0.0, "temperature"),
        (None, 1.0, ""),
        (True, 1.0, "temperature"),
        ("0", 1.0, "temperature"),
        (float("nan"), 1.0, "temperature"),
        (float("inf"), 2.0, "temperature"),
    ],
)
def test_only_answers_that_hardly_vary_are_stored(api: str, temperature: Any, most: float | None, reason: str) -> None:
    assert ineligible(heated(api, temperature), the_terms(max_temperature=most)) == reason


@pytest.mark.parametrize("api", APIS)
def test_prompts_that_speak_of_now_are_stored_only_where_the_rule_says_so(api: str) -> None:
    sent = a_request(api, a_body(api, "What is the weather in Rome today?"))
    assert ineligible(sent, the_terms()) == "time-sensitive"
    assert ineligible(sent, the_terms(time_sensitive=True)) == ""


@pytest.mark.parametrize("api", APIS)
def test_so_much_text_is_not_looked_through(api: str) -> None:
    assert ineligible(a_request(api, a_body(api, "word " * 6553)), the_terms()) == ""
    sent = a_request(api, a_body(api, "word " * 6554))
    assert ineligible(sent, the_terms()) == "time-sensitive"
    assert ineligible(sent, the_terms(time_sensitive=True)) == ""


def test_the_turns_of_a_user_are_as_long_as_all_of_them() -> None:
    turns = [{"role": "user", "content": "word " * 4000}, {"role": "assistant", "content": "word " * 9000}]
    sent = a_request("openai.chat", {"messages": turns})
    assert ineligible(sent, the_terms()) == ""
    sent = a_request("openai.chat", {"messages": [*turns, *turns]})
    assert ineligible(sent, the_terms()) == "time-sensitive"


@pytest.mark.parametrize("api", APIS)
def test_instructions_may_speak_of_now(api: str) -> None:
    assert ineligible(a_request(api, a_body(api, system="Today is Monday.")), the_terms()) == ""


@pytest.mark.parametrize(
    ("api", "body"),
    [
        (
            "openai.chat",
            {"messages": [{"role": "user", "content": "the weather"}, {"role": "user", "content": "Rome"}]},
        ),
        (
            "openai.responses",
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "the weather"}]}]},
        ),
        (
            "anthropic.messages",
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "the weather"}]}]},
        ),
        ("gemini.generate", {"contents": {"parts": {"text": "the weather"}}}),
    ],
)
def test_every_turn_of_a_user_is_asked_whether_it_speaks_of_now(api: str, body: dict[str, Any]) -> None:
    assert ineligible(a_request(api, body), the_terms()) == "time-sensitive"


@pytest.mark.parametrize("api", APIS)
@given(body=st.dictionaries(MEMBERS, JSON | LIKELY, max_size=6))
def test_a_body_of_any_shape_gets_an_answer(api: str, body: dict[str, Any]) -> None:
    sent = Sent(api, TARGETS[api], (), body)
    assert ineligible(sent, the_terms()) in {"", *Bypass}
