"""Prompts of tests stay out of messages about policies, and everything else can be read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.problems import ConfigError
from proxy.config.prompts import without_prompts
from proxy.config.yaml_source import parse_source

SECRET = "hunter2"  # looks like any other word
WRITTEN = [
    f"request: {{ model: x, prompt: say {SECRET} now, stream: true }}",
    f"request: {{ model: x, prompt: 'say\n  {SECRET}' }}",
    f'"prompt": "one \\" {SECRET}\n{SECRET}"',
    f"- prompt: |\n    first\n\n    {SECRET}\n  stream: true",
    f"- prompt: >-\n      first\n    {SECRET}",
    f"prompt:\n  {SECRET}",
    f"prompt: plain, {SECRET}\n  {SECRET}",
    f"promt: {SECRET}",
    f'prompt: "never closed {SECRET}\nother: 1',
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_prompt_is_hidden_however_it_is_written(text: str) -> None:
    hidden = without_prompts(text)
    assert SECRET not in hidden
    assert [len(line) for line in hidden.splitlines()] == [len(line) for line in text.splitlines()]


@pytest.mark.parametrize("text", WRITTEN)
def test_no_mistake_on_any_line_of_a_policy_quotes_a_prompt(text: str) -> None:
    for broken in (text, f"{text}\n]", f"{text}\n[", f"other: x\n{text}"):
        assert SECRET not in told(broken)


def told(text: str) -> str:
    """Everything that a message about a policy may quote."""
    try:
        return "".join(parse_source(text.encode(), "f.yaml", credentials=False).lines)
    except ConfigError as error:
        return str(error)


def test_what_stands_beside_a_prompt_can_be_read() -> None:
    line = "request: { model: x, prompt: ab cd, stream: ture }"
    assert without_prompts(line) == "request: { model: x, prompt: ** **, stream: ture }"
    assert without_prompts("in: [prompt]\nthen: block") == "in: [prompt]\nthen: block"


@given(st.text("prompt:'\"{}[],|>-#\\ \n\rx", max_size=60))
def test_any_text_keeps_its_length_and_its_lines(text: str) -> None:
    hidden = without_prompts(text)
    assert len(hidden) == len(text)
    assert [at for at, char in enumerate(hidden) if char in "\r\n"] == [
        at for at, char in enumerate(text) if char in "\r\n"
    ]
