"""What an entry of ``passthrough:`` lets through the running proxy: as it is, metered as declared, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator

import pytest

from proxy.domain.row import Row
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import close, failing, head, send, silence, streamed, whole
from tests.support.talking import Heard, Talking, request
from tests.support.uploading import Taker

MORE = """\
limits: { upload: 64MiB }
passthrough:
  files:   { upstream: openai, paths: ["/v1/files", "/v1/files/**", "/v1/uploads/**"], methods: [GET, POST, DELETE], price: $0/call }
  batches: { upstream: openai, paths: ["/v1/batches/**"], price: $0.01/call }
  rerank:  { upstream: jina, paths: ["/v1/rerank"], methods: [POST], model: body.model, usage: usage.total_tokens, price: { input: 2000 } }
  dear:    { upstream: openai, paths: ["/v1/dear"], price: $5000/call }
  big:     { upstream: taker, paths: ["/v1/big"], methods: [POST], price: $0/call }
"""
RERANK = {"model": "reranker-v2", "query": "q", "documents": ["a", "b"]}


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def taker() -> Iterator[Taker]:
    with Taker() as made:
        yield made


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, taker: Taker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    prices = "prices: { input: 1, output: 2 }, breaker: { failures: 0 }"
    upstreams = {
        "openai": f'{{ dialect: openai, base_url: "{scripted.base_url}/v1", key: env:SCRIPTED_KEY, {prices} }}',
        "jina": f'{{ dialect: openai, base_url: "{scripted.base_url}/v1", models: ["jina-*"], timeouts: {{ first_byte: 300ms }}, {prices} }}',
        "taker": f'{{ dialect: openai, base_url: "{taker.base_url}/v1", models: ["none"], {prices} }}',
    }
    home = tmp_path_factory.mktemp("home")
    with RunningProxy(home, upstreams, more=MORE, env={"SCRIPTED_KEY": "provider-secret"}) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(scripted: ScriptedUpstream) -> None:
    scripted.forget()


def call(
    proxy: RunningProxy, method: str, path: str, body: bytes | None = None, *headers: tuple[str, str], key: str = ""
) -> Heard:
    with Talking(proxy.port) as line:
        known = ("authorization", f"Bearer {key or proxy.key}")
        return line.send(request(method, path, body, (known, *headers))).answer()


def row_of(proxy: RunningProxy, heard: Heard) -> Row:
    return proxy.wait_rows(request_id=heard.header("x-request-id"))[-1]


def test_a_call_passes_as_it_is_with_our_key_and_leaves_a_row_of_its_entry(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole({"data": []}))
    headers = (("openai-beta", "assistants=v2"), ("openai-organization", "org-x"), ("x-tally-tags", "a=b"))
    heard = call(proxy, "GET", f"/p/crm@PAY-1/v1/files?limit=2&key={proxy.key}&order=asc", None, *headers)
    assert (heard.status, heard.json()) == (200, {"data": []})
    seen = scripted.seen[-1]
    assert (seen.method, seen.target, seen.body) == ("GET", "/v1/files?limit=2&order=asc", b"")
    assert (seen.header("authorization"), seen.header("openai-beta")) == ("Bearer provider-secret", "assistants=v2")
    assert (seen.header("openai-organization"), seen.header("content-length")) == (None, None)
    assert proxy.key not in str(seen)
    row = row_of(proxy, heard)
    assert (row.dialect, row.endpoint, row.upstream, row.project, row.ref) == ("passthrough", "/v1/files", "openai", "crm", "PAY-1")  # fmt: skip
    assert (row.cost_nusd, row.outcome, row.model_requested, row.stream, row.price_flag) == (
        0,
        "ok",
        "files",
        False,
        None,
    )


def test_a_flat_price_is_held_and_booked_for_what_was_done_and_not_for_an_error(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(whole({"id": "b"}), failing(404), whole({"id": "b"}))
    heard = call(proxy, "POST", "/v1/batches", b'{"input_file_id":"f"}', ("content-type", "application/json"))
    row = row_of(proxy, heard)
    assert (row.cost_nusd, row.held_nusd, row.endpoint) == (10_000_000, 10_000_000, "/v1/batches/**")
    assert (scripted.seen[-1].body, scripted.seen[-1].header("content-type")) == (b'{"input_file_id":"f"}', "application/json")  # fmt: skip
    missing = call(proxy, "GET", "/v1/batches/none")
    assert (missing.status, row_of(proxy, missing).cost_nusd) == (404, 0)
    assert missing.json()["error"]["message"] == "scripted failure"
    cancelled = call(proxy, "POST", "/v1/batches/b/cancel")
    assert (cancelled.status, scripted.seen[-1].body, scripted.seen[-1].target) == (200, b"", "/v1/batches/b/cancel")


def test_what_the_budget_has_no_room_for_is_refused_before_anything_is_sent(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = call(proxy, "POST", "/v1/dear", b"{}")
    assert (heard.status, heard.json()["error"]["type"]) == (429, "insufficient_quota")
    assert not scripted.seen


def test_usage_is_read_where_the_entry_says_and_an_answer_without_it_is_not_free(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(
        whole({"usage": {"total_tokens": 815}, "results": []}),
        whole({"results": []}),
        streamed([b'{"usage":{"total_tokens":5},"x":"', b"x" * (2 << 20), b'"}'], content_type="application/json"),
        whole({"detail": "no"}, 422),
    )
    body = json.dumps(RERANK).encode()
    told, silent, large, refused = [row_of(proxy, call(proxy, "POST", "/v1/rerank", body)) for _ in range(4)]
    assert (told.usage.input, told.cost_nusd, told.usage.usage_source) == (815, 1_630_000_000, "reported")
    assert (told.model_requested, told.upstream, told.price_flag) == ("reranker-v2", "jina", None)
    for row in (silent, large):
        assert row.usage.usage_source == "estimated"
        assert row.cost_nusd == (row.usage.input or 0) * 2_000_000 > 0
        assert row.price_flag == "usage_missing"
        assert row.outcome == "ok"
    assert (refused.status, refused.cost_nusd) == (422, 0)


def test_an_upstream_that_says_nothing_is_booked_by_estimate_since_it_may_have_worked(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies([silence()])
    heard = call(proxy, "POST", "/v1/rerank", json.dumps(RERANK).encode())
    assert heard.status == 504
    assert row_of(proxy, heard).cost_nusd > 0


def test_a_request_that_should_name_its_model_and_does_not_is_refused(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    heard = call(proxy, "POST", "/v1/rerank", b'{"query":"q"}')
    assert (heard.status, heard.json()["error"]["param"]) == (400, "model")
    assert not scripted.seen


def test_a_download_passes_in_pieces_and_one_that_breaks_off_looks_broken(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    noise = os.urandom(1 << 20)
    disposition = ("content-disposition", 'attachment; filename="a.bin"')
    scripted.replies(streamed([noise] * 8, content_type="application/octet-stream", headers=[disposition]))
    heard = call(proxy, "GET", "/v1/files/a/content")
    assert heard.whole
    assert hashlib.sha256(heard.body).digest() == hashlib.sha256(noise * 8).digest()
    assert (heard.header("content-type"), heard.header("content-disposition")) == ("application/octet-stream", disposition[1])  # fmt: skip
    assert heard.header("transfer-encoding") == "chunked"
    cut = head(content_type="application/octet-stream") + b"content-length: 3000000\r\n\r\n" + noise
    scripted.replies([send(cut), close()])
    broken = call(proxy, "GET", "/v1/files/a/content")
    assert not broken.whole
    assert noise.startswith(broken.body)
    assert row_of(proxy, broken).outcome == "upstream_error"


def test_an_upload_of_any_kind_and_size_passes_up_to_the_limit(proxy: RunningProxy, taker: Taker) -> None:
    noise = os.urandom(1 << 20)
    with Talking(proxy.port) as line:
        head_lines = (
            ("authorization", f"Bearer {proxy.key}"),
            ("content-type", "application/x-own"),
            ("content-length", str(48 << 20)),
        )
        line.send(request("POST", "/v1/big", None, head_lines))
        heard = line.send(*[noise] * 48).answer()
    assert heard.status == 200
    taken = taker.last()
    assert (taken.size, taken.headers["content-type"]) == (48 << 20, "application/x-own")
    assert taken.digest == hashlib.sha256(noise * 48).hexdigest()
    assert call(proxy, "POST", "/v1/big", None, ("content-length", str(65 << 20))).status == 413


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("PUT", "/v1/files", "`passthrough:`"),
        ("GET", "/v1/fine_tuning/jobs", "`passthrough:`"),
        ("GET", "/v1/vector_stores/vs_1", "`passthrough:`"),
        ("POST", "/v1/chat/completion", "/v1/chat/completions"),
        ("GET", "/v1/rerank", "/v2/rerank"),
        ("POST", "/v1/filesystem", "no such path"),
    ],
)
def test_a_path_that_nobody_declared_is_not_served_and_the_answer_says_how_it_could_be(
    proxy: RunningProxy, scripted: ScriptedUpstream, method: str, path: str, said: str
) -> None:
    heard = call(proxy, method, path, b"{}" if method != "GET" else None)
    assert heard.status == 404
    assert said in heard.json()["error"]["message"]
    assert not scripted.seen


def test_strangers_do_not_pass(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    assert call(proxy, "GET", "/v1/files", key="tg_wrong").status == 401
    assert not scripted.seen


def test_metrics_name_the_pattern_and_never_the_path(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies(whole({}))
    row_of(proxy, call(proxy, "DELETE", "/v1/files/file-secret"))
    text = ""
    for _ in range(50):  # a worker's file is read when it has been written
        text = proxy.get("/metrics", base=proxy.admin_url).decode()
        if 'route="/v1/files/**"' in text:
            break
        time.sleep(0.05)
    assert 'route="/v1/files/**"' in text
    assert "file-secret" not in text


def test_entries_are_taken_up_without_a_restart_and_one_that_would_catch_a_metered_path_is_refused(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    before = proxy.config.read_text()
    entry = '  more: { upstream: openai, paths: ["%s"], price: $0/call }\n'
    try:
        proxy.config.write_text(before.replace("passthrough:\n", "passthrough:\n" + entry % "/v1/chat/**"))
        said = proxy.cli("check")
        assert said.returncode == 2
        assert (
            "would let /v1/chat/completions through, which openai_chat serves and meters" in said.stderr + said.stdout
        )
        proxy.config.write_text(before.replace("passthrough:\n", "passthrough:\n" + entry % "/v1/moderations"))
        scripted.replies(whole({"id": "m"}), always=True)
        heard = call(proxy, "POST", "/v1/moderations", b"{}")
        for _ in range(100):
            if heard.status == 200:
                break
            time.sleep(0.05)
            heard = call(proxy, "POST", "/v1/moderations", b"{}")
        assert heard.status == 200
    finally:
        proxy.config.write_text(before)
