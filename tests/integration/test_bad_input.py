"""Bad input against the running proxy: a clear 4xx in the caller's dialect, nothing forwarded, and the next call served."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.families import ANTHROPIC, FAMILIES, GEMINI, OPENAI, Family, one_call, told, upstreams
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import whole
from tests.support.talking import Heard, Talking, request

CANARY = "canary-5d1c"
LIMITS = "limits: { body: 1MB, header_timeout: 1s, body_timeout: 1s, body_rate: 1KB, keepalive: 5s }"
MODELS = {"openai": '["gpt-*", "free-*"]', "anthropic": '["claude-*"]', "gemini": '["gemini-*"]'}
BAD_KIND = {"openai": "invalid_request_error", "anthropic": "invalid_request_error", "gemini": "INVALID_ARGUMENT"}
NO_KEY = {"openai": "invalid_request_error", "anthropic": "authentication_error", "gemini": "UNAUTHENTICATED"}
FORBIDDEN = {"openai": "permission_error", "anthropic": "permission_error", "gemini": "PERMISSION_DENIED"}
NOT_FOUND = {"openai": "invalid_request_error", "anthropic": "not_found_error", "gemini": "NOT_FOUND"}
every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    given = upstreams(scripted.base_url, models=MODELS)
    unpriced = f'{{ dialect: openai, base_url: "{scripted.base_url}/v1", models: ["unpriced-*"] }}'
    home = tmp_path_factory.mktemp("home")
    with RunningProxy(
        home, {"unpriced": unpriced, **given}, more=LIMITS, env={"SCRIPTED_KEY": "provider-secret"}
    ) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_is_forwarded_and_the_next_call_is_served(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> Iterator[None]:
    scripted.forget()
    yield
    scripted.replies(whole({"choices": []}))
    assert one_call(proxy, OPENAI.post(proxy)).status == 200
    assert len(scripted.seen) == 1


def refused(proxy: RunningProxy, scripted: ScriptedUpstream, data: bytes) -> Heard:
    """Send; the refusal. Its connection is either said to be closed and is, or serves another request."""
    with Talking(proxy.port) as line:
        heard = line.send(data).answer()
        assert heard.whole
        if heard.header("connection") == "close":
            assert line.rest() == b""
        else:
            assert line.send(request("GET", "/livez")).answer().status == 200
    assert CANARY.encode() not in heard.body
    assert CANARY not in str(heard.headers)
    assert scripted.seen == []
    return heard


# -- bodies that are no strict JSON object

NESTED = f'{{"{CANARY}":' * 70 + "1" + "}" * 70
BODIES = {
    "no bytes at all": b"",
    "nested 100,000 deep": b'{"messages":' + b"[" * 100_000,
    "nested 100,000 deep and closed": b'{"messages":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "nested 70 deep": f'{{"model":"gpt-x","metadata":{NESTED}}}'.encode(),
    "a member twice": b'{"model":"gpt-x","model":"gpt-y","messages":[]}',
    "a member twice, escaped the second time": b'{"model":"gpt-x","\\u006dodel":"gpt-y","messages":[]}',
    "a member twice deep inside": f'{{"messages":[{{"content":"a","content":"{CANARY}"}}]}}'.encode(),
    "NaN": b'{"temperature":NaN}',
    "Infinity": b'{"temperature":Infinity}',
    "minus Infinity": b'{"temperature":-Infinity}',
    "bytes that are no UTF-8": b'{"messages":[{"content":"\xff\xfe"}]}',
    "an overlong UTF-8 form": b'{"messages":[{"content":"\xc0\xaf"}]}',
    "a surrogate in UTF-8": b'{"messages":[{"content":"\xed\xa0\x80"}]}',
    "half a surrogate pair escaped": b'{"messages":[{"content":"\\ud800"}]}',
    "UTF-16": json.dumps({"model": "gpt-x"}).encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"model":"gpt-x"}',
    "NUL for a body": b"\0" * 50,
    "NUL in a string": b'{"model":"gpt\0-x"}',
    "NUL behind the object": b'{"model":"gpt-x"}\0',
    "a line break in a string": f'{{"model":"{CANARY}\n"}}'.encode(),
    "half an object": f'{{"model":"gpt-x","messages":[{{"content":"{CANARY}'.encode(),
    "an object and more": f'{{"model":"gpt-x"}} {CANARY}'.encode(),
    "two objects": b'{"model":"gpt-x"}{"model":"gpt-y"}',
    "a list": b'[{"model":"gpt-x"}]',
    "a string": f'"{CANARY}"'.encode(),
    "a number": b"5",
    "null": b"null",
    "single quotes": b"{'model':'gpt-x'}",
    "a trailing comma": b'{"model":"gpt-x",}',
    "a comment": b'{"model":"gpt-x"/* */}',
    "a form": f"model=gpt-x&prompt={CANARY}".encode(),
    "gzip without saying so": gzip.compress(b'{"model":"gpt-x"}'),
    "a number without end": b'{"max_tokens":' + b"9" * 100_000 + b"",
}


@every_family
@pytest.mark.parametrize("case", BODIES)
def test_a_body_that_is_no_strict_json_object_is_told_in_the_caller_s_dialect(
    case: str, family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = refused(proxy, scripted, family.post(proxy, BODIES[case]))
    assert heard.status == 400
    kind, code, message = told(family, heard)
    assert (kind, code) == (BAD_KIND[family.name], "" if family is ANTHROPIC else "invalid_json")
    assert len(message) < 300
    assert heard.header("x-should-retry") == "false"
    assert heard.header("connection") != "close"  # the request was read whole: the connection is as good as before
    (row,) = proxy.wait_rows(request_id=heard.header("x-request-id"))
    assert (row.attempt, row.outcome, row.status, row.error) == (0, "denied", 400, "invalid_json")
    assert (row.team, row.project, row.cost_nusd, row.upstream) == ("growth", "crm", 0, None)


# -- members of the wrong type

TYPES: list[tuple[Family, dict[str, Any], str]] = [
    (OPENAI, {"model": 5}, "model"),
    (OPENAI, {"model": None}, "model"),
    (OPENAI, {"model": ""}, "model"),
    (OPENAI, {"model": [CANARY]}, "model"),
    (OPENAI, {"messages": CANARY}, "messages"),
    (OPENAI, {"messages": [CANARY]}, "messages"),
    (OPENAI, {"stream": CANARY}, "stream"),
    (OPENAI, {"stream": 1}, "stream"),
    (OPENAI, {"stream_options": [CANARY]}, "stream_options"),
    (OPENAI, {"stream_options": {"include_usage": CANARY}}, "include_usage"),
    (OPENAI, {"max_tokens": CANARY}, "max_tokens"),
    (OPENAI, {"max_tokens": -1}, "max_tokens"),
    (OPENAI, {"max_tokens": 1.5}, "max_tokens"),
    (OPENAI, {"max_tokens": True}, "max_tokens"),
    (OPENAI, {"max_completion_tokens": 10**30}, "max_completion_tokens"),
    (OPENAI, {"n": 0}, "n"),
    (OPENAI, {"n": CANARY}, "n"),
    (OPENAI, {"service_tier": 7}, "service_tier"),
    (ANTHROPIC, {"model": {"a": CANARY}}, "model"),
    (ANTHROPIC, {"messages": CANARY}, "messages"),
    (ANTHROPIC, {"max_tokens": CANARY}, "max_tokens"),
    (ANTHROPIC, {"max_tokens": -5}, "max_tokens"),
    (ANTHROPIC, {"stream": CANARY}, "stream"),
    (ANTHROPIC, {"metadata": [CANARY]}, "metadata"),
    (GEMINI, {"generationConfig": [CANARY]}, "generationConfig"),
    (GEMINI, {"generationConfig": {"maxOutputTokens": CANARY}}, "maxOutputTokens"),
    (GEMINI, {"generationConfig": {"candidateCount": 0}}, "candidateCount"),
    (GEMINI, {"model": CANARY}, "model"),
]


@pytest.mark.parametrize(
    ("family", "members", "named"), TYPES, ids=[f"{f.name}-{n}-{i}" for i, (f, _, n) in enumerate(TYPES)]
)
def test_a_member_of_the_wrong_type_is_named(
    family: Family, members: dict[str, Any], named: str, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = refused(proxy, scripted, family.post(proxy, json.dumps(family.body | members).encode()))
    assert heard.status == 400
    kind, _, message = told(family, heard)
    assert kind == BAD_KIND[family.name]
    assert f"'{named}'" in message
    if family is OPENAI:
        assert heard.json()["error"]["param"] == named


# -- keys


@every_family
@pytest.mark.parametrize("key", ["", "x", "tg_" + "A" * 43, "provider-secret", f"tg_{CANARY}", "tg_" + "A" * 5000])
def test_a_key_that_opens_nothing_is_told_alike_and_its_body_is_never_read(
    key: str, family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    rows = len(proxy.rows())
    data = request("POST", family.path, b'{"not even": JSON', (family.key(key),))
    heard = refused(proxy, scripted, data)
    kind, _, message = told(family, heard)
    assert (heard.status, kind) == (401, NO_KEY[family.name])
    assert message.startswith("No valid key.")
    assert len(proxy.rows()) == rows  # a flood of bad keys must not fill the journal


@every_family
def test_an_expectation_with_a_bad_key_gets_no_continue_and_no_body_is_taken(
    family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    headers = (family.key("tg_" + "B" * 43), ("expect", "100-continue"), ("content-length", "1000"))
    heard = refused(proxy, scripted, request("POST", family.path, headers=headers))
    assert heard.status == 401
    assert told(family, heard)[0] == NO_KEY[family.name]
    assert heard.header("connection") == "close"


def test_an_expectation_that_is_too_large_gets_no_continue(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    headers = (OPENAI.key(proxy.key), ("expect", "100-continue"), ("content-length", str(100 << 20)))
    assert refused(proxy, scripted, request("POST", OPENAI.path, headers=headers)).status == 413


def test_an_expectation_with_a_good_key_is_told_to_continue_once(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    body = b'{"model":'
    headers = (OPENAI.key(proxy.key), ("expect", "100-continue"), ("content-length", str(len(body))))
    with Talking(proxy.port) as line:
        assert line.send(request("POST", OPENAI.path, headers=headers)).head().status == 100
        assert line.send(body).answer().status == 400
    assert scripted.seen == []


# -- sizes, codings and framing


@every_family
def test_a_hundred_megabytes_declared_are_refused_before_they_are_sent(
    family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    headers = (family.key(proxy.key), ("content-length", str(100 << 20)))
    heard = refused(proxy, scripted, request("POST", family.path, headers=headers))
    assert (heard.status, heard.header("connection")) == (413, "close")
    assert "1000000 bytes" in told(family, heard)[2]


@every_family
def test_a_hundred_megabytes_in_chunks_are_cut_at_the_limit(
    family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    headers = (family.key(proxy.key), ("transfer-encoding", "chunked"))
    piece = b"%x\r\n%b\r\n" % (1 << 16, b" " * (1 << 16))
    with Talking(proxy.port) as line:
        line.send(request("POST", family.path, headers=headers))
        heard = line.send(*[piece] * 40).answer()  # and no further: 2.5 MB are 2.5 times what is taken
    assert (heard.status, heard.header("connection")) == (413, "close")
    assert "1000000 bytes" in told(family, heard)[2]
    assert scripted.seen == []


@every_family
@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "deflate", "zstd", "identity, gzip", CANARY])
def test_a_compressed_body_is_not_guessed_at(
    coding: str, family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = refused(proxy, scripted, family.post(proxy, gzip.compress(b"{}"), ("content-encoding", coding)))
    assert heard.status == 415
    assert told(family, heard)[0] == BAD_KIND[family.name]


# fmt: off - one probe a line
FRAMINGS = {
    "a length and chunks": (("content-length", "5"), ("transfer-encoding", "chunked")),
    "chunks and a length": (("transfer-encoding", "chunked"), ("content-length", "5")),
    "gzip, chunked": (("transfer-encoding", "gzip, chunked"),),
    "chunked, gzip": (("transfer-encoding", "chunked, gzip"),),
    "chunked, chunked": (("transfer-encoding", "chunked, chunked"),),
    "two codings in two lines": (("transfer-encoding", "gzip"), ("transfer-encoding", "chunked")),
    "identity": (("transfer-encoding", "identity"),),
    "two lengths": (("content-length", "5"), ("content-length", "6")),
    "a length that is none": (("content-length", "5e3"),),
    "a negative length": (("content-length", "-5"),),
}
# fmt: on


@pytest.mark.parametrize("case", FRAMINGS)
def test_a_request_whose_end_is_in_doubt_is_refused_and_what_follows_is_not_read_as_another(
    case: str, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    smuggled = OPENAI.post(proxy)
    data = request("POST", OPENAI.path, headers=(OPENAI.key(proxy.key), *FRAMINGS[case])) + b"0\r\n\r\n" + smuggled
    heard = refused(proxy, scripted, data)
    assert (heard.status, heard.header("connection")) == (400, "close")
    assert heard.json()["error"]["message"]


@pytest.mark.parametrize("tail", [b"zz\r\nhi\r\n", b"2\r\nhello\r\n", b"5;" + b"a" * 100 + b"\nhello", b"-1\r\n"])
def test_a_broken_chunk_is_told_and_ends_the_connection(
    tail: bytes, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    data = request("POST", OPENAI.path, headers=(OPENAI.key(proxy.key), ("transfer-encoding", "chunked"))) + tail
    heard = refused(proxy, scripted, data)
    assert (heard.status, heard.header("connection")) == (400, "close")


# fmt: off - one probe a line
HEADS = {
    "140 headers": (400, tuple((f"x-{number}", CANARY) for number in range(140))),
    "5,000 headers": (400, tuple((f"x-{number}", CANARY) for number in range(5000))),
    "a header of 9,000 bytes": (431, (("x-a", "b" * 9000),)),
    "a header of 1 MB": (431, (("x-a", "b" * 1_000_000),)),
    "NUL in a header": (400, (("x-a", f"{CANARY}\0"),)),
    "NUL in the key": (400, (("authorization", f"Bearer {CANARY}\0"),)),
    "a bare line feed in a header": (400, (("x-a", f"b\nx-c: {CANARY}\r"),)),
    "a name that is none": (400, ((f"x {CANARY}", "b"),)),
    "an upgrade": (400, (("connection", "upgrade"), ("upgrade", "websocket"))),
    "an expectation that nobody has": (417, (("expect", CANARY),)),
}
# fmt: on


@pytest.mark.parametrize("case", HEADS)
def test_a_head_that_is_no_good_is_refused_and_ends_the_connection(
    case: str, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    status, headers = HEADS[case]
    heard = refused(proxy, scripted, request("POST", OPENAI.path, b"{}", headers))
    assert heard.status == status
    assert heard.json()["error"]["message"]


# -- slowness


def drip(line: Talking, data: bytes) -> Heard:
    """A byte at a time, slower than any deadline here allows."""
    for at in range(0, min(len(data), 30)):
        line.send(data[at : at + 1], pause_s=0.1)
    return line.answer()


def test_slow_headers_on_a_second_request_are_timed_like_those_of_the_first(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    with Talking(proxy.port) as line:
        assert line.send(request("GET", "/livez")).answer().status == 200
        heard = drip(line, OPENAI.post(proxy))
        assert (heard.status, heard.header("connection")) == (408, "close")
        assert line.rest() == b""
    assert scripted.seen == []


@every_family
def test_a_slow_body_is_told_and_ends_the_connection(
    family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    with Talking(proxy.port) as line:
        line.send(request("POST", family.path, headers=(family.key(proxy.key), ("content-length", "5000"))))
        heard = drip(line, b'{"model":"gpt-x","messages":[{"role":"user"')
        assert (heard.status, heard.header("connection")) == (408, "close")
        assert told(family, heard)[0] == BAD_KIND[family.name]
        assert line.rest() == b""
    assert scripted.seen == []


def test_a_caller_who_leaves_in_the_middle_of_a_body_forwards_nothing(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    with Talking(proxy.port) as line:
        line.send(request("POST", OPENAI.path, headers=(OPENAI.key(proxy.key), ("content-length", "50"))) + b'{"model"')
    assert one_call(proxy, request("GET", "/livez")).status == 200
    assert scripted.seen == []


# -- paths, methods and attribution

PATHS = [
    (OPENAI, f"/v1/chat/completion?{CANARY}", 404, "did you mean /v1/chat/completions?"),
    (OPENAI, "/v1/chat", 404, "There is no such path here."),
    (OPENAI, "/", 404, "There is no such path here."),
    (OPENAI, f"/{CANARY}" + "/a" * 1000, 404, "There is no such path here."),
    (ANTHROPIC, "/v1/messages/batches", 404, "There is no such path here."),
    (GEMINI, "/v1beta/models/gemini-x:explode", 404, "There is no such path here."),
    (OPENAI, f"/p/CRM/v1/{CANARY}", 400, "The path prefix must be"),
    (OPENAI, "/p//v1/chat/completions", 400, "empty or dot segment"),
    (OPENAI, "/p/crm@/v1/chat/completions", 400, "The path prefix must be"),
    (OPENAI, "/p/crm@a%zz/v1/chat/completions", 400, "escape that is not allowed"),
    (OPENAI, "/p/crm@" + "a" * 200 + "/v1/chat/completions", 400, "The path prefix must be"),
    (OPENAI, "/p/" + "a" * 65 + "/v1/chat/completions", 400, "The path prefix must be"),
    (ANTHROPIC, "/p/crm@a!b/v1/messages", 400, "The path prefix must be"),
    (GEMINI, "/p/c_rm/v1beta/models/gemini-x:generateContent", 400, "The path prefix must be"),
    (OPENAI, "/p/evals/v1/chat/completions", 403, "This key may not book to that project. Its projects: crm"),
    (ANTHROPIC, "/p/evals@PAY-1/v1/messages", 403, "This key may not book to that project. Its projects: crm"),
    (GEMINI, "/p/nobody/v1beta/models/gemini-x:generateContent", 403, "This key may not book to that project."),
    (OPENAI, "/v1/chat/completions%00", 400, "escape that is not allowed"),
    (OPENAI, "//v1/chat/completions", 400, "empty or dot segment"),
    (OPENAI, "/v1/../v1/chat/completions", 400, "empty or dot segment"),
    (OPENAI, "http://elsewhere.example/v1/chat/completions", 400, "must be a path"),
    (GEMINI, "/v1beta/models/..%2f..%2fsecret:generateContent", 400, "empty or dot segment"),
    (GEMINI, "/v1beta/models/gem%20ini:generateContent", 400, "must name a model"),
]


@pytest.mark.parametrize(
    ("family", "path", "status", "words"), PATHS, ids=[f"{f.name}-{s}-{p[:40]}" for f, p, s, _ in PATHS]
)
def test_a_path_that_leads_nowhere_is_told_in_the_dialect_it_began_in(
    family: Family, path: str, status: int, words: str, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    body = json.dumps(family.body).encode()
    heard = refused(proxy, scripted, request("POST", path, body, (family.key(proxy.key),)))
    assert heard.status == status
    assert words.lower() in told(family, heard)[2].lower()


METHODS = [
    (OPENAI, "GET", 404), (OPENAI, "DELETE", 404), (OPENAI, "PUT", 404), (OPENAI, "TRACE", 405),
    (ANTHROPIC, "GET", 404), (ANTHROPIC, "PATCH", 404), (GEMINI, "GET", 404), (GEMINI, "OPTIONS", 404),
]  # fmt: skip


@pytest.mark.parametrize(("family", "method", "status"), METHODS)
def test_a_method_that_a_path_does_not_have_is_told(
    family: Family, method: str, status: int, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = refused(proxy, scripted, request(method, family.path, headers=(family.key(proxy.key),)))
    assert heard.status == status
    if status == 404:
        assert told(family, heard)[0] == NOT_FOUND[family.name]


# fmt: off - one probe a line
TAGS = [
    "purpose",
    "=x",
    "a b=c",
    f"{CANARY}=<script>",
    "a=" + "b" * 200,
    "a" * 65 + "=b",
    ",".join(f"t{number}=v" for number in range(17)),
    "a=\xff",
]
# fmt: on


@every_family
@pytest.mark.parametrize("tags", TAGS)
def test_tags_that_are_none_are_refused_with_the_rule(
    tags: str, family: Family, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = refused(proxy, scripted, family.post(proxy, None, ("x-tally-tags", tags)))
    assert heard.status == 400
    kind, code, message = told(family, heard)
    assert (kind, code) == (BAD_KIND[family.name], "" if family is ANTHROPIC else "invalid_tags")
    assert "name=value" in message


# -- models

LONG = "a" * 100_000
MODELS_REFUSED = [
    (OPENAI, "gpt4-x", 404, "did you mean"),
    (OPENAI, "nothing-like-it", 404, "No upstream serves the model 'nothing-like-it'"),
    (OPENAI, "claude-x", 404, "No upstream serves the model 'claude-x' in this dialect"),
    (OPENAI, LONG, 400, "'model'"),
    (OPENAI, "gpt-" + LONG, 400, "'model'"),
    (OPENAI, "gpt-\0\u202e\n", 400, "'model'"),
    (OPENAI, "unpriced-x", 403, "has no price at upstream 'unpriced'"),
    (ANTHROPIC, "gpt-x", 404, "No upstream serves the model 'gpt-x' in this dialect"),
    (ANTHROPIC, "claude-" + LONG, 400, "'model'"),
]


@pytest.mark.parametrize(
    ("family", "model", "status", "words"), MODELS_REFUSED, ids=[m[:20] for _, m, _, _ in MODELS_REFUSED]
)
def test_a_model_that_cannot_be_had_is_told_and_leaves_a_small_row(
    family: Family, model: str, status: int, words: str, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    if words == "did you mean":
        model = "gpt*"  # a pattern is no name
        words = "No upstream serves the model"
    heard = refused(proxy, scripted, family.post(proxy, json.dumps(family.body | {"model": model}).encode()))
    assert heard.status == status
    kind, _, message = told(family, heard)
    assert kind == {400: BAD_KIND, 403: FORBIDDEN, 404: NOT_FOUND}[status][family.name]
    assert words in message
    assert len(heard.body) < 1000
    (row,) = proxy.wait_rows(request_id=heard.header("x-request-id"))
    assert (row.attempt, row.outcome, row.status) == (0, "denied", status)
    assert len(row.model_requested) <= 256


def test_a_model_in_a_path_is_held_to_the_same_length(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    path = f"/v1beta/models/gemini-{'a' * 4000}:generateContent"
    heard = refused(proxy, scripted, request("POST", path, b'{"contents":[]}', (GEMINI.key(proxy.key),)))
    assert (heard.status, told(GEMINI, heard)[0]) == (400, "INVALID_ARGUMENT")
    assert len(heard.body) < 1000
