"""An answer that is told as one body is the stored one under another id and time."""

from __future__ import annotations

import json

import pytest

from proxy.dedup.replay import retold
from tests.support.retelling import CREATED, NEW_ID, SAMPLES, Answer, chat, gemini, message, response, stored, told

CHANGED: dict[str, Answer] = {
    "chat": {"id": "chatcmpl-" + NEW_ID, "created": CREATED},
    "reasoned": {"id": "chatcmpl-" + NEW_ID, "created": CREATED},
    "azure": {"id": "chatcmpl-" + NEW_ID, "created": CREATED},
    "response": {"id": "resp_" + NEW_ID, "created_at": CREATED, "completed_at": CREATED},
    "message": {"id": "msg_" + NEW_ID},
    "gemini": {"responseId": NEW_ID},
}


@pytest.mark.parametrize("name", SAMPLES)
def test_only_id_and_time_change(name: str) -> None:
    api, make = SAMPLES[name]
    answer = make("Hello")
    assert json.loads(told(api, answer, stream=False).body) == answer | CHANGED[name]
    assert list(json.loads(told(api, answer, stream=False).body)) == list(answer)


def test_values_keep_their_bytes_whoever_wrote_them() -> None:
    body = stored(chat("Hello"))
    body = body.replace(b'"usage": {', b'"usage": {\r\n\t"cost": 0.10e-1, "odd": "\\u00e9\\/",').replace(
        b"Hello", b"H\\u0065llo"
    )
    told_again = retold("openai.chat", body, stream=False, usage_asked=False, new_id=NEW_ID, created=CREATED)
    assert told_again.content_type == b"application/json"
    for kept in (b'{\r\n\t"cost": 0.10e-1, "odd": "\\u00e9\\/",', b"H\\u0065llo"):
        assert kept in told_again.body


@pytest.mark.parametrize(
    ("stored_id", "kind"),
    [
        ("chatcmpl-Ab1", "chatcmpl-"),
        ("gen-1786465029-CAk", "gen-"),
        ("7027d986-3c59-a37a", ""),
        ("d1d4c43a0e854cbc", ""),
        ("msg_vrtx_01Ab", "msg_vrtx_"),
    ],
)
def test_a_new_id_is_of_the_kind_that_its_provider_gives(stored_id: str, kind: str) -> None:
    answer = chat("Hello") | {"id": stored_id}
    assert json.loads(told("openai.chat", answer, stream=False).body)["id"] == kind + NEW_ID


def test_who_asked_first_is_not_told_to_others() -> None:
    answer = response("Hello") | {
        "user": "zoe@x",
        "safety_identifier": "zoe@x",
        "prompt_cache_key": "k",
        "metadata": {"a": "b"},
    }
    for stream in (True, False):
        body = told("openai.responses", answer, stream=stream).body
        assert b"zoe" not in body
        assert b'"b"' not in body
        assert b'"user":null' in body
        assert b'"metadata":{}' in body


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_provider_keeps_keeps_its_id_so_that_a_caller_can_go_on_from_it(*, stream: bool) -> None:
    answer = response("Hello") | {"store": True, "id": "resp_Kept1"}
    body = told("openai.responses", answer, stream=stream).body
    assert b'"id":"resp_Kept1"' in body
    assert f"resp_{NEW_ID}".encode() not in body


def test_vertex_says_when_it_was_made() -> None:
    answer = gemini("Hello") | {"createTime": "2025-05-31T21:32:48.281457Z"}
    told_again = json.loads(told("gemini.generate", answer, stream=False).body)
    assert told_again["createTime"] == "2026-09-21T14:15:23.000000Z"


def test_streams_have_the_content_type_of_their_provider() -> None:
    assert told("openai.chat", chat("Hi"), stream=True).content_type == b"text/event-stream; charset=utf-8"
    assert told("anthropic.messages", message("Hi"), stream=True).content_type == b"text/event-stream; charset=utf-8"
    assert told("gemini.generate", gemini("Hi"), stream=True).content_type == b"text/event-stream"
    assert told("gemini.generate", gemini("Hi"), stream=True, query="alt=json").content_type.startswith(
        b"application/json"
    )
    assert told("gemini.generate", gemini("Hi"), stream=True, query="x=1&$alt=sse").body.startswith(b"data: ")
