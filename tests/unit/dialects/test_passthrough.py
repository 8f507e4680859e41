"""What passes as it is: the path, the query without keys, and of the bodies only what an entry names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.config.passthrough import Entry
from proxy.dialects.intake import Receiving
from proxy.dialects.passthrough import AnyBody, PassThrough
from proxy.dialects.passthrough_paths import claimed_by, is_claimed, needs_entry
from proxy.dialects.passthrough_tap import MOST, FigureTap
from proxy.domain.ask import Ask
from proxy.domain.errors import BadRequest, Unavailable
from proxy.domain.upstream import Secret, Upstream

FILES = PassThrough(Entry("files", "openai", ("/v1/files/**",)))
TOKENS = (("input", ("usage", "total_tokens")),)
RERANK = PassThrough(Entry("rerank", "jina", ("/v1/rerank",), ("POST",), ("model",), TOKENS, (("input", 20_000_000),)))
OPENAI = Upstream("openai", "openai", "https://api.example/v1", Secret("sk"))


def asked(dialect: PassThrough, method: str, path: str, body: bytes = b"", query: str = "") -> Ask:
    match = dialect.match(method, path)
    assert match is not None
    if match.endpoint.upload:
        return dialect.received(match, dialect.intake(match, {}, len(body)), query, {})
    return dialect.understand(match, body, query, {})


def test_an_entry_takes_uploads_unless_it_reads_the_model_from_the_body() -> None:
    assert isinstance(FILES, Receiving)
    for dialect, method, upload in (
        (FILES, "POST", True),
        (FILES, "DELETE", True),
        (FILES, "GET", False),
        (RERANK, "POST", False),
    ):
        match = dialect.match(method, dialect.entry.paths[0].removesuffix("/**"))
        assert match is not None
        assert (match.endpoint.upload, match.endpoint.piecewise, match.endpoint.path) == (
            upload,
            True,
            dialect.entry.paths[0],
        )
    assert FILES.match("PUT", "/v1/files") is None
    assert FILES.match("POST", "/v1/file") is None


@pytest.mark.parametrize(
    ("base_url", "target"),
    [
        ("https://api.example/v1", "/files/a?after=b"),
        ("https://api.example/v1/", "/files/a?after=b"),
        ("https://api.example", "/v1/files/a?after=b"),
        ("https://api.example/openai/v1", "/files/a?after=b"),
        ("https://api.example/v2", "/v1/files/a?after=b"),
    ],
)
def test_the_path_is_the_callers_and_its_first_segment_is_not_said_twice(base_url: str, target: str) -> None:
    ask = asked(FILES, "GET", "/v1/files/a", query="after=b")
    assert FILES.outgoing(ask, Upstream("u", "openai", base_url), "files").target == target


def test_keys_do_not_leave_in_a_query_and_the_upstreams_own_parameters_win() -> None:
    ask = asked(
        FILES,
        "GET",
        "/v1/files",
        query="api_key=tg&limit=5&%61pi_key=tg&API-KEY=tg&api-version=a&api%2Dversion=b&order=asc",
    )
    azure = Upstream("u", "openai", "https://api.example/v1", query=(("api-version", "new"),))
    assert FILES.outgoing(ask, azure, "files").target == "/files?limit=5&order=asc&api-version=new"


@pytest.mark.parametrize(
    ("family", "header"),
    [
        ("openai", (b"authorization", b"Bearer sk")),
        ("anthropic", (b"x-api-key", b"sk")),
        ("gemini", (b"x-goog-api-key", b"sk")),
    ],
)
def test_the_key_goes_where_the_upstreams_family_reads_it(family: str, header: tuple[bytes, bytes]) -> None:
    assert FILES.credential(Upstream("u", family, "https://api.example", Secret("sk"))) == header


def test_the_model_is_found_where_the_entry_says_and_the_body_passes_as_it_is() -> None:
    body = b'{"query":"q","model":"reranker-v2", "documents":["a"]}'
    ask = asked(RERANK, "POST", "/v1/rerank", body)
    assert (ask.model, ask.features.text_bytes, ask.features.unbounded) == ("reranker-v2", len(body), "usage")
    assert RERANK.outgoing(ask, OPENAI, "reranker-v2").body is body
    out = RERANK.outgoing(ask, OPENAI, "own-name")
    assert (out.body, out.edits) == (body.replace(b"reranker-v2", b"own-name"), ("model",))
    deep = PassThrough(Entry("x", "u", ("/x",), ("POST",), ("input", "model")))
    assert asked(deep, "POST", "/x", b'{"input":{"model":"m"}}').model == "m"
    assert deep.outgoing(asked(deep, "POST", "/x", b'{"input":{"model":"m"}}'), OPENAI, "n").edits == ()


@pytest.mark.parametrize("body", [b"", b"{}", b'{"model":""}', b'{"model":5}', b"[]", b'{"model":"a","model":"b"}'])
def test_a_body_that_should_name_its_model_and_does_not_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        asked(RERANK, "POST", "/v1/rerank", body)


def test_a_call_without_a_model_is_known_by_its_entry() -> None:
    assert asked(FILES, "POST", "/v1/files", bytes(100)).model == "files"
    assert asked(FILES, "POST", "/v1/files", bytes(100)).features.media_bytes == 0


# What answers used.


def figures(answer: Any, places: Any = TOKENS) -> Any:
    tap = FigureTap(places)
    data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    for start in range(0, len(data), 1000):
        tap.feed(data[start : start + 1000])
    return tap.finish()


def test_figures_are_read_where_the_entry_says() -> None:
    usage = figures({"usage": {"total_tokens": 815}, "results": []})
    assert (usage.input, usage.output, usage.usage_source) == (815, 0, "reported")
    many = figures({"i": 3.2, "s": 1.5}, (("input", ("i",)), ("per_second", ("s",))))
    assert (many.input, many.seconds) == (4, 1.5)


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"no json", b"[]", {}, {"usage": 5}, {"usage": {"total_tokens": "5"}}, {"usage": {"total_tokens": True}},
        {"usage": {"total_tokens": -1}}, {"usage": {"total_tokens": 10**30}}, {"usage": {"total_tokens": None}},
        {"big": "x" * MOST, "usage": {"total_tokens": 5}}, b'{"usage":{"total_tokens":NaN}}',
    ],
)  # fmt: skip
def test_an_answer_that_does_not_show_them_is_left_to_be_estimated(answer: Any) -> None:
    usage = figures(answer)
    assert (usage.input, usage.usage_source) == (None, "estimated")


def test_a_flat_price_is_for_the_call_whatever_comes_back() -> None:
    tap = FILES.tap(asked(FILES, "GET", "/v1/files"))
    tap.feed(bytes(10))
    usage = tap.finish()
    assert (usage.input, usage.output, usage.usage_source) == (0, 0, "reported")


def test_a_download_that_breaks_off_gains_no_words() -> None:
    assert FILES.gap + FILES.error_event(Unavailable("over"), "r") == b""
    assert json.loads(FILES.error_body(Unavailable("over"), "r"))["error"]["message"] == "over"


def test_a_body_of_any_kind_is_ready_at_once() -> None:
    body = AnyBody(None)
    body.feed(b"whatever")
    body.finish()
    assert body.ready
    assert body.known


# Which paths are free.


@pytest.mark.parametrize(
    ("pattern", "methods", "path"),
    [
        ("/v1/chat/completions", ("POST",), "/v1/chat/completions"),
        ("/v1/chat/**", ("POST",), "/v1/chat/completions"),
        ("/v1/**", ("GET", "POST"), "/v1/chat/completions"),
        ("/v1/*/completions", ("POST",), "/v1/chat/completions"),
        ("/v1/audio/*", ("POST",), "/v1/audio/transcriptions"),
        ("/v1beta/models/*", ("POST",), "/v1beta/models/{model}:generateContent"),
        ("/openai/deployments/*/embeddings", ("POST",), "/openai/deployments/{model}/embeddings"),
        ("/v1/models/**", ("GET",), "/v1/models"),
        ("/chat/*", ("POST",), "/chat/completions"),
        ("/audio/**", ("POST",), "/audio/transcriptions"),
    ],
)
def test_a_pattern_that_would_catch_what_a_dialect_meters_is_found(
    pattern: str, methods: tuple[str, ...], path: str
) -> None:
    claim = claimed_by(pattern, methods)
    assert claim is not None
    assert claim[0] == path


@pytest.mark.parametrize(
    ("pattern", "methods"),
    [
        ("/v1/files/**", ("GET", "POST", "DELETE")),
        ("/v1/batches/**", ("GET", "POST")),
        ("/v1/chat/completions/*", ("GET", "DELETE")),
        ("/v1/responses/*", ("GET", "DELETE")),
        ("/v1/models/*", ("DELETE",)),
        ("/v1/fine_tuning/**", ("GET", "POST")),
    ],
)
def test_a_pattern_beside_them_is_free(pattern: str, methods: tuple[str, ...]) -> None:
    assert claimed_by(pattern, methods) is None


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/ch%61t/completions",
        "/v1/chat%2Fcompletions",
        "/v1/chat/completions/",
        "/v1%2fembeddings",
    ],
)
def test_no_disguise_makes_a_metered_path_free(path: str) -> None:
    assert is_claimed("POST", path)


def test_paths_that_people_let_through_are_known() -> None:
    assert needs_entry("/v1/files")
    assert needs_entry("/files/abc")
    assert needs_entry("/v1/fine_tuning/jobs")
    assert not needs_entry("/v1/chat/completion")
    assert not needs_entry("/")
