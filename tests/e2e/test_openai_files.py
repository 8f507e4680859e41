"""openai-python's files, batches and fine-tuning through entries of ``passthrough:``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from proxy.domain.row import Row
from tests.support.running import RunningProxy
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import streamed, whole

MORE = """\
passthrough:
  files:   { upstream: openai, paths: ["/v1/files", "/v1/files/**", "/v1/uploads/**"], methods: [GET, POST, DELETE], price: $0/call }
  batches: { upstream: openai, paths: ["/v1/batches/**"], price: $0/call }
  tuning:  { upstream: openai, paths: ["/v1/fine_tuning/**"], price: $0.05/call }
"""
OPENAI = '{{ dialect: openai, base_url: "{url}/v1", key: env:SCRIPTED_KEY, models: ["*"], prices: {{ input: 1, output: 2 }} }}'
FILE: dict[str, Any] = {
    "id": "file-1", "object": "file", "bytes": 9, "created_at": 1790000000, "filename": "a.jsonl",
    "purpose": "batch", "status": "processed",
}  # fmt: skip
BATCH: dict[str, Any] = {
    "id": "batch_1", "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": "file-1",
    "completion_window": "24h", "status": "validating", "created_at": 1790000000,
}  # fmt: skip


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    upstreams = {"openai": OPENAI.format(url=scripted.base_url)}
    home = tmp_path_factory.mktemp("home")
    with RunningProxy(home, upstreams, more=MORE, env={"SCRIPTED_KEY": "provider-secret"}) as running:
        yield running


@pytest.fixture
def client(proxy: RunningProxy) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=proxy.base_url + "/v1", api_key=proxy.key, max_retries=0) as made:
        yield made


def last_row(proxy: RunningProxy, count: int) -> Row:
    return proxy.wait_rows(count)[-1]


def test_files_are_created_listed_read_and_deleted(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    content = os.urandom(3 << 20)
    listed = {"object": "list", "data": [FILE], "has_more": False, "first_id": "file-1", "last_id": "file-1"}
    scripted.replies(
        whole(FILE),
        whole(listed),
        whole(FILE),
        streamed([content[:1000], content[1000:]], content_type="application/octet-stream"),
        whole({"id": "file-1", "object": "file", "deleted": True}),
    )
    assert client.files.create(file=("a.jsonl", content), purpose="batch").id == "file-1"
    assert content in scripted.seen[-1].body
    assert [file.id for file in client.files.list(purpose="batch", limit=1)] == ["file-1"]
    assert scripted.seen[-1].target == "/v1/files?limit=1&purpose=batch"
    assert client.files.retrieve("file-1").filename == "a.jsonl"
    assert client.files.content("file-1").read() == content
    assert client.files.delete("file-1").deleted
    assert [(seen.method, seen.path) for seen in scripted.seen] == [
        ("POST", "/v1/files"), ("GET", "/v1/files"), ("GET", "/v1/files/file-1"),
        ("GET", "/v1/files/file-1/content"), ("DELETE", "/v1/files/file-1"),
    ]  # fmt: skip
    assert {seen.header("authorization") for seen in scripted.seen} == {"Bearer provider-secret"}
    rows = proxy.wait_rows(5)
    assert {(row.dialect, row.outcome, row.cost_nusd) for row in rows} == {("passthrough", "ok", 0)}
    assert [row.endpoint for row in rows] == ["/v1/files", "/v1/files", *["/v1/files/**"] * 3]


def test_large_files_go_up_in_parts(client: openai.OpenAI, scripted: ScriptedUpstream) -> None:
    upload = {"id": "upload_1", "object": "upload", "bytes": 9, "created_at": 1, "expires_at": 2, "filename": "a",
              "purpose": "batch", "status": "pending"}  # fmt: skip
    part = {"id": "part_1", "object": "upload.part", "created_at": 1, "upload_id": "upload_1"}
    scripted.replies(whole(upload), whole(part), whole({**upload, "status": "completed", "file": FILE}))
    created = client.uploads.create(bytes=9, filename="a", mime_type="text/plain", purpose="batch")
    sent = client.uploads.parts.create(created.id, data=os.urandom(1 << 20))
    assert client.uploads.complete(created.id, part_ids=[sent.id]).status == "completed"


def test_batches_and_fine_tuning_pass_at_their_price(
    client: openai.OpenAI, proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    scripted.replies(
        whole(BATCH),
        whole({**BATCH, "status": "cancelling"}),
        whole({"object": "list", "data": [BATCH], "has_more": False}),
        whole({"object": "list", "data": [], "has_more": False}),
    )
    before = len(proxy.rows())
    batch = client.batches.create(input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h")
    assert client.batches.cancel(batch.id).status == "cancelling"
    assert [found.id for found in client.batches.list()] == ["batch_1"]
    assert last_row(proxy, before + 3).cost_nusd == 0
    assert list(client.fine_tuning.jobs.list()) == []
    row = last_row(proxy, before + 4)
    assert (row.endpoint, row.cost_nusd, row.model_requested) == ("/v1/fine_tuning/**", 50_000_000, "tuning")


def test_what_no_entry_names_is_not_found_in_words_that_help(client: openai.OpenAI, scripted: ScriptedUpstream) -> None:
    with pytest.raises(openai.NotFoundError, match="passthrough"):
        client.vector_stores.list()
    assert not scripted.seen
