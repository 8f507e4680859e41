"""A body is read as what it is, and changed without touching anything else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.steps.body_texts import body_texts
from proxy.steps.upload_heard import _whole

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "text"]), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.lists(JSON, min_size=1, max_size=4), st.sampled_from(["\n", "\r\n", "\n\n"]))
def test_changed_texts_are_the_only_change_in_json_and_in_lines_of_it(values: list[object], end: str) -> None:
    body = end.join(json.dumps(value) for value in values).encode()
    found = body_texts(body)
    assert found is not None
    assert found.is_json
    changes = {number: f"<{text}>" for number, text in enumerate(found.texts) if text is not None}
    changed = found.changed(changes)
    again = body_texts(changed)
    assert again is not None
    assert [text for text in again.texts if text is not None] == list(changes.values())
    assert found.changed({}) is body


@pytest.mark.parametrize("body", [b"\xff\xfe", b"a\0b", b"\x1f\x8b\x08"])
def test_what_is_no_text_cannot_be_read(body: bytes) -> None:
    assert body_texts(body) is None


@pytest.mark.parametrize("body", [b"", b"plain, \xc3\xa9", b'{"a": 1', b'{"a": "x", "a": "y"}', b'{"a": 1}\nno'])
def test_what_is_no_json_is_one_text(body: bytes) -> None:
    found = body_texts(body)
    assert found is not None
    assert (found.texts, found.is_json) == ([body.decode()], False)
    assert found.changed({0: "né"}) == "né".encode()


@pytest.mark.parametrize(
    "body", [b'{"a": "x", "a": "y"}', b'\xef\xbb\xbf{"a": "x"}', b' \n["\\ud800"]', b'{"a": 1}\nno']
)
@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain"])
def test_a_prompt_that_begins_as_json_and_is_none_to_all_is_left_unread(body: bytes, content_type: str) -> None:
    assert _whole(body, content_type).unread


def test_a_prompt_that_says_it_is_json_and_is_none_is_left_unread() -> None:
    assert _whole(b'\xef\xbb\xbf"x"', "application/json").unread
    assert _whole(b"word", "application/x-ndjson; charset=utf-8").unread


@pytest.mark.parametrize("body", [b"", b"plain", b'{"id": "x"}', b'{"a": 1}\n{"a": 2}'])
def test_a_prompt_of_json_or_plain_text_is_read(body: bytes) -> None:
    heard = _whole(body, "application/json" if body.startswith(b"{") else "")
    assert not heard.unread
    assert heard.whole is not None


def test_below_no_protocol_every_member_is_a_callers_own() -> None:
    assert "x" in _whole(b'{"id": "x"}', "").texts
