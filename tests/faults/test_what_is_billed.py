"""A call that no upstream got costs nothing; one whose answer cannot be read, or broke, is never booked without its output."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import zlib
from collections.abc import Iterator

import pytest

from proxy.domain.row import Outcome, Row
from proxy.domain.usage import UsageSource
from tests.support.at_rest import wait_rest
from tests.support.callers import ANSWERS, STREAMS, ask, calling
from tests.support.running import RunningProxy, openai_like
from tests.support.scripted import ScriptedUpstream
from tests.support.scripts import cut_after, silence, streamed, whole

INPUT, OUTPUT = 1000, 2000  # nUSD a token
TALKATIVE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 5000}}]}
TRUE = (UsageSource.REPORTED, 12, 3)  # what every answer here reports


@pytest.fixture(scope="module")
def scripted() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def deaf() -> Iterator[str]:
    """The address of somebody who accepts no connection."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield f"http://127.0.0.1:{full.getsockname()[1]}"
        for filler in fillers:
            filler.close()


@pytest.fixture(scope="module")
def proxy(scripted: ScriptedUpstream, deaf: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProxy]:
    drained = ", on_disconnect: {drain: {max: 5s}}"
    found = {
        "one": openai_like(scripted.base_url, models='"openai-one"', more=", max_connections: 1"),
        "deaf": openai_like(deaf, models='"openai-deaf"', more=", timeouts: { connect: 500ms }"),
        "patient": openai_like(deaf, models='"openai-patient"', more=", timeouts: { connect: 20s }"),
        "drained": openai_like(deaf, models='"openai-drained"', more=", timeouts: { connect: 20s }" + drained),
        "many": openai_like(scripted.base_url.replace("127.0.0.1", "localhost"), models='"openai-many"'),
    }
    with RunningProxy(tmp_path_factory.mktemp("home"), found) as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(scripted: ScriptedUpstream) -> None:
    scripted.forget()


async def rows_of(proxy: RunningProxy, model: str, count: int = 1) -> list[Row]:
    """The last rows of a model, with nothing held any more."""
    await asyncio.to_thread(proxy.wait_rows, count, model_requested=model)
    rows = await asyncio.to_thread(wait_rest, proxy)
    return sorted([row for row in rows if row.model_requested == model], key=lambda row: row.at)[-count:]


async def row_of(proxy: RunningProxy, request_id: str) -> Row:
    rows = await asyncio.to_thread(proxy.wait_rows, request_id=request_id)
    return rows[0]


async def test_calls_that_find_no_connection_cost_nothing(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    scripted.replies([silence()])
    async with calling(proxy, "openai-one"):
        await scripted.wait_seen()
        heard = await asyncio.gather(*[ask(proxy, "openai-one") for _ in range(3)])
        assert [one.status for one in heard] == [503] * 3
    rows = await rows_of(proxy, "openai-one", 4)
    assert len(scripted.seen) == 1
    assert sorted(row.cost_nusd > 0 for row in rows) == [False, False, False, True]
    assert all(row.usage.usage_source is UsageSource.NONE for row in rows if not row.cost_nusd)


async def test_a_connection_that_is_never_accepted_costs_nothing(proxy: RunningProxy) -> None:
    heard = await ask(proxy, "openai-deaf")
    row = await row_of(proxy, heard.headers["x-request-id"])
    assert (heard.status, row.error, row.cost_nusd, row.usage.input) == (504, "upstream_timeout", 0, None)


@pytest.mark.parametrize("model", ["openai-patient", "openai-drained"])
async def test_leaving_before_there_is_a_connection_costs_nothing(proxy: RunningProxy, model: str) -> None:
    async with calling(proxy, model):
        await asyncio.sleep(0.3)
    (row,) = await rows_of(proxy, model)
    assert (row.outcome, row.cost_nusd, row.usage.input) == (Outcome.CLIENT_ABORT, 0, None)


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_compressed_answer_passes_untouched_and_costs_what_it_says(
    proxy: RunningProxy, scripted: ScriptedUpstream, coding: str, pack: object
) -> None:
    assert callable(pack)
    body = pack(json.dumps(ANSWERS["openai"]).encode())
    scripted.replies(whole(body, headers=[("content-encoding", coding)]))
    heard = await ask(proxy, "openai-many")
    assert (heard.body, heard.headers["content-encoding"]) == (body, coding)
    row = await row_of(proxy, heard.headers["x-request-id"])
    assert (row.usage.usage_source, row.usage.input, row.usage.output) == TRUE


async def test_a_compressed_stream_costs_what_it_says(proxy: RunningProxy, scripted: ScriptedUpstream) -> None:
    packed = gzip.compress(b"".join(STREAMS["openai"]))
    pieces = [packed[start : start + 20] for start in range(0, len(packed), 20)]
    scripted.replies(streamed(pieces, headers=[("content-encoding", "gzip")]))
    heard = await ask(proxy, "openai-many", stream=True)
    row = await row_of(proxy, heard.headers["x-request-id"])
    assert heard.body == packed
    assert (row.usage.usage_source, row.usage.input, row.usage.output) == TRUE


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_an_answer_that_cannot_be_read_is_estimated_by_its_size(
    proxy: RunningProxy, scripted: ScriptedUpstream, *, stream: bool
) -> None:
    headers = [("content-encoding", "br")]
    scripted.replies(streamed([b"\x1b" * 400], headers=headers) if stream else whole(b"\x1b" * 400, headers=headers))
    heard = await ask(proxy, "openai-many", stream=stream)
    row = await row_of(proxy, heard.headers["x-request-id"])
    assert (row.usage.usage_source, row.usage.output) == (UsageSource.ESTIMATED, 100)
    assert row.cost_nusd == (row.usage.input or 0) * INPUT + 100 * OUTPUT


async def test_a_whole_answer_that_breaks_at_its_end_is_booked_with_the_text_that_came(
    proxy: RunningProxy, scripted: ScriptedUpstream
) -> None:
    body = json.dumps(TALKATIVE).encode()
    scripted.replies(cut_after(body, len(body) - 5), always=True)
    heard = await ask(proxy, "openai-many")
    row = await row_of(proxy, heard.headers["x-request-id"])
    assert (heard.status, row.status, row.usage.usage_source) == (502, 502, UsageSource.ESTIMATED)
    assert 4900 < (row.usage.output or 0) < 5100
    assert row.cost_nusd == (row.usage.input or 0) * INPUT + (row.usage.output or 0) * OUTPUT
