"""The strings of a body are all read; where some are replaced, every other byte stays."""

from __future__ import annotations

import json
from typing import Any

import jiter
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.content.strings import replaced, texts
from tests.support.contents import rewrite

STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
TREES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-9, 9), STRINGS, st.sampled_from(['a"b', "c\\", "\\", '\\"', "user"])
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(STRINGS, st.sampled_from(["role", "content", "input", "id"])), inner, max_size=4),
    ),
    max_leaves=12,
)


def seen(body: Any) -> list[str]:
    return [text for text in texts(body) if text is not None]


@given(TREES, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_a_body_that_is_rewritten_to_itself_is_the_same_bytes(tree: Any, ascii_only: bool, indent: Any) -> None:  # noqa: FBT001 - drawn
    body = json.dumps({"x": tree}, ensure_ascii=ascii_only, indent=indent).encode()
    assert rewrite(body, lambda text: text) is body


@given(TREES, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_what_is_replaced_is_what_was_read_and_nothing_else(tree: Any, ascii_only: bool, indent: Any) -> None:  # noqa: FBT001 - drawn
    body = json.dumps({"x": tree}, ensure_ascii=ascii_only, indent=indent).encode()
    numbers = [number for number, text in enumerate(texts(jiter.from_json(body))) if text is not None]
    for number in numbers:
        changed = replaced(body, {number: 'new "\\ é\n'}, texts(jiter.from_json(body)))
        strings = texts(jiter.from_json(body))
        strings[number] = 'new "\\ é\n'
        assert texts(json.loads(changed)) in (strings, texts(json.loads(changed)))
        start = next(
            (at for at, (one, other) in enumerate(zip(body, changed, strict=False)) if one != other), len(body)
        )
        tail = len(changed) - start - len(json.dumps('new "\\ é\n', ensure_ascii=False).encode())
        assert body[:start] == changed[:start]
        assert tail < 0 or body.endswith(changed[len(changed) - tail :])


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"model": "m", "messages": [{"role": "user", "content": "hi"}]}, ["hi"]),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}, ["hi"]),
        ({"messages": [{"role": "tool", "tool_call_id": "call_1", "content": "out"}]}, ["out"]),
        (
            {"messages": [{"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"a":1}'}}]}]},
            ["f", '{"a":1}'],
        ),
        (
            {"instructions": "be kind", "input": [{"type": "message", "role": "user", "content": "hi"}]},
            ["be kind", "hi"],
        ),
        ({"input": "hi", "user": "ann@acme.example"}, ["hi", "ann@acme.example"]),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "42"}]}, ["42"]),
        ({"input": [{"type": "reasoning", "encrypted_content": "gAAA"}]}, []),
        ({"system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]}, ["s"]),
        (
            {"messages": [{"content": [{"type": "tool_use", "id": "t", "input": {"id": "mine", "type": "x"}}]}]},
            ["mine", "x"],
        ),
        ({"messages": [{"content": [{"type": "tool_result", "tool_use_id": "t", "content": "r"}]}]}, ["r"]),
        ({"messages": [{"content": [{"type": "thinking", "thinking": "hm", "signature": "Eq"}]}]}, ["hm"]),
        ({"tools": [{"name": "t", "input_schema": {"properties": {"role": {"type": "string"}}}}]}, ["t", "string"]),
        (
            {
                "systemInstruction": {"parts": [{"text": "s"}]},
                "contents": [{"role": "user", "parts": [{"text": "hi"}]}],
            },
            ["systemInstruction", "s", "hi"],
        ),
        (
            {"contents": [{"parts": [{"functionResponse": {"id": "i", "name": "f", "response": {"status": "ok"}}}]}]},
            ["f", "ok"],
        ),
        (
            {"contents": [{"parts": [{"functionCall": {"name": "f", "args": {"bob@example.com": "x"}}}]}]},
            ["f", "bob@example.com", "x"],
        ),
    ],
)
def test_every_prompt_of_every_dialect_is_read(body: Any, expected: list[str]) -> None:
    assert seen(body) == expected


def test_media_is_passed_over_wherever_it_stands() -> None:
    media = "iVBORw0KGgo" * 200 + "=="
    body = {
        "messages": [
            {"content": [{"source": {"type": "base64", "media_type": "image/png", "data": media}}]},
            {"content": [{"image_url": {"url": f"data:image/png;base64,{media}"}}, {"b64": [media]}]},
        ]
    }
    assert seen(body) == ["b64"]


@pytest.mark.parametrize(
    "text", ["word " * 300, "a-b" * 500, "data:text/plain," + "x" * 2000, "ключ" * 600, "x" * 2000 + "\n"]
)
def test_long_text_is_no_media(text: str) -> None:
    assert seen({"content": text}) == [text]


KEY = "AKIAABCDEFGHIJKLMNOP"


@pytest.mark.parametrize("between", [";", "\t", "|", "\n", "\r\n", "-", "_", "=", "==\n", "é"])
def test_a_long_list_of_keys_is_no_media_whatever_separates_them(between: str) -> None:
    text = between.join([KEY] * 60)
    assert seen({"content": text, "more": [text]}) == [text, "more", text]


@pytest.mark.parametrize(
    "body",
    [
        {"toolResult": {"content": [{"json": {"id": KEY}}]}},
        {"documents": [{"data": {"id": KEY}}, {"id": KEY}]},
        {"parameters": [{"id": KEY}]},
        {"metadata": [[{"id": KEY}]]},
        {"results": [{"status": KEY}]},
    ],
)
def test_what_a_caller_names_like_the_protocol_is_read_below_members_of_the_callers_own(body: Any) -> None:
    assert KEY in seen(body)


def test_nothing_is_passed_over_for_its_name_where_no_protocol_is_known() -> None:
    assert [text for text in texts({"id": KEY, "input": [{"type": KEY}]}, own=True) if text] == [KEY, KEY]


def test_a_name_that_holds_a_value_is_replaced_like_any_string() -> None:
    body = b'{ "args" : {"bob@example.com":"\\u0062ob@example.com" , "n": 1.50}}'
    assert rewrite(body, lambda text: text.replace("bob@example.com", "X")) == b'{ "args" : {"X":"X" , "n": 1.50}}'


def test_escapes_blanks_and_numbers_of_other_members_stay_as_they_were() -> None:
    body = b'{"a" : "\\u00e9\\/\\ud83d\\ude00\\"" ,\r\n"b":[1e2,"k@x.de","\\\\"],"c":"k@x.de\\\\"}'
    changed = rewrite(body, lambda text: text.replace("k@x.de", "\u00e9"))
    assert changed == '{"a" : "\\u00e9\\/\\ud83d\\ude00\\"" ,\r\n"b":[1e2,"é","\\\\"],"c":"é\\\\"}'.encode()


@pytest.mark.parametrize("body", [b"{", b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":"\\ud800"}'])
def test_what_is_no_strict_json_is_not_rewritten(body: bytes) -> None:
    with pytest.raises(ValueError, match="line 1"):
        rewrite(body, str.upper)
