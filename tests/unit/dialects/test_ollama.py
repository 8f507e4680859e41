"""Requests to Ollama: what is read of them, what is edited, and what is not served."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.ollama import Ollama
from proxy.domain.ask import Ask
from proxy.domain.errors import BadRequest, NotFound, PolicyNote, QuotaSpent, UpstreamFailed
from proxy.domain.upstream import Secret, Upstream

DIALECT = Ollama()
LOCAL = Upstream("home", "ollama", "http://127.0.0.1:11434")
TURN = [{"role": "user", "content": "hi"}]
CHAT: dict[str, Any] = {"model": "llama3.2", "messages": TURN}


def understood(members: dict[str, Any] | bytes, path: str = "/api/chat") -> Ask:
    match = DIALECT.match("POST", path)
    assert match is not None
    body = members if isinstance(members, bytes) else json.dumps(members).encode()
    return DIALECT.understand(match, body, "", {})


@pytest.mark.parametrize(
    ("said", "stream"), [({}, True), ({"stream": None}, True), ({"stream": True}, True), ({"stream": False}, False)]
)
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate"])
def test_an_answer_is_a_stream_unless_that_is_declined(path: str, said: dict[str, Any], stream: bool) -> None:  # noqa: FBT001
    assert understood({**CHAT, **said}, path).stream is stream


@pytest.mark.parametrize("path", ["/api/embed", "/api/embeddings", "/api/show"])
def test_what_writes_nothing_is_no_stream(path: str) -> None:
    ask = understood({"model": "m", "input": "x", "prompt": "x"}, path)
    assert (ask.stream, ask.endpoint.generates) == (False, False)


@pytest.mark.parametrize(("said", "most"), [(None, None), (-1, None), (-2, None), (0, None), (7, 7)])
def test_a_ceiling_is_a_positive_num_predict(said: int | None, most: int | None) -> None:
    assert understood({**CHAT, "options": {"num_predict": said, "seed": 1}}).max_output == most
    assert understood({**CHAT, "options": None}).max_output is None


def test_every_text_of_a_conversation_is_counted_with_its_pictures_and_tools() -> None:
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "what is this?", "images": ["aGk=", "aGk="]},
        {"role": "assistant", "thinking": "hm", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Köln"}}}]},
        {"role": "tool", "tool_name": "weather", "content": "rain"},
    ]  # fmt: skip
    ask = understood({**CHAT, "messages": messages, "tools": tools, "format": {"type": "object"}})
    joined = " ".join(ask.features.texts)
    for word in ("be brief", "what is this?", "hm", "Köln", "rain"):
        assert word in joined
    assert (ask.features.images, ask.features.messages, ask.tools) == (2, 4, ("weather",))
    assert ask.features.tools_bytes > len(json.dumps(tools)) // 2


def test_a_prompt_is_counted_with_its_system_its_pictures_and_the_context_of_an_earlier_answer() -> None:
    members = {
        "model": "m",
        "prompt": "why",
        "system": "be brief",
        "suffix": "end",
        "images": ["aGk="],
        "context": [1, 2, 3],
    }
    features = understood(members, "/api/generate").features
    assert set(features.texts) == {"why", "be brief", "end", " the the the"}
    assert features.images == 1


@pytest.mark.parametrize(("given_input", "number"), [("one", 1), (["one", "two"], 2), ([], 0)])
def test_every_input_of_embeddings_is_counted(given_input: Any, number: int) -> None:
    features = understood({"model": "m", "input": given_input}, "/api/embed").features
    assert len(features.texts) == number
    assert understood({"model": "m", "prompt": "one"}, "/api/embeddings").features.texts == ("one",)


@pytest.mark.parametrize("name", ["Model", "MODEL", "Stream", "Messages", "Options", "\u017ftream", "NAME", "Images"])
def test_a_member_in_other_letters_is_refused_because_the_server_would_take_it_for_the_real_one(name: str) -> None:
    with pytest.raises(BadRequest) as refused:
        understood({**CHAT, name: "big-model"})
    assert refused.value.code == "invalid_member"
    assert refused.value.param == name.casefold()


def test_messages_are_guarded_in_the_same_way() -> None:
    with pytest.raises(BadRequest, match="'content' in lower case"):
        understood({**CHAT, "messages": [{"role": "user", "Content": "hidden from the count"}]})


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"messages": TURN}, "model"),
        ({**CHAT, "model": ""}, "model"),
        ({**CHAT, "messages": "hi"}, "messages"),
        ({**CHAT, "messages": ["hi"]}, "messages"),
        ({**CHAT, "stream": "yes"}, "stream"),
        ({**CHAT, "options": []}, "options"),
        ({**CHAT, "options": {"num_predict": "many"}}, "num_predict"),
        ({**CHAT, "tools": {}}, "tools"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_its_name(members: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as refused:
        understood(members)
    assert refused.value.param == param


def test_a_request_passes_as_the_same_object_when_nothing_must_change() -> None:
    ask = understood(CHAT)
    out = DIALECT.outgoing(ask, LOCAL, "llama3.2")
    assert out.body is ask.body
    assert (out.target, out.edits) == ("/api/chat", ())


def test_a_ceiling_is_written_into_the_options_and_everything_else_stays() -> None:
    ask = understood(b'{"model": "a", "messages": [],  "options": {"seed":  1, "num_predict": -1}}')
    out = DIALECT.outgoing(ask, LOCAL, "b", 100)
    assert out.body == b'{"model": "b", "messages": [],  "options": {"seed":  1, "num_predict": 100}}'
    assert out.edits == ("model", "options")
    for before in ("null", None):
        body = b'{"model":"a"%s}' % (b"" if before is None else b',"options":null')
        assert json.loads(DIALECT.outgoing(understood(body), LOCAL, "a", 5).body)["options"] == {"num_predict": 5}
    low = understood({**CHAT, "options": {"num_predict": 3}})
    assert DIALECT.outgoing(low, LOCAL, "llama3.2", 100).body is low.body


def test_a_model_may_be_asked_about_by_the_older_name_and_the_new_one_wins() -> None:
    ask = understood({"name": "fast"}, "/api/show")
    assert (ask.model, ask.endpoint.metered) == ("fast", False)
    assert json.loads(DIALECT.outgoing(ask, LOCAL, "llama3.2").body) == {"name": "fast", "model": "llama3.2"}


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/pull"), ("POST", "/api/push"), ("POST", "/api/create"), ("POST", "/api/copy"),
                                              ("DELETE", "/api/delete"), ("HEAD", "/api/blobs/sha256:00"), ("POST", "/api/blobs/sha256:00")])  # fmt: skip
def test_nobody_administers_a_server_through_the_proxy(method: str, path: str) -> None:
    with pytest.raises(NotFound, match="changes the models on a server and is not served here"):
        DIALECT.match(method, path)


def test_questions_about_one_server_are_not_served_and_unknown_paths_are_nobodys() -> None:
    with pytest.raises(NotFound, match="Ask /api/tags"):
        DIALECT.match("GET", "/api/ps")
    assert DIALECT.match("POST", "/api/nothing") is None
    assert DIALECT.match("GET", "/api/chat") is None
    match = DIALECT.match("GET", "/api/tags")
    assert match is not None
    assert match.endpoint.local
    assert DIALECT.understand(match, b"", "", {}).model == ""


def test_an_error_is_the_text_that_clients_show_and_a_line_that_they_raise_on() -> None:
    note = PolicyNote(rule="config/budget", decision="d_1")
    told = json.loads(DIALECT.error_body(QuotaSpent("Spent.", policy=note), "r-1"))
    assert (told["error"], told["request_id"], told["policy"]["rule"]) == ("Spent.", "r-1", "config/budget")
    line = DIALECT.error_event(UpstreamFailed("It broke."), "r-1")
    assert line.endswith(b"}\n")
    assert b"\n" not in line[:-1]
    assert json.loads(line)["error"] == "It broke."
    assert "done" not in json.loads(line)


def test_a_server_of_ones_own_has_no_key_and_the_cloud_has_one() -> None:
    assert DIALECT.credential(LOCAL) is None
    cloud = Upstream("cloud", "ollama", "https://ollama.com", key=Secret("k"))
    assert DIALECT.credential(cloud) == (b"authorization", b"Bearer k")


WORDS = st.sampled_from(
    ["messages", "content", "images", "tool_calls", "function", "options", "format", "tools", "context", "input"]
)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=15,
)


@given(
    st.dictionaries(WORDS, TREES, max_size=5),
    st.sampled_from(["/api/chat", "/api/generate", "/api/embed", "/api/show"]),
)
def test_whatever_a_caller_sends_is_understood_or_refused(members: dict[str, Any], path: str) -> None:
    try:
        ask = understood({"model": "m", **members}, path)
    except BadRequest:
        return
    DIALECT.outgoing(ask, LOCAL, "other", 5)
