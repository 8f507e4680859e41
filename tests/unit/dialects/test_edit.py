"""Edits of top-level members."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.edit import replace_members

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
NAMES = st.sampled_from(("model", "stream", "a", 'quo"te', "back\\slash", "ü", "", "{", ",", ":"))
BLANKS = st.sampled_from(("", " ", "\n\t", "\r\n  "))


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, dict[str, Any], dict[str, bytes]]:
    """An object with blanks anywhere, its members, and the bytes of each value."""
    members = draw(st.dictionaries(NAMES | st.text(), JSON, max_size=6))
    texts, values = [], {}
    for name, value in members.items():
        key = json.dumps(name, ensure_ascii=draw(st.booleans()))
        values[name] = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.none() | st.just(1))).encode()
        texts.append(f"{draw(BLANKS)}{key}{draw(BLANKS)}:{draw(BLANKS)}{values[name].decode()}{draw(BLANKS)}")
    body = f"{draw(BLANKS)}{{{','.join(texts) or draw(BLANKS)}}}{draw(BLANKS)}"
    return body.encode(), members, values


@given(bodies(), st.dictionaries(NAMES, JSON, max_size=3))
def test_edited_members_have_their_new_values_and_others_their_bytes(
    made: tuple[bytes, dict[str, Any], dict[str, bytes]], edits: dict[str, Any]
) -> None:
    body, members, values = made
    edited = replace_members(body, {name: msgspec.json.encode(value) for name, value in edits.items()})
    assert json.loads(edited) == members | edits
    assert list(json.loads(edited)) == list(members | edits)
    raw = msgspec.json.decode(edited, type=dict[str, msgspec.Raw])
    assert all(bytes(raw[name]) == value for name, value in values.items() if name not in edits)


@given(bodies())
def test_bytes_between_members_stay(made: tuple[bytes, dict[str, Any], dict[str, bytes]]) -> None:
    body, members, values = made
    if not members:
        return
    name = next(iter(members))
    there = replace_members(body, {name: b'"a value of our own"'})
    assert replace_members(there, {name: values[name]}) == body


@given(bodies())
def test_a_body_that_needs_no_edit_is_the_same_object(made: tuple[bytes, dict[str, Any], dict[str, bytes]]) -> None:
    body, _, values = made
    assert replace_members(body, values) is body
    assert replace_members(body, dict.fromkeys(("model", "stream"), lambda _: None)) is body
    assert replace_members(body, {}) is body


def test_a_function_sees_the_old_value_or_that_there_is_none() -> None:
    seen: list[bytes | None] = []

    def edit(old: bytes | None) -> bytes | None:
        seen.append(old)
        return None if old is None else b"[" + old + b"]"

    assert replace_members(b'{"a": 1 ,"b":2}', {"a": edit, "c": edit}) == b'{"a": [1] ,"b":2}'
    assert seen == [b"1", None]


def test_what_is_no_object_is_an_error() -> None:
    for body in (b"[]", b"", b'{"a":'):
        with pytest.raises(ValueError, match=r"."):
            replace_members(body, {"a": b"1"})
