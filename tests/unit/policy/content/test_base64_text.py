"""Media is passed over; text in base64 is read as what it says, and stays base64 where it is changed."""

from __future__ import annotations

import base64
import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.content.base64_text import read, written
from tests.support.contents import rewrite

MEDIA = Random(1).randbytes(3000)
KEY = "AKIAABCDEFGHIJKLMNOP"


@given(st.binary(min_size=768, max_size=1500))
def test_base64_is_media_in_every_spelling_of_encoders(data: bytes) -> None:
    assert read(base64.b64encode(data).decode()) is None
    assert read(base64.encodebytes(data).decode()) is None
    assert read("data:image/png;base64," + base64.b64encode(data).decode()) is None
    assert read(base64.urlsafe_b64encode(data).decode(), "image/png") is None


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.booleans())
def test_text_in_base64_is_read_and_written_as_what_it_says(text: str, of_urls: bool) -> None:  # noqa: FBT001 - drawn
    encode = base64.urlsafe_b64encode if of_urls else base64.b64encode
    head = "data:text/plain;charset=utf-8;base64,"
    source = head + encode(text.encode()).decode()
    found = read(source)
    assert found == text
    assert written(found, text) == source
    assert read(written(found, "new " + text)) == "new " + text


@pytest.mark.parametrize(
    "kind", ["text/plain", "TEXT/csv", "application/json", "application/x-ndjson; a=b", "image/svg+xml", ""]
)
def test_textual_types_are_read(kind: str) -> None:
    assert read(f"Data:{kind};Base64,{base64.b64encode(KEY.encode()).decode()}") == KEY


@pytest.mark.parametrize(
    "text",
    ["data:text/plain;base64,%%%", "data:text/plain,AKIA", "data:", "dog", "data:image/png;base64," + f"{KEY};" * 60],
)
def test_what_is_no_base64_is_read_as_it_stands(text: str) -> None:
    assert read(text) == text


def test_media_that_says_it_is_text_is_read_as_it_stands() -> None:
    source = base64.b64encode(b"\xff" + MEDIA).decode()
    assert read(source, "text/plain") == source


@pytest.mark.parametrize("member", ["media_type", "mimeType", "mime_type"])
def test_a_file_of_text_in_a_body_is_changed_in_its_base64(member: str) -> None:
    def body(text: str) -> bytes:
        return json.dumps({"source": {"data": base64.b64encode(text.encode()).decode(), member: "text/csv"}}).encode()

    assert rewrite(body(f"a,{KEY}"), lambda text: text.replace(KEY, "KEY-7KQ2MX")) == body("a,KEY-7KQ2MX")
