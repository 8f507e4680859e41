"""``cache_control`` is taken off where a format defines it, and is somebody's data everywhere else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.sent import APIS, QUESTION, SYSTEM, a_body, the_key

CHAT, MESSAGES = "openai.chat", "anthropic.messages"
MARKER: dict[str, Any] = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
TOOL: dict[str, Any] = {"name": "f", "input_schema": {"type": "object", "properties": {"q": {}}}}
RESULT: dict[str, Any] = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "7"}]}


def a_text(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **more}


@pytest.mark.parametrize(
    ("api", "marked", "bare"),
    [
        (CHAT, {"messages": [{"role": "system", "content": [a_text(SYSTEM, **MARKER)]}, {"role": "user", "content": "a"}]},
         {"messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "a"}]}),
        (MESSAGES, {"system": [a_text(SYSTEM, **MARKER)]}, {"system": SYSTEM}),
        (MESSAGES, {"system": [a_text(SYSTEM, **MARKER), a_text("b")]}, {"system": [a_text(SYSTEM), a_text("b")]}),
        (MESSAGES, {"messages": [{"role": "user", "content": [a_text(QUESTION, **MARKER)]}]}, {}),
        (MESSAGES, {"tools": [TOOL | MARKER]}, {"tools": [TOOL]}),
        (MESSAGES, MARKER, {}),
        (MESSAGES, {"system": [a_text(SYSTEM, cache_control=None)]}, {}),
        (MESSAGES, {"messages": [{"role": "user", "content": [RESULT | MARKER]}]}, {"messages": [{"role": "user", "content": [RESULT]}]}),
        (MESSAGES, {"messages": [{"role": "user", "content": [RESULT | {"content": [a_text("7", **MARKER)]}]}]},
         {"messages": [{"role": "user", "content": [RESULT]}]}),
    ],
)  # fmt: skip
def test_a_breakpoint_is_inert(api: str, marked: dict[str, Any], bare: dict[str, Any]) -> None:
    assert the_key(api, a_body(api) | marked) == the_key(api, a_body(api) | bare)


@pytest.mark.parametrize(
    ("api", "marked", "bare"),
    [
        (MESSAGES, {"tools": [TOOL | {"input_schema": {"properties": {"q": MARKER}}}]},
         {"tools": [TOOL | {"input_schema": {"properties": {"q": {}}}}]}),
        (MESSAGES, {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "input": MARKER}]}]},
         {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "input": {}}]}]}),
        (MESSAGES, {"messages": [{"role": "user", "content": "a", **MARKER}]}, {"messages": [{"role": "user", "content": "a"}]}),
        (MESSAGES, {"system": [a_text(SYSTEM, cache_control={"type": "forever"})]}, {"system": [a_text(SYSTEM)]}),
        (MESSAGES, {"system": [a_text(SYSTEM, cache_control="ephemeral")]}, {"system": [a_text(SYSTEM)]}),
        (MESSAGES, {"system": [a_text(SYSTEM, cache_control={"type": "ephemeral", "x": 1})]}, {"system": [a_text(SYSTEM)]}),
        (CHAT, {"messages": [{"role": "user", "content": "a", **MARKER}]}, {"messages": [{"role": "user", "content": "a"}]}),
        (CHAT, {"messages": [{"role": "user", "content": [{"type": "image_url", **MARKER}]}]},
         {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}),
    ],
)  # fmt: skip
def test_data_of_that_name_is_in_the_key(api: str, marked: dict[str, Any], bare: dict[str, Any]) -> None:
    assert the_key(api, a_body(api) | marked) != the_key(api, a_body(api) | bare)


@pytest.mark.parametrize("api", [api for api in APIS if api != MESSAGES])
def test_beside_everything_it_is_defined_by_anthropic_only(api: str) -> None:
    assert the_key(api, a_body(api) | MARKER) != the_key(api, a_body(api))
